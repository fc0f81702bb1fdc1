import type { Command } from "commander";
import type { ReplicationType } from "../../core/enums.js";
import { CommandError, EXIT } from "../exit-code.js";
import { choice, replicationTypeOption } from "../options.js";
import { parseReplicationOf } from "../replication-text.js";
import type { PipelineFilter } from "./paging.js";

export interface PipelineFilterOptions {
  readonly type?: ReplicationType;
  readonly replication?: string;
  readonly filterByFactor?: string;
}

const FACTORS = ["ONE", "THREE"] as const;

export function addPipelineFilterOptions(command: Command): Command {
  return command
    .addOption(replicationTypeOption("-t, --type <type>", "only of this replication type"))
    .option("-r, --replication <config>", "only this, with --type: ONE, THREE, or for EC like rs-3-2-1024k")
    .addOption(choice("--filter-by-factor <factor>", "old way to say -t RATIS -r", FACTORS))
    .addOption(choice("--filterByFactor <factor>", "the same", FACTORS).hideHelp());
}

/** Undefined: none was given. */
export function pipelineFilterOf({
  type,
  replication,
  filterByFactor,
}: PipelineFilterOptions): PipelineFilter | undefined {
  if (filterByFactor !== undefined) {
    if (replication !== undefined) throw usage("--filter-by-factor and --replication are mutually exclusive");
    return { replication: replicationOf("RATIS", filterByFactor) };
  }
  if (replication !== undefined) {
    if (type === undefined) throw usage("--type is required with --replication");
    return { replication: replicationOf(type, replication) };
  }
  return type === undefined ? undefined : { replicationType: type };
}

function replicationOf(type: ReplicationType, text: string): NonNullable<PipelineFilter["replication"]> {
  const replication = parseReplicationOf(type, text);
  if (replication === undefined) throw usage(`--replication ${text} is not one of type ${type}`);
  return replication;
}

function usage(message: string): CommandError {
  return new CommandError(message, EXIT.USAGE);
}
