import { setFlagsFromString } from "node:v8";

/** Imported into the SCM under test before it starts: the threads of an SCM refuse the option itself. */
setFlagsFromString("--trace-gc");
