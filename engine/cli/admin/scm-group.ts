import { type Command, InvalidArgumentError, Option } from "commander";
import { isUuid, parseUuid, type Uuid } from "../../core/uuid.js";
import type { CommandContext } from "../context.js";
import { CommandError, EXIT } from "../exit-code.js";
import { wholeNumber } from "../options.js";
import type { AdminConnection } from "../parts.js";
import { jsonText } from "../text.js";
import { addConnectionOptions, type ConnectionOptions, withConnection } from "./connection.js";

const PORT_MAX = 65_535;
const RAFT_PORT = 9894;
const WS_PORT = 9865;

interface ChangeOptions extends ConnectionOptions {
  readonly json?: true;
  readonly configVersion?: number;
}

interface TransferOptions extends ConnectionOptions {
  readonly json?: true;
  readonly newLeaderId?: string;
  readonly random?: true;
}

interface DecommissionOptions extends ChangeOptions {
  readonly nodeid: string;
  readonly force?: true;
}

interface AddOptions extends ChangeOptions {
  readonly nodeid: Uuid;
  readonly address: string;
  readonly name: string;
  readonly ratisPort: number;
  readonly wsPort: number;
}

/** `strata admin scm transfer|decommission` as in the reference (spec 09 §9), and `add`. */
export function addScmGroupCommands(parent: Command, context: CommandContext): void {
  addTransfer(parent, context);
  addDecommission(parent, context);
  addAdd(parent, context);
}

function addTransfer(parent: Command, context: CommandContext): void {
  const command = parent
    .command("transfer")
    .description("lets another SCM lead the Raft group")
    .option(
      "-n, --new-leader-id <id>",
      "SCM that is to lead: its id, or its name in ozone.scm.nodes.<service>",
    )
    .option("-r, --random", "any other SCM that votes: the one that has most of the log")
    .option("--json", "prints JSON")
    .addHelpText("after", "\nExamples:\n  strata admin scm transfer -n scm2\n  strata admin scm transfer -r");
  addConnectionOptions(command).action(async (options: TransferOptions) => {
    const { newLeaderId: wanted } = options;
    if ((wanted === undefined) === (options.random === undefined)) {
      throw new CommandError("give either --new-leader-id or --random", EXIT.USAGE);
    }
    const { scmId } = await withConnection(options, context, async (connection) => {
      const target = wanted === undefined ? {} : { scmId: await scmIdOf(connection, wanted) };
      return connection.transferLeadership(target);
    });
    const text = `Transferred leadership to ${scmId}`;
    context.io.out(options.json === true ? jsonText({ leader: scmId }) : text);
  });
}

function addDecommission(parent: Command, context: CommandContext): void {
  const command = parent
    .command("decommission")
    .description("removes an SCM from the Raft group for good")
    .requiredOption("--nodeid <id>", "SCM to remove: its id, or its name in ozone.scm.nodes.<service>")
    .option("--force", "also when a lone SCM is left")
    .addHelpText(
      "after",
      "\nExamples:\n  strata admin scm decommission --nodeid scm3\n\n" +
        "The leader is not removed: transfer leadership first. What would leave the group without a\n" +
        "quorum is refused, with --force too. A removed SCM ends; it comes back only with an empty\n" +
        "directory, as another one (strata scm --bootstrap).",
    );
  addChangeOptions(command).action(async (options: DecommissionOptions) => {
    const [scmId, { configVersion }] = await withConnection(options, context, async (connection) => {
      const id = await scmIdOf(connection, options.nodeid);
      const force = options.force === true;
      return [id, await connection.decommissionScm({ scmId: id, force, ...versionOf(options) })];
    });
    const text = `Decommissioned SCM ${scmId}`;
    context.io.out(options.json === true ? jsonText({ scmId, configVersion }) : text);
  });
}

function addAdd(parent: Command, context: CommandContext): void {
  const command = parent
    .command("add")
    .description("adds an SCM to the Raft group; strata scm --bootstrap does it by itself")
    .requiredOption("--nodeid <id>", "id of the SCM", scmId)
    .requiredOption("--address <host>", "host of the SCM, as in ozone.scm.address")
    .option("--name <name>", "its name in ozone.scm.nodes.<service>", "")
    .addOption(portOption("--ratis-port <port>", "its port of the Raft group", RAFT_PORT))
    .addOption(portOption("--ws-port <port>", "its port for datanodes and administrators", WS_PORT));
  addChangeOptions(command).action(async (options: AddOptions) => {
    const { nodeid, address: host, name, ratisPort: raftPort, wsPort: strataPort } = options;
    const noPorts = { httpPort: 0, clientPort: 0, datanodePort: 0, blockPort: 0, securityPort: 0 };
    const scm = { nodeId: 0, scmId: nodeid, name, host, raftPort, strataPort, ...noPorts };
    const added = await withConnection(options, context, async (connection) => {
      const { clusterId } = await connection.scmInfo();
      return connection.addScm({ clusterId, scm, ...versionOf(options) });
    });
    const text = `Added SCM ${nodeid} as number ${added.nodeId}`;
    context.io.out(options.json === true ? jsonText({ scmId: nodeid, ...added }) : text);
  });
}

function addChangeOptions(command: Command): Command {
  return addConnectionOptions(command)
    .option("--json", "prints JSON")
    .addOption(
      new Option(
        "--config-version <n>",
        "does nothing when the members have changed since this version (scm roles --verbose)",
      ).argParser(wholeNumber(0, Number.MAX_SAFE_INTEGER)),
    );
}

function versionOf({ configVersion }: ChangeOptions): { readonly expectedVersion?: number } {
  return configVersion === undefined ? {} : { expectedVersion: configVersion };
}

/** A person says an SCM by its id or by its name. */
async function scmIdOf(connection: AdminConnection, text: string): Promise<Uuid> {
  if (isUuid(text)) return text;
  const { peers } = await connection.scmRoles();
  const found = peers.filter(({ name }) => name === text);
  const [peer] = found;
  if (peer !== undefined && found.length === 1) return peer.scmId;
  const names = peers.map(({ name = "", scmId }) => (name === "" ? scmId : name)).join(", ");
  throw new CommandError(`there is no SCM ${text}; the group has ${names}`);
}

function scmId(text: string): Uuid {
  const parsed = parseUuid(text);
  if (parsed === undefined) throw new InvalidArgumentError("It must be a UUID in lower case.");
  return parsed;
}

function portOption(flags: string, description: string, port: number): Option {
  return new Option(flags, description).argParser(wholeNumber(0, PORT_MAX)).default(port);
}
