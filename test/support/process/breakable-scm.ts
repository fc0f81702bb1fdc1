/** `strata` with a switch: a message `{ role, index }` ends that worker's thread where it stands, as
 * nothing but a fault can. */
import { processIo } from "../../../engine/cli/io.js";
import type { Parts } from "../../../engine/cli/parts.js";
import { run } from "../../../engine/cli/program.js";
import { realParts } from "../../../engine/cli/real-parts.js";
import { startScm } from "../../../engine/scm-process.js";

const parts: Parts = {
  ...realParts,
  startScm: async (options) => {
    const scm = await startScm(options);
    process.on("message", (message) => {
      const { role, index } = message as { role: string; index: number };
      scm.workers.terminate(role, index);
    });
    return scm;
  },
};
const io = processIo();
const exitCode = await run(process.argv.slice(2), io, parts);
await io.flush();
process.exit(exitCode);
