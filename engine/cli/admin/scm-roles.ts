import type { Command } from "commander";
import type { CommandContext } from "../context.js";
import { jsonText, titledTable } from "../text.js";
import { addConnectionOptions, type ConnectionOptions, withConnection } from "./connection.js";

interface RolesOptions extends ConnectionOptions {
  readonly json?: true;
  readonly table?: true;
}

const HEADER = ["Host Name", "Ratis Port", "Role", "Node ID", "Host Address"];

/** `strata admin scm roles` (spec 09 §9). */
export function addScmRoles(parent: Command, context: CommandContext): void {
  const command = parent
    .command("roles")
    .description("lists all SCMs with their roles in the Raft group")
    .option("--json", "prints JSON")
    .option("--table", "prints a table")
    .addHelpText("after", "\nExamples:\n  strata admin scm roles\n  strata admin scm roles --json");
  addConnectionOptions(command).action(async (options: RolesOptions) => {
    const { io } = context;
    const { peers } = await withConnection(options, context, (connection) => connection.scmRoles());
    if (options.json === true) {
      const shape = peers.map(({ host, ratisPort, role, scmId, address }) => [
        host,
        { address: `${host}:${ratisPort}`, raftPeerRole: role, ID: scmId, InetAddress: address },
      ]);
      io.out(jsonText(Object.fromEntries(shape)));
      return;
    }
    const rows = peers.map((peer) => [
      peer.host,
      String(peer.ratisPort),
      peer.role,
      peer.scmId,
      peer.address,
    ]);
    const lines =
      options.table === true
        ? titledTable("Storage Container Manager Roles", HEADER, rows)
        : rows.map((row) => row.join(":"));
    for (const line of lines) io.out(line);
  });
}
