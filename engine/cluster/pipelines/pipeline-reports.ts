import type { DatanodeDetails, PipelineRecord, PipelineReport } from "../../../protocol/schema/records.js";
import type { Uuid } from "../../core/uuid.js";
import { isRatis } from "../containers/replication-config.js";
import { hasSamePorts } from "../nodes/registration.js";
import type { PipelineTable } from "./pipeline-table.js";

/** `unknown`: there is no such pipeline; `stranger`: the sender is none of its members. */
export type ReportOutcome = "taken" | "unknown" | "stranger";

interface Observed {
  leaderId: Uuid | undefined;
  /** Members that have told of it since this process started, or loaded the table. */
  readonly heard: Set<Uuid>;
}

/** What members say about their pipelines: observed, kept on every SCM, never logged (spec 03 §2). Only
 * pipelines of the table and their members are kept, so datanodes cannot make it grow. */
export class PipelineReports {
  readonly #pipelines: PipelineTable;
  readonly #observed = new Map<Uuid, Observed>();

  readonly #onLeaderChanged: (pipelineId: Uuid) => void;

  constructor(pipelines: PipelineTable, onLeaderChanged: (pipelineId: Uuid) => void = () => undefined) {
    this.#pipelines = pipelines;
    this.#onLeaderChanged = onLeaderChanged;
  }

  /** Takes a report of `sender`, on leader and followers, whatever state the pipeline is in (spec 03 §7). */
  take(sender: DatanodeDetails, report: PipelineReport): ReportOutcome {
    const { pipelineId, isLeader } = report;
    const pipeline = this.#pipelines.get(pipelineId);
    if (pipeline === undefined) return "unknown";
    if (!mayReport(pipeline, sender)) return "stranger";
    const observed = this.#of(pipelineId);
    if (isMember(pipeline, sender)) observed.heard.add(sender.uuid);
    if ((isLeader || isRatis(pipeline.replication, 1)) && observed.leaderId !== sender.uuid) {
      observed.leaderId = sender.uuid;
      this.#onLeaderChanged(pipelineId);
    }
    return "taken";
  }

  /** All its members have reported it to this SCM, and one of them leads (spec 03 §2 rule 3, §20 rule 5). */
  isHealthy(pipeline: PipelineRecord): boolean {
    if (pipeline.replication.type === "EC") return true;
    const observed = this.#observed.get(pipeline.pipelineId);
    if (observed === undefined || this.leaderOf(pipeline) === undefined) return false;
    return pipeline.members.every(({ details }) => observed.heard.has(details.uuid));
  }

  /** As observed; the stored one when nobody reported itself. */
  leaderOf(pipeline: PipelineRecord): Uuid | undefined {
    return this.#observed.get(pipeline.pipelineId)?.leaderId ?? pipeline.leaderId;
  }

  /** The record with the leader as observed; the stored one when nobody reported itself. */
  withLeader(pipeline: PipelineRecord): PipelineRecord {
    const leaderId = this.leaderOf(pipeline);
    return leaderId === pipeline.leaderId || leaderId === undefined ? pipeline : { ...pipeline, leaderId };
  }

  /** It was added, entered another state or was removed; undefined: all were loaded anew, and nobody has
   * reported these yet (spec 03 §3 rule 5). */
  pipelineChanged(pipelineId: Uuid | undefined): void {
    if (pipelineId === undefined) this.#observed.clear();
    else if (this.#pipelines.get(pipelineId) === undefined) this.#observed.delete(pipelineId);
  }

  #of(pipelineId: Uuid): Observed {
    let observed = this.#observed.get(pipelineId);
    if (observed === undefined) {
      observed = { leaderId: undefined, heard: new Set() };
      this.#observed.set(pipelineId, observed);
    }
    return observed;
  }
}

function isMember({ members }: PipelineRecord, { uuid }: DatanodeDetails): boolean {
  return members.some(({ details }) => details.uuid === uuid);
}

/** A member, or a datanode that was set up anew where one was: same addresses, same ports (spec 03 §7 rule
 * 2). */
function mayReport(pipeline: PipelineRecord, sender: DatanodeDetails): boolean {
  if (isMember(pipeline, sender)) return true;
  return pipeline.members.some(({ details }) => {
    const { ipAddress, hostName } = details;
    return ipAddress === sender.ipAddress && hostName === sender.hostName && hasSamePorts(details, sender);
  });
}
