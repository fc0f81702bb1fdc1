import { endProcess } from "./exit-code.js";
import { processIo } from "./io.js";
import type { Parts } from "./parts.js";
import { run } from "./program.js";
import { realParts } from "./real-parts.js";

/** The command that the process was started with. */
export async function main(parts: Parts = realParts): Promise<void> {
  const io = processIo();
  const exitCode = await run(process.argv.slice(2), io, parts);
  await io.flush();
  // Said outright, since a part that could not start may leave a socket or a timer behind.
  endProcess(exitCode);
}
