import { type Command, Option } from "commander";
import type { CommandContext } from "./context.js";
import { addConfigOptions, type ConfigOptions, configSources, wholeNumber } from "./options.js";

/** How `strata demo` runs. */
export interface DemoOptions {
  /** Sources of the SCM's configuration; the demo adds directories and addresses of its own. */
  readonly configDir: string | undefined;
  readonly overrides: readonly string[];
  /** Whether data of an earlier run is wiped first. */
  readonly fresh: boolean;
  /** 3 … 5,000 simulated datanodes: a pipeline has as many members. */
  readonly nodeCount: number;
  /** Ends by itself after this time with a summary; undefined = runs until a signal. */
  readonly seconds: number | undefined;
  /** Replicas on each datanode, 0 … 100,000. */
  readonly containersPerNode: number;
}

interface ParsedOptions extends ConfigOptions {
  readonly fresh?: true;
  readonly nodes: number;
  readonly seconds?: number;
  readonly containersPerNode: number;
}

const EXAMPLES = `
Examples:
  strata demo
  strata demo --fresh --nodes 500
  strata demo --seconds 20

The data stays in ./.strata-demo: kill the process in any way and start it again, and nothing that was
acknowledged is gone.`;

/** `strata demo`. */
export function addDemoCommand(parent: Command, { io, parts, end }: CommandContext): void {
  const command = parent
    .command("demo")
    .description("runs an SCM with a simulated fleet of datanodes and shows what happens")
    .option("--fresh", "wipes the data of earlier runs")
    .addOption(new Option("--nodes <n>", "datanodes").argParser(wholeNumber(3, 5000)).default(100))
    .addOption(
      new Option("--seconds <n>", "ends by itself with a summary").argParser(wholeNumber(1, 1_000_000)),
    )
    .addOption(
      new Option("--containers-per-node <n>", "replicas on each datanode")
        .argParser(wholeNumber(0, 100_000))
        .default(400),
    )
    .addHelpText("after", EXAMPLES);
  addConfigOptions(command).action(async (options: ParsedOptions) => {
    const { configDir, overrides } = configSources(options, io);
    end(
      await parts.runDemo(
        {
          configDir,
          overrides: overrides ?? [],
          fresh: options.fresh === true,
          nodeCount: options.nodes,
          seconds: options.seconds,
          containersPerNode: options.containersPerNode,
        },
        io,
      ),
    );
  });
}
