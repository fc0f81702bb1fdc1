/** A process that writes lines of a kilobyte, as many as its argument says, and ends as main.ts does. */
import { processIo } from "../../../engine/cli/io.js";

const io = processIo();
const lineCount = Number(process.argv[2]);
for (let i = 0; i < lineCount; i++) {
  io.out("x".repeat(1023));
  if (i % 100 === 0) await io.drained();
}
io.err("written");
await io.flush();
process.exit(3);
