#!/usr/bin/env node
import { processIo } from "./cli/io.js";
import { run } from "./cli/program.js";
import { realParts } from "./cli/real-parts.js";

// Said outright, since a part that could not start may leave a socket or a timer behind.
process.exit(await run(process.argv.slice(2), processIo(), realParts));
