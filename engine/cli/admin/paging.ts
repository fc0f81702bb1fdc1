import type { RequestOf } from "../../../protocol/schema/messages.js";
import type { NodeRecord, PipelineRecord } from "../../../protocol/schema/records.js";
import type { AdminConnection } from "../parts.js";

const NODE_PAGE = 256;
const PIPELINE_PAGE = 128;

export type NodeFilter = Pick<RequestOf<"listNodes">, "health" | "operationalState">;

/** All datanodes that match, ordered by uuid. */
export async function listNodes(connection: AdminConnection, filter: NodeFilter = {}): Promise<NodeRecord[]> {
  const nodes: NodeRecord[] = [];
  for (;;) {
    const last = nodes.at(-1)?.details.uuid;
    const cursor = last === undefined ? {} : { after: last };
    const page = await connection.listNodes({ countMax: NODE_PAGE, ...filter, ...cursor });
    nodes.push(...page.nodes);
    if (!page.more || page.nodes.length === 0) return nodes;
  }
}

/** All pipelines, ordered by id. */
export async function listPipelines(connection: AdminConnection): Promise<PipelineRecord[]> {
  const pipelines: PipelineRecord[] = [];
  for (;;) {
    const last = pipelines.at(-1)?.pipelineId;
    const cursor = last === undefined ? {} : { after: last };
    const page = await connection.listPipelines({ countMax: PIPELINE_PAGE, ...cursor });
    pipelines.push(...page.pipelines);
    if (!page.more || page.pipelines.length === 0) return pipelines;
  }
}
