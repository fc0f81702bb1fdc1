import { type Command, Option } from "commander";
import type { ResponseOf } from "../../../protocol/schema/messages.js";
import { parseUuid, type Uuid } from "../../core/uuid.js";
import type { CommandContext } from "../context.js";
import { CommandError } from "../exit-code.js";
import type { CommandIo } from "../io.js";
import { wholeNumber } from "../options.js";
import type { AdminConnection } from "../parts.js";
import { jsonText } from "../text.js";
import { addConnectionOptions, type ConnectionOptions, withConnection } from "./connection.js";
import { listNodes } from "./paging.js";

interface ContainersOptions extends ConnectionOptions {
  readonly start: number;
  readonly count: number;
  readonly all?: true;
  readonly json?: true;
}

type NodeContainer = ResponseOf<"listNodeContainers">["containers"][number];

const COUNT = 20;
/** What the SCM answers at most at a time. */
const PAGE = 4096;

const HELP = `
The list is what the datanode has reported; a container that the SCM does not know has the state UNKNOWN.

Examples:
  strata admin datanode containers dn1.example.com
  strata admin datanode containers 10.0.0.1 -s 1000 -c 100
  strata admin datanode containers 9b1d8c3e-5f0a-4f3c-8a53-0c1a2b3c4d5e --all --json`;

/** `strata admin datanode containers`: which containers have a replica on a datanode. */
export function addDatanodeContainers(parent: Command, context: CommandContext): void {
  const idNumber = wholeNumber(0, Number.MAX_SAFE_INTEGER);
  const command = parent
    .command("containers")
    .description("lists the containers of which a datanode has a replica, by id")
    .argument("<datanode>", "UUID, host name or IP address of the datanode")
    .addOption(new Option("-s, --start <id>", "first container id").argParser(idNumber).default(0))
    .addOption(
      new Option("-c, --count <n>", "how many")
        .argParser(wholeNumber(1, Number.MAX_SAFE_INTEGER))
        .default(COUNT),
    )
    .option("-a, --all", "all of them")
    .option("--json", "prints JSON")
    .addHelpText("after", HELP);
  addConnectionOptions(command).action(async (datanode: string, options: ContainersOptions) => {
    await withConnection(options, context, async (connection) => {
      const uuid = await uuidOf(connection, datanode);
      await printContainers(connection, uuid, options, context.io);
    });
  });
}

async function uuidOf(connection: AdminConnection, text: string): Promise<Uuid> {
  const uuid = parseUuid(text);
  if (uuid !== undefined) return uuid;
  const wanted = text.toLowerCase();
  const found = (await listNodes(connection)).filter(
    ({ details }) => details.hostName.toLowerCase() === wanted || details.ipAddress.toLowerCase() === wanted,
  );
  const [node] = found;
  if (node === undefined) throw new CommandError(`there is no datanode ${text}`);
  if (found.length === 1) return node.details.uuid;
  const uuids = found.map(({ details }) => details.uuid).join(", ");
  throw new CommandError(`${text} is the address of several datanodes; name one of ${uuids}`);
}

/** Prints while it fetches; nothing when the SCM knows no such datanode. */
async function printContainers(
  connection: AdminConnection,
  uuid: Uuid,
  { start, count, all, json }: ContainersOptions,
  io: CommandIo,
): Promise<void> {
  const limit = all === true ? Number.POSITIVE_INFINITY : count;
  let startContainerId = start;
  let shown = 0;
  let more = true;
  let total: number | undefined;
  let waiting: string | undefined;
  while (more && shown < limit) {
    const countMax = Math.min(PAGE, limit - shown);
    const page = await connection.listNodeContainers({ uuid, startContainerId, countMax });
    if (total === undefined) io.out(json === true ? "[" : "Container  State");
    for (const container of page.containers) {
      if (json !== true) io.out(lineOf(container));
      else {
        if (waiting !== undefined) io.out(`${waiting},`);
        waiting = jsonText(jsonOf(container));
      }
    }
    await io.drained();
    shown += page.containers.length;
    startContainerId = page.nextContainerId;
    total = page.totalCount;
    more = startContainerId !== 0;
  }
  if (waiting !== undefined) io.out(waiting);
  if (json === true) io.out("]");
  if (more) io.err(`Displaying ${shown} out of ${total} containers. The datanode has more containers.`);
}

function lineOf({ containerId, state }: NodeContainer): string {
  return `${String(containerId).padStart(9)}  ${state ?? "UNKNOWN"}`;
}

function jsonOf({ containerId, state }: NodeContainer): Record<string, unknown> {
  return { containerID: containerId, state: state ?? "UNKNOWN" };
}
