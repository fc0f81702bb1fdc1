import { type Command, InvalidArgumentError, Option } from "commander";
import type { NodeRecord } from "../../../protocol/schema/records.js";
import { parseUuid, type Uuid } from "../../core/uuid.js";
import { CommandError, EXIT } from "../exit-code.js";

/** Which datanodes a command is about; at most one of the fields is set. */
export interface NodeSelection {
  readonly nodeId?: Uuid;
  /** Old names of --node-id. */
  readonly id?: Uuid;
  readonly uuid?: Uuid;
  readonly ip?: string;
  readonly hostname?: string;
  readonly mostUsed?: true;
  readonly leastUsed?: true;
}

const SELECTIONS = ["nodeId", "id", "uuid", "ip", "hostname", "mostUsed", "leastUsed"] as const;

/** Adds the options; `short` gives --most-used and --least-used their letters. */
export function addNodeSelection(command: Command, short: boolean): Command {
  return command
    .addOption(new Option("--node-id <uuid>", "the datanode with this UUID").argParser(uuidArgument))
    .addOption(new Option("--id <uuid>", "old name of --node-id").argParser(uuidArgument).hideHelp())
    .addOption(new Option("--uuid <uuid>", "old name of --node-id").argParser(uuidArgument).hideHelp())
    .option("--ip <address>", "the datanodes with this IP address")
    .option("--hostname <name>", "the datanodes with this host name")
    .option(`${short ? "-m, " : ""}--most-used`, "healthy datanodes in service, most used first")
    .option(`${short ? "-l, " : ""}--least-used`, "healthy datanodes in service, least used first");
}

/** Refuses more than one way of selecting. Returns whether there is one. */
export function checkSelection(selection: NodeSelection): boolean {
  const given = SELECTIONS.filter((name) => selection[name] !== undefined);
  if (given.length > 1) {
    const flags = given.map((name) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
    throw new CommandError(`${flags.join(" and ")} exclude each other`, EXIT.USAGE);
  }
  return given.length === 1;
}

/** The UUID that was asked for under any of its names. */
export function selectedId({ nodeId, id, uuid }: NodeSelection): Uuid | undefined {
  return nodeId ?? id ?? uuid;
}

/** Whether a node has the address or host name that was asked for. */
export function isSelected({ ip, hostname }: NodeSelection, { details }: NodeRecord): boolean {
  if (ip !== undefined && details.ipAddress.toLowerCase() !== ip.toLowerCase()) return false;
  return hostname === undefined || details.hostName.toLowerCase() === hostname.toLowerCase();
}

export function uuidArgument(text: string): Uuid {
  const uuid = parseUuid(text);
  if (uuid === undefined) throw new InvalidArgumentError("Must be a UUID.");
  return uuid;
}
