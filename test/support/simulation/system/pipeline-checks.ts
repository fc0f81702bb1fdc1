import type { PipelineGroups } from "../../../../bench/fleet/pipeline-groups.js";
import type { Uuid } from "../../../../engine/core/uuid.js";
import type { Scm } from "../../../../engine/scm.js";
import type { PipelineRecord } from "../../../../protocol/schema/records.js";
import type { SimDatanode } from "./sim-datanode.js";

export interface PipelineChecksParts {
  readonly groups: PipelineGroups;
  readonly datanodes: readonly SimDatanode[];
  /** Pipelines that SCMs created: nobody serves those that were imported. */
  readonly created: ReadonlySet<string>;
}

/** What SCMs know of pipelines beside the Raft groups that datanodes have. */
export class PipelineChecks {
  readonly #parts: PipelineChecksParts;

  constructor(parts: PipelineChecksParts) {
    this.#parts = parts;
  }

  /** What is still to be done when all is quiet: pipelines that never opened, or were closed, go; datanodes
   * serve what the SCM has, and nothing else once the import has ended. */
  unrestOf({ cluster, pipelines }: Scm): string | undefined {
    for (const [, pipeline] of cluster.pipelines.rows.entries()) {
      const { pipelineId, state, replication } = pipeline;
      if (!this.#parts.created.has(pipelineId)) continue;
      if (state === "ALLOCATED" || state === "CLOSED") return `pipeline ${pipelineId} is ${state}`;
      if (replication.type !== "RATIS") continue;
      const problem = this.#problemOf(pipeline, pipelines.reports.withLeader(pipeline).leaderId);
      if (problem !== undefined) return `pipeline ${pipelineId} is ${state}: ${problem}`;
    }
    for (const { number, model } of this.#parts.datanodes) {
      for (const id of model.pipelines.keys()) {
        if (cluster.isPipelineGone(id)) return `dn${number} serves pipeline ${id}: unknown`;
      }
    }
    return undefined;
  }

  #problemOf({ pipelineId, members }: PipelineRecord, observed: Uuid | undefined): string | undefined {
    const { groups, datanodes } = this.#parts;
    for (const { details } of members) {
      const number = datanodes.findIndex(({ uuid }) => uuid === details.uuid);
      if (!groups.has(pipelineId, details.uuid)) return `dn${number} does not serve it`;
    }
    const leader = groups.leaderOf(pipelineId);
    return leader === observed ? undefined : `its leader is ${leader}, and not ${observed}`;
  }
}
