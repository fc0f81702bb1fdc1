#!/usr/bin/env node
import { endProcess } from "./cli/exit-code.js";
import { processIo } from "./cli/io.js";
import { run } from "./cli/program.js";
import { realParts } from "./cli/real-parts.js";

const io = processIo();
const exitCode = await run(process.argv.slice(2), io, realParts);
await io.flush();
// Said outright, since a part that could not start may leave a socket or a timer behind.
endProcess(exitCode);
