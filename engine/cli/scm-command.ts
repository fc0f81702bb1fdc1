import { hostname } from "node:os";
import { type Command, Option } from "commander";
import type { Config } from "../config/config.js";
import { loadConfig } from "../config/load.js";
import { isUuid } from "../core/uuid.js";
import type { DiskNotice } from "../storage/node-disk.js";
import { createLogger } from "../telemetry/logger.js";
import type { CommandContext } from "./context.js";
import { CommandError, EXIT } from "./exit-code.js";
import type { CommandIo } from "./io.js";
import { printNewGroup } from "./new-group-report.js";
import {
  addConfigOptions,
  type ConfigOptions,
  configSources,
  wholeNumber,
  wholeNumber64,
} from "./options.js";
import type { InitResult } from "./parts.js";
import { runScm } from "./run-scm.js";
import { showStep } from "./show-step.js";

interface ScmOptions extends ConfigOptions {
  readonly init?: true;
  readonly bootstrap?: true;
  readonly forceNewGroup?: true;
  readonly yes?: string;
  readonly acceptLoss?: true;
  readonly clusterid?: string;
  readonly localIdFloor?: bigint;
  readonly termFloor?: number;
  readonly printConfig?: true;
}

const EXAMPLES = `
Examples:
  strata scm --init -D ozone.metadata.dirs=/var/lib/strata
  strata scm -D ozone.metadata.dirs=/var/lib/strata
  strata scm --bootstrap --config /etc/ozone
  strata scm --force-new-group --config /etc/ozone
  strata scm --config /etc/ozone --print-config

Without such an option the SCM starts and runs until SIGTERM or SIGINT; a second one ends it at once.
An initialised directory is never initialised again: --init and --bootstrap then print its ids.
--init founds a cluster, on one SCM. All others join it by --bootstrap, which asks those that run; each of
them starts as a learner and votes when it has caught up.
--force-new-group makes a stopped SCM the only member of its group, for good, when the majority will never
come back or the directory is a copy: without --yes it only says what it would do, and ends with 1.
The floors are for taking over the datanodes of another cluster: new ids and terms start above them.`;

/** `strata scm`. */
export function addScmCommand(parent: Command, context: CommandContext): void {
  const command = parent
    .command("scm")
    .description("initialises or runs a Storage Container Manager")
    .option("--init", "initialises the metadata directory, prints the ids and ends")
    .option("--bootstrap", "joins the running group of ozone.scm.nodes.<service>, prints the ids and ends")
    .option(
      "--clusterid <id>",
      "with --init: id of the cluster, a UUID or CID-UUID (default: a new one); " +
        "with --bootstrap: the only cluster to join",
    )
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
    .option("--force-new-group", "makes a stopped SCM the only member of its group: the others are lost")
    .option("--yes <id>", "with --force-new-group: do it; the id of the cluster that is meant")
    .option("--accept-loss", "with --force-new-group: also without entries that this SCM had acknowledged")
    .option("--print-config", "prints the effective configuration and ends")
    .addHelpText("after", EXAMPLES);
  addConfigOptions(command).action(async (options: ScmOptions) => {
    checkOptions(options);
    const config = loadConfig(configSources(options, context.io));
    for (const warning of config.warnings) context.io.err(`strata: warning: ${warning}`);
    if (options.printConfig === true) printConfig(config, context);
    else if (options.init === true) await initialize(config, options, context);
    else if (options.bootstrap === true) await bootstrap(config, options, context);
    else if (options.forceNewGroup === true) await forceGroup(config, options, context);
    else await start(config, context);
  });
}

function checkOptions(options: ScmOptions): void {
  const { init, bootstrap, forceNewGroup, yes, acceptLoss, clusterid, localIdFloor, termFloor } = options;
  if (init === true && bootstrap === true) {
    throw new CommandError("--init founds a cluster, --bootstrap joins one: use one of them", EXIT.USAGE);
  }
  if (forceNewGroup === true && (init ?? bootstrap) === true) {
    throw new CommandError("--force-new-group is for an SCM that is initialised: use it alone", EXIT.USAGE);
  }
  if (forceNewGroup !== true && (yes !== undefined || acceptLoss === true)) {
    throw new CommandError("--yes and --accept-loss go with --force-new-group", EXIT.USAGE);
  }
  if (init !== true && (localIdFloor ?? termFloor) !== undefined) {
    throw new CommandError("--local-id-floor and --term-floor go with --init", EXIT.USAGE);
  }
  if (init !== true && bootstrap !== true && clusterid !== undefined) {
    throw new CommandError("--clusterid goes with --init or --bootstrap", EXIT.USAGE);
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
  if (primordial !== undefined && !isPrimordial(config)) {
    io.err(`strata: nothing done: ozone.scm.primordial.node.id is ${primordial}, not this SCM`);
    return;
  }
  const { clusterid: clusterId, localIdFloor, termFloor } = options;
  const result = await parts.initialize(config, { clusterId, localIdFloor, termFloor }, (notice) =>
    io.err(`strata: warning: ${noticeText(notice)}`),
  );
  printIds(config, result, io);
}

async function bootstrap(config: Config, options: ScmOptions, { io, parts }: CommandContext): Promise<void> {
  if (isPrimordial(config)) {
    io.err(
      "strata: nothing done: ozone.scm.primordial.node.id is this SCM, which founds the cluster by --init",
    );
    return;
  }
  const result = await parts.bootstrap(config, options.clusterid, {
    onNotice: (notice) => io.err(`strata: warning: ${noticeText(notice)}`),
    onWaiting: (text) => io.err(`strata: ${text}`),
  });
  printIds(config, result, io);
}

async function forceGroup(
  config: Config,
  options: ScmOptions,
  { io, parts, end }: CommandContext,
): Promise<void> {
  const { yes: clusterId, acceptLoss: acceptsLoss = false } = options;
  const report = await parts.forceNewGroup(
    config,
    { clusterId, acceptsLoss },
    { onNotice: (notice) => io.err(`strata: warning: ${noticeText(notice)}`), onStep: showStep(io) },
  );
  io.progress("");
  printNewGroup(report, io);
  if (!report.isDone) end(EXIT.FAILED);
}

/** Whether this is the one SCM that founds the cluster (spec 07 §2); false when none is named. */
function isPrimordial(config: Config): boolean {
  const primordial = config.scm.primordialNodeId;
  const ownNames = [config.group.name, config.scm.nodeId, config.scm.hostName, hostname()];
  return primordial !== undefined && ownNames.includes(primordial);
}

function printIds(config: Config, result: InitResult, io: CommandIo): void {
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
