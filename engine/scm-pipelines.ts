import { codecOf } from "../protocol/codec/codec.js";
import { PIPELINE, type PipelineReport } from "../protocol/schema/records.js";
import type { ClusterState } from "./cluster/cluster-state.js";
import { EncodedPipelines } from "./cluster/pipelines/encoded-pipelines.js";
import { PipelineReports } from "./cluster/pipelines/pipeline-reports.js";
import type { Clock } from "./core/clock.js";
import type { Uuid } from "./core/uuid.js";

export interface ScmPipelinesParts {
  readonly cluster: Pick<ClusterState, "pipelines">;
  readonly clock: Clock;
}

/** What an SCM knows of its pipelines beyond the replicated table. */
export class ScmPipelines {
  readonly reports: PipelineReports;
  readonly encoded: EncodedPipelines;
  readonly #clock: Clock;

  constructor({ cluster, clock }: ScmPipelinesParts) {
    const { pipelines } = cluster;
    this.#clock = clock;
    this.reports = new PipelineReports(pipelines, (id) => this.encoded.changed(id));
    const codec = codecOf(PIPELINE);
    this.encoded = new EncodedPipelines({
      pipelines,
      reports: this.reports,
      encode: (pipeline) => codec.encodeValue(pipeline),
    });
  }

  /** By `apply`; undefined: all were loaded anew. */
  changed(id: Uuid | undefined): void {
    this.reports.pipelineChanged(id);
    this.encoded.changed(id);
  }

  reported(datanode: Uuid, reports: readonly PipelineReport[]): void {
    this.reports.accept(datanode, reports, this.#clock.monotonicMs());
  }
}
