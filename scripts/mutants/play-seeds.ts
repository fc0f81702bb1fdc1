import { runCoreSeed } from "../../test/support/core-simulation/run-core-seed.js";
import { runSeed } from "../../test/support/simulation/system/run-seed.js";

/** `node play-seeds.js core|system FIRST COUNT`: plays seeds in order until one fails. Prints that one and
 * what went wrong; ends with 1 then. */
const [simulator, first, count] = process.argv.slice(2);

async function errorOf(seed: number): Promise<unknown> {
  if (simulator === "core") return runCoreSeed(seed).error;
  return (await runSeed(seed)).error;
}

for (let seed = Number(first); seed < Number(first) + Number(count); seed++) {
  const error = await errorOf(seed);
  if (error === undefined) continue;
  console.log(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
