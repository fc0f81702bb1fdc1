import { runWorker } from "../../../workers/shared/run-worker.js";
import { ECHO_LAYOUT, EchoLoop } from "./echo-loop.js";

export default runWorker((context) => new EchoLoop(context), [ECHO_LAYOUT]);
