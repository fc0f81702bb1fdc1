import { codecOf } from "../protocol/codec/codec.js";
import { PIPELINE } from "../protocol/schema/records.js";
import type { ClusterState } from "./cluster/cluster-state.js";
import type { NodeManager } from "./cluster/nodes/node-manager.js";
import { EncodedPipelines } from "./cluster/pipelines/encoded-pipelines.js";
import { NodePipelines } from "./cluster/pipelines/node-pipelines.js";
import { PipelineReports } from "./cluster/pipelines/pipeline-reports.js";
import type { Uuid } from "./core/uuid.js";

export interface ScmPipelinesParts {
  readonly cluster: Pick<ClusterState, "pipelines">;
  readonly nodes: () => NodeManager;
  readonly nodeCountMax: number;
}

/** What an SCM knows of its pipelines beyond the replicated table, whoever leads. */
export class ScmPipelines {
  readonly reports: PipelineReports;
  readonly encoded: EncodedPipelines;
  readonly load: NodePipelines;

  constructor({ cluster, nodes, nodeCountMax }: ScmPipelinesParts) {
    const { pipelines } = cluster;
    this.reports = new PipelineReports(pipelines, (id) => this.encoded.changed(id));
    const codec = codecOf(PIPELINE);
    this.encoded = new EncodedPipelines({
      pipelines,
      reports: this.reports,
      encode: (pipeline) => codec.encodeValue(pipeline),
    });
    this.load = new NodePipelines({ pipelines, nodes, nodeCountMax });
  }

  /** By `apply`; undefined: all were loaded anew. */
  changed(id: Uuid | undefined): void {
    this.reports.pipelineChanged(id);
    this.encoded.changed(id);
    this.load.changed(id);
  }
}
