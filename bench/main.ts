import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { loadConfig } from "../engine/config/load.js";
import { DEFAULT_CACHE } from "../scripts/interop/release.js";
import type { Bench } from "./harness/bench.js";
import { type Figure, figureLine, yardstickLine } from "./harness/figure.js";
import { temporaryDirectory } from "./harness/temporary-directory.js";
import { runVersus } from "./harness/versus.js";
import { describeYardsticks, measureYardsticks, yardstickSink } from "./harness/yardsticks.js";
import { allocateBlock } from "./scenarios/allocate-block.js";
import { allocateContainer } from "./scenarios/allocate-container.js";
import { append } from "./scenarios/append.js";
import { boot } from "./scenarios/boot.js";
import { commit } from "./scenarios/commit.js";
import { commitHa } from "./scenarios/commit-ha.js";
import { containerList } from "./scenarios/container-list.js";
import { failover } from "./scenarios/failover.js";
import { flush } from "./scenarios/flush.js";
import { hadoop } from "./scenarios/hadoop.js";
import { hadoopReport } from "./scenarios/hadoop-report.js";
import { heartbeat } from "./scenarios/heartbeat.js";
import { codec, ring } from "./scenarios/micro.js";
import { openStripe } from "./scenarios/open-stripe.js";
import { placement } from "./scenarios/placement.js";
import { quorum, raftStep } from "./scenarios/raft.js";
import { readContainers } from "./scenarios/read-containers.js";
import { fullReport, incrementalReport } from "./scenarios/reports.js";
import { restartStorm, socketStorm } from "./scenarios/restart-storm.js";
import { snapshot } from "./scenarios/snapshot.js";

const BENCHES: readonly Bench[] = [
  allocateBlock,
  allocateContainer,
  heartbeat,
  fullReport,
  incrementalReport,
  hadoop,
  hadoopReport,
  openStripe,
  commit,
  commitHa,
  failover,
  snapshot,
  append,
  raftStep,
  quorum,
  placement,
  flush,
  containerList,
  readContainers,
  ring,
  codec,
  boot,
  restartStorm,
  socketStorm,
];

/** `npm run bench -- NAME`: runs a bench and prints its figures beside the yardsticks of the same run. */
const program = new Command("bench")
  .description("Measures one thing and prints one line a figure.")
  .argument("<name>", `one of: ${BENCHES.map(({ name }) => name).join(", ")}; all = each in turn`)
  .option("--json <file>", "also writes the figures as JSON")
  .option("--vs <revision>", "alternates this tree with another revision (A B A B) and prints the ratios")
  .option("--runs <count>", "of benches that repeat something: how often", wholeNumber)
  .option("--nodes <count>", "of benches with a fleet: datanodes", wholeNumber)
  .option("--containers <count>", "of benches with a fleet: containers on each datanode", wholeNumber)
  .option("--only <word>", "of benches with several parts: those whose name contains the word")
  .option("--with-reference", "of hadoop: beside the released SCM (needs Java and its jars)")
  .addOption(
    new Option("--cache <dir>", "where the release is kept")
      .env("STRATA_INTEROP_CACHE")
      .default(DEFAULT_CACHE, "~/.cache/strata"),
  )
  .addHelpText("after", `\n${BENCHES.map(({ name, doc }) => `  ${name.padEnd(20)} ${doc}`).join("\n")}`)
  .parse();

const [name] = program.args;
const { json, vs, withReference, cache, ...choices } = program.opts<{
  json?: string;
  vs?: string;
  runs?: number;
  nodes?: number;
  containers?: number;
  only?: string;
  withReference?: true;
  cache: string;
}>();
const chosen = name === "all" ? BENCHES : BENCHES.filter((bench) => bench.name === name);
if (chosen.length === 0) program.error(`no bench is called ${name}`);
if (vs !== undefined) runVersus(String(name), vs, (line) => console.log(line));
else await runBenches(temporaryDirectory());

async function runBenches(directory: string): Promise<void> {
  const settings = describeMachine(directory);
  const results: Figure[] = [];
  for (const bench of chosen) {
    console.log(`${bench.name}: ${bench.doc}`);
    const yardsticks = measureYardsticks();
    const figures = await bench.run({
      print: (line) => console.log(`  ${line}`),
      directory: join(directory, bench.name),
      ...choices,
      ...(withReference === true ? { reference: { cache } } : {}),
    });
    console.log(`  ${describeYardsticks(yardsticks)}`);
    console.log(`  ${settings}`);
    for (const figure of figures) {
      const line = yardstickLine(figure, yardsticks);
      if (line !== undefined) console.log(line);
    }
    for (const figure of figures) console.log(figureLine(figure));
    results.push(...figures);
  }
  if (json !== undefined)
    writeFileSync(json, `${JSON.stringify({ settings, figures: results }, undefined, 2)}\n`);
  if (Number.isNaN(yardstickSink())) console.log("the yardsticks' loops were optimised away");
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError("must be a whole number above 0");
}

function describeMachine(directory: string): string {
  const config = loadConfig({ env: {}, overrides: [`ozone.metadata.dirs=${directory}`] });
  const model = cpus()[0]?.model ?? "unknown";
  const machine = `Node.js ${process.version}, ${cpus().length} × ${model}`;
  return `${machine}, default configuration, hash ${config.hash()}`;
}
