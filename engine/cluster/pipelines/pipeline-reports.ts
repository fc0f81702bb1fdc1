import type { PipelineRecord, PipelineReport } from "../../../protocol/schema/records.js";
import type { Uuid } from "../../core/uuid.js";
import type { PipelineTable } from "./pipeline-table.js";

interface Observed {
  leaderId: Uuid | undefined;
  readonly reportedMs: Map<Uuid, number>;
}

/** What members say about their pipelines: observed, kept on every SCM, never logged (spec 03 §2: leader and
 * report times). Only pipelines of the table and their members are kept, so datanodes cannot make it grow. */
export class PipelineReports {
  readonly #pipelines: PipelineTable;
  readonly #observed = new Map<Uuid, Observed>();

  readonly #onLeaderChanged: (pipelineId: Uuid) => void;

  constructor(pipelines: PipelineTable, onLeaderChanged: (pipelineId: Uuid) => void = () => undefined) {
    this.#pipelines = pipelines;
    this.#onLeaderChanged = onLeaderChanged;
  }

  /** Takes the reports of `datanode` (spec 01 §4.3). Returns how many name a pipeline that it is no member
   * of. */
  accept(datanode: Uuid, reports: readonly PipelineReport[], nowMs: number): number {
    let strangers = 0;
    for (const { pipelineId, isLeader } of reports) {
      const pipeline = this.#pipelines.get(pipelineId);
      if (pipeline === undefined || !isMember(pipeline, datanode)) {
        strangers++;
        continue;
      }
      const observed = this.#of(pipelineId);
      observed.reportedMs.set(datanode, nowMs);
      const isAlone = pipeline.replication.type === "RATIS" && pipeline.replication.factor === 1;
      if ((isLeader || isAlone) && observed.leaderId !== datanode) {
        observed.leaderId = datanode;
        this.#onLeaderChanged(pipelineId);
      }
    }
    return strangers;
  }

  /** When the member last reported the pipeline; −1 = never since this process started. */
  reportedMs(pipelineId: Uuid, datanode: Uuid): number {
    return this.#observed.get(pipelineId)?.reportedMs.get(datanode) ?? -1;
  }

  /** The record with the leader as observed; the stored one when nobody reported itself. */
  withLeader(pipeline: PipelineRecord): PipelineRecord {
    const leaderId = this.#observed.get(pipeline.pipelineId)?.leaderId;
    return leaderId === undefined ? pipeline : { ...pipeline, leaderId };
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
      observed = { leaderId: undefined, reportedMs: new Map() };
      this.#observed.set(pipelineId, observed);
    }
    return observed;
  }
}

function isMember(pipeline: PipelineRecord, datanode: Uuid): boolean {
  return pipeline.members.some(({ details }) => details.uuid === datanode);
}
