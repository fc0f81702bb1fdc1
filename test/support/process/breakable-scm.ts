/** `strata` with a switch: a message `{ role, index }` ends that worker's thread where it stands, as
 * nothing but a fault can. */
import { main } from "../../../engine/cli/main.js";
import { realParts } from "../../../engine/cli/real-parts.js";
import { startScm } from "../../../engine/scm-process.js";

await main({
  ...realParts,
  startScm: async (options) => {
    const scm = await startScm(options);
    process.on("message", (message) => {
      const { role, index } = message as { role: string; index: number };
      scm.workers.terminate(role, index);
    });
    return scm;
  },
});
