import { Command } from "commander";
import { addTo } from "./replay/compare.js";
import { Player } from "./replay/player.js";
import { type Run, readRuns } from "./replay/trace.js";

/** `npm run replay -- FILE|DIR…`: plays recorded traffic of a real cluster into an SCM and compares the
 * tables. */
const program = new Command("replay")
  .description(
    "Plays recorded traffic of a real Ozone cluster into an SCM and compares its tables and answers.",
  )
  .argument("<path...>", "trace files, or folders: each folder is one run from an empty SCM")
  .option("-D, --define <key=value>", "configuration of the SCM, repeatable", collect, [])
  .parse();

const { define } = program.opts<{ define: string[] }>();
let [sceneCount, rpcCount] = [0, 0];
const differences: string[] = [];
const counts = new Map<string, number>();

for (const run of runsOf(program.args)) {
  const player = new Player(run, define);
  await player.play((scene) => {
    sceneCount++;
    console.log(`${run.name} ${scene.name}: ${scene.lines.length} lines`);
  });
  rpcCount += player.rpcCount;
  differences.push(...player.differences.lines);
  const { agreed, differentByRule, notComparedYet } = player.differences;
  for (const [what, count] of agreed) addTo(counts, `agreed: ${what}`, count);
  for (const [rule, count] of differentByRule) addTo(counts, `different by rule: ${rule}`, count);
  for (const [what, count] of notComparedYet) addTo(counts, `not compared yet: ${what}`, count);
}
for (const line of differences) console.log(line);
for (const [what, count] of [...counts].sort()) console.log(`${what} ${count}`);
console.log(`scenes ${sceneCount}, rpcs ${rpcCount}, differences ${differences.length}`);
process.exit(differences.length === 0 ? 0 : 1);

/** What cannot be read is an error of the caller, told without a stack. */
function runsOf(paths: readonly string[]): Run[] {
  try {
    return readRuns(paths);
  } catch (error) {
    console.error(`replay: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  }
}

function collect(value: string, values: readonly string[]): string[] {
  return [...values, value];
}
