import { hostname } from "node:os";
import { type Command, Option } from "commander";
import type { Config } from "../config/config.js";
import { loadConfig } from "../config/load.js";
import { isUuid } from "../core/uuid.js";
import type { DiskNotice } from "../storage/node-disk.js";
import { createLogger } from "../telemetry/logger.js";
import type { CommandContext } from "./context.js";
import { CommandError, EXIT } from "./exit-code.js";
import {
  addConfigOptions,
  type ConfigOptions,
  configSources,
  wholeNumber,
  wholeNumber64,
} from "./options.js";
import { runScm } from "./run-scm.js";

interface ScmOptions extends ConfigOptions {
  readonly init?: true;
  readonly clusterid?: string;
  readonly localIdFloor?: bigint;
  readonly termFloor?: number;
  readonly printConfig?: true;
}

const EXAMPLES = `
Examples:
  strata scm --init -D ozone.metadata.dirs=/var/lib/strata
  strata scm -D ozone.metadata.dirs=/var/lib/strata
  strata scm --config /etc/ozone --print-config

Without --init the SCM starts and runs until SIGTERM or SIGINT; a second one ends it at once.
An initialised directory is never initialised again: --init then prints its ids.
The floors are for taking over the datanodes of another cluster: new ids and terms start above them.`;

/** `strata scm`. */
export function addScmCommand(parent: Command, context: CommandContext): void {
  const command = parent
    .command("scm")
    .description("initialises or runs a Storage Container Manager")
    .option("--init", "initialises the metadata directory, prints the ids and ends")
    .option("--clusterid <id>", "with --init: id of the cluster, a UUID or CID-UUID (default: a new one)")
    .addOption(
      new Option("--local-id-floor <n>", "with --init: local block ids start above n").argParser(
        wholeNumber64,
      ),
    )
    .addOption(
      new Option("--term-floor <n>", "with --init: Raft terms start above n").argParser(
        wholeNumber(0, Number.MAX_SAFE_INTEGER - 1),
      ),
    )
    .option("--print-config", "prints the effective configuration and ends")
    .addHelpText("after", EXAMPLES);
  addConfigOptions(command).action(async (options: ScmOptions) => {
    checkOptions(options);
    const config = loadConfig(configSources(options, context.io));
    for (const warning of config.warnings) context.io.err(`strata: warning: ${warning}`);
    if (options.printConfig === true) printConfig(config, context);
    else if (options.init === true) await initialize(config, options, context);
    else await start(config, context);
  });
}

function checkOptions(options: ScmOptions): void {
  const { init, clusterid, localIdFloor, termFloor } = options;
  const needsInit = clusterid ?? localIdFloor ?? termFloor;
  if (init !== true && needsInit !== undefined) {
    throw new CommandError("--clusterid, --local-id-floor and --term-floor go with --init", EXIT.USAGE);
  }
  if (clusterid !== undefined && !isUuid(clusterid.replace(/^CID-/, ""))) {
    throw new CommandError(
      `--clusterid ${clusterid}: must be a UUID in lower case, or CID- and one`,
      EXIT.USAGE,
    );
  }
}

function printConfig(config: Config, { io }: CommandContext): void {
  for (const { key, value, origin, used } of config.effective()) {
    io.out(`${key}=${value}  # ${origin}${used ? "" : ", not used by this release"}`);
  }
}

async function initialize(config: Config, options: ScmOptions, { io, parts }: CommandContext): Promise<void> {
  const primordial = config.scm.primordialNodeId;
  const ownNames = [config.scm.nodeId, config.scm.hostName, hostname()];
  if (primordial !== undefined && !ownNames.includes(primordial)) {
    io.err(`strata: nothing done: ozone.scm.primordial.node.id is ${primordial}, not this SCM`);
    return;
  }
  const { clusterid: clusterId, localIdFloor, termFloor } = options;
  const result = await parts.initialize(config, { clusterId, localIdFloor, termFloor }, (notice) =>
    io.err(`strata: warning: ${noticeText(notice)}`),
  );
  if (!result.created) io.err(`strata: ${config.storage.metadataDir} is initialised already, left as it is`);
  io.out(`clusterId=${result.clusterId}`);
  io.out(`scmId=${result.scmId}`);
}

function noticeText(notice: DiskNotice): string {
  const { path } = notice;
  if (notice.kind === "slowOpen") return `${path} is still being opened, after ${notice.seconds} s`;
  const { file, bytes, offset, reason } = notice.finding;
  const what = `${bytes} byte(s) of ${path}/${file} from byte ${offset} on were cut off: ${reason}`;
  return `${what}; kept in ${notice.keptIn}`;
}

async function start(config: Config, { io, parts, end }: CommandContext): Promise<void> {
  const logger = createLogger({ level: config.telemetry.logLevel });
  end(await runScm({ config, logger, parts, io }));
}
