import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { errorMessage, jsonLine, textLines } from "./cluster/events.js";
import { LocalCluster } from "./cluster/local-cluster.js";
import { watch } from "./cluster/watch.js";

/** `npm run cluster`: a group of SCMs on this machine, for who wants to see how it behaves. */
const EXAMPLES = `
Examples:
  npm run cluster
  npm run cluster -- --size 5 --seconds 60
  npm run cluster -- --directory ./my-cluster

A member that ends, however, is started again after a few seconds; a client writes all the time and tells how
long its writes stood still. Ctrl-C ends all. What lies in --directory stays and is used again.`;

const program = new Command("cluster")
  .description("Starts a group of SCMs on loopback, each a process of its own, and shows who leads.")
  .addOption(new Option("--size <n>", "members: 1, 3 or 5").choices(["1", "3", "5"]).default("3", "3"))
  .option("--directory <dir>", "where their data lies and stays (default: a temporary one)")
  .option("--seconds <n>", "ends by itself after that time, counted from the start", wholeNumber)
  .option("--json", "one JSON object a line for each event")
  .addHelpText("after", EXAMPLES)
  .parse();

const options = program.opts<{ size: string; directory?: string; seconds?: number; json?: true }>();
process.exit(await run());

async function run(): Promise<number> {
  const directory = resolve(options.directory ?? mkdtempSync(join(tmpdir(), "strata-cluster-")));
  mkdirSync(directory, { recursive: true });
  const print = (line: string): void => console.log(line);
  const cluster = new LocalCluster(directory, Number(options.size), (event) => {
    if (options.json === true) print(jsonLine(event));
    else for (const line of textLines(event)) print(line);
  });
  const end = endSignal(options.seconds);
  try {
    await Promise.race([cluster.start(), end]);
    if (cluster.isReady) await watch(cluster, end);
    return 0;
  } catch (error) {
    console.error(`cluster: ${errorMessage(error)}`);
    console.error(`cluster: the logs of the members are in ${directory}`);
    return 1;
  } finally {
    await cluster.stop();
    if (options.directory === undefined && !cluster.hasFailed)
      rmSync(directory, { recursive: true, force: true });
  }
}

/** Resolves when it is time to end. */
function endSignal(seconds: number | undefined): Promise<void> {
  return new Promise((done) => {
    if (seconds !== undefined) setTimeout(done, seconds * 1000);
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => done());
  });
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError("must be a whole number above 0");
  return value;
}
