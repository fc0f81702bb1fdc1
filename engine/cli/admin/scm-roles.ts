import type { Command } from "commander";
import type { ResponseOf } from "../../../protocol/schema/messages.js";
import type { CommandContext } from "../context.js";
import { jsonText, titledTable } from "../text.js";
import { addConnectionOptions, type ConnectionOptions, withConnection } from "./connection.js";

interface RolesOptions extends ConnectionOptions {
  readonly json?: true;
  readonly table?: true;
  readonly verbose?: true;
}

type Roles = ResponseOf<"scmRoles">;
type Peer = Roles["peers"][number];

const TITLE = "Storage Container Manager Roles";
const HEADER = ["Host Name", "Ratis Port", "Role", "Node ID", "Host Address"];
const MORE_HEADER = ["Name", "Number", "Last Entry", "Lag", "Answers"];

/** `strata admin scm roles` (spec 09 §9). */
export function addScmRoles(parent: Command, context: CommandContext): void {
  const command = parent
    .command("roles")
    .description("lists all SCMs with their roles in the Raft group")
    .option("--json", "prints JSON")
    .option("--table", "prints a table")
    .option("-v, --verbose", "prints a table with names and, from the leader, how far each SCM is")
    .addHelpText("after", "\nExamples:\n  strata admin scm roles\n  strata admin scm roles --json");
  addConnectionOptions(command).action(async (options: RolesOptions) => {
    const { io } = context;
    const roles = await withConnection(options, context, (connection) => connection.scmRoles());
    if (options.json === true) io.out(jsonText(jsonOf(roles)));
    else for (const line of linesOf(roles, options)) io.out(line);
  });
}

function linesOf(roles: Roles, { table, verbose }: RolesOptions): readonly string[] {
  const { peers, configVersion, isJoint, term } = roles;
  if (verbose === true) {
    const rows = peers.map((peer) => [...columnsOf(peer), ...moreColumnsOf(peer)]);
    const change = isJoint === true ? ", a change is half done" : "";
    const state = `Term ${term ?? "unknown"}, configuration version ${configVersion ?? "unknown"}${change}`;
    return [...titledTable(TITLE, [...HEADER, ...MORE_HEADER], rows), state];
  }
  const rows = peers.map(columnsOf);
  return table === true ? titledTable(TITLE, HEADER, rows) : rows.map((row) => row.join(":"));
}

function columnsOf({ host, ratisPort, role, scmId, address }: Peer): string[] {
  return [host, String(ratisPort), role, scmId, address];
}

function moreColumnsOf({ name, nodeId, match, lagCount, isLive }: Peer): string[] {
  const answers = isLive === undefined ? "" : isLive ? "yes" : "no";
  return [name ?? "", String(nodeId), String(match ?? ""), String(lagCount ?? ""), answers];
}

/** The reference's shape, host → SCM, with a few more fields; SCMs that share a host are told apart by their
 * ports. */
function jsonOf({ peers }: Roles): Record<string, unknown> {
  const isShared = (host: string) => peers.filter((peer) => peer.host === host).length > 1;
  const shape = peers.map((peer) => {
    const { host, ratisPort, role, scmId, address, name, nodeId, match, lagCount, isLive } = peer;
    return [
      isShared(host) ? `${host}:${ratisPort}` : host,
      {
        address: `${host}:${ratisPort}`,
        raftPeerRole: role,
        ID: scmId,
        InetAddress: address,
        name: name ?? "",
        number: nodeId,
        ...(match === undefined ? {} : { lastEntry: match, lag: lagCount, answers: isLive }),
      },
    ];
  });
  return Object.fromEntries(shape);
}
