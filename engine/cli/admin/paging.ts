import type { RequestOf } from "../../../protocol/schema/messages.js";
import type { NodeRecord, PipelineRecord } from "../../../protocol/schema/records.js";
import { codeOf } from "../exit-code.js";
import type { AdminConnection } from "../parts.js";

const NODE_PAGE = 256;
const PIPELINE_PAGE = 128;

export type NodeFilter = Pick<RequestOf<"listNodes">, "health" | "operationalState">;

/** How many records to ask for at a time. Records differ in size by far, and an answer must fit a frame: a
 * page that does not is asked for again in halves. */
export class PageSize {
  #count: number;

  constructor(count: number) {
    this.#count = count;
  }

  /** Asks for at most `limit` records; `ask` may be called several times. */
  async fetch<T>(limit: number, ask: (countMax: number) => Promise<T>): Promise<T> {
    for (;;) {
      const countMax = Math.min(this.#count, limit);
      try {
        return await ask(countMax);
      } catch (error) {
        if (codeOf(error) !== "FRAME_TOO_LARGE" || countMax === 1) throw error;
        this.#count = Math.ceil(countMax / 2);
      }
    }
  }
}

/** All datanodes that match, ordered by uuid. */
export async function listNodes(connection: AdminConnection, filter: NodeFilter = {}): Promise<NodeRecord[]> {
  const nodes: NodeRecord[] = [];
  const pageSize = new PageSize(NODE_PAGE);
  for (;;) {
    const last = nodes.at(-1)?.details.uuid;
    const cursor = last === undefined ? {} : { after: last };
    const page = await pageSize.fetch(NODE_PAGE, (countMax) =>
      connection.listNodes({ countMax, ...filter, ...cursor }),
    );
    nodes.push(...page.nodes);
    if (!page.more || page.nodes.length === 0) return nodes;
  }
}

export type PipelineFilter = Pick<RequestOf<"listPipelines">, "state" | "replicationType" | "replication">;

/** All pipelines that match, ordered by id. */
export async function listPipelines(
  connection: AdminConnection,
  filter: PipelineFilter = {},
): Promise<PipelineRecord[]> {
  const pipelines: PipelineRecord[] = [];
  const pageSize = new PageSize(PIPELINE_PAGE);
  let after: PipelineRecord["pipelineId"] | undefined;
  for (;;) {
    const cursor = after === undefined ? {} : { after };
    const page = await pageSize.fetch(PIPELINE_PAGE, (countMax) =>
      connection.listPipelines({ countMax, ...filter, ...cursor }),
    );
    pipelines.push(...page.pipelines);
    after = page.next ?? page.pipelines.at(-1)?.pipelineId;
    if (!page.more || after === undefined) return pipelines;
  }
}
