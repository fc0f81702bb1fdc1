import type { FleetPlan } from "../../bench/fleet/plan.js";
import { type AdminClient, createAdminClient, type ResponseOf } from "../../protocol/client/index.js";
import type { ContainerRecord } from "../../protocol/schema/records.js";
import { Lane } from "./lane.js";
import { intentText, type Observed } from "./lane-model.js";
import { CLIENT_BACKOFF } from "./load-client.js";

const CONTAINERS_PER_PAGE = 512;
const PIPELINES_PER_PAGE = 128;
const NODES_PER_PAGE = 256;

type Node = ResponseOf<"listNodes">["nodes"][number];

/** Looks at the SCM through its admin protocol, and changes nothing. */
export class Observer {
  readonly #client: AdminClient;
  readonly #plan: FleetPlan;
  readonly #laneCount: number;

  constructor(endpoint: string, plan: FleetPlan, laneCount: number) {
    this.#client = createAdminClient({
      endpoints: [endpoint],
      clientName: "kill9 observer",
      timeoutMs: 30_000,
      backoff: CLIENT_BACKOFF,
    });
    this.#plan = plan;
    this.#laneCount = laneCount;
  }

  get client(): AdminClient {
    return this.#client;
  }

  info(): Promise<ResponseOf<"scmInfo">> {
    return this.#client.scmInfo();
  }

  /** When every datanode has registered and its full report was merged. Throws after `limitMs`. */
  async fleetReported(limitMs: number): Promise<readonly Node[]> {
    const dueMs = performance.now() + limitMs;
    for (;;) {
      const { nodes } = await this.#client.listNodes({ countMax: NODES_PER_PAGE });
      const complete = nodes.filter(({ fullReportComplete }) => fullReportComplete);
      if (complete.length === this.#plan.nodeCount) return nodes;
      if (performance.now() > dueMs) {
        throw new Error(
          `${complete.length} of ${this.#plan.nodeCount} datanodes have reported after ${limitMs} ms`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** All that exists, lane by lane. Throws when something exists that nobody made, or a container of the
   * plan is missing. */
  async lanes(): Promise<readonly Observed[]> {
    const containers = Array.from({ length: this.#laneCount }, () => new Map<number, ContainerRecord>());
    let planCount = 0;
    for await (const container of this.#containers()) {
      const owner = Lane.ownerOf(container.containerId, this.#plan, this.#laneCount);
      if (owner === undefined) planCount++;
      else containers[owner]?.set(container.containerId, container);
    }
    if (planCount !== this.#plan.containerCount) {
      throw new Error(`${planCount} of ${this.#plan.containerCount} containers of the fleet are there`);
    }
    const pipelineIds = await this.#pipelineIds();
    const { nodes } = await this.#client.listNodes({ countMax: NODES_PER_PAGE });
    const intents = new Map<string, string>();
    for (const { details, operationalState, operationalStateExpiry } of nodes) {
      intents.set(details.uuid, intentText(operationalState, operationalStateExpiry));
    }
    return containers.map((own, lane) => ({
      containers: own,
      pipelineIds: pipelineIds[lane] ?? new Set(),
      intent: intents.get(this.#plan.uuid(lane)) ?? "none: the datanode is not known",
    }));
  }

  close(): void {
    this.#client.close();
  }

  async *#containers(): AsyncGenerator<ContainerRecord> {
    for (let startContainerId = 1; startContainerId !== 0; ) {
      const page = await this.#client.listContainers({ startContainerId, countMax: CONTAINERS_PER_PAGE });
      yield* page.containers;
      startContainerId = page.nextContainerId;
    }
  }

  /** A lane's pipelines have the members of the plan's pipeline with its number. */
  async #pipelineIds(): Promise<readonly Set<string>[]> {
    const ids = Array.from({ length: this.#laneCount }, () => new Set<string>());
    const ofPlan = new Set<string>();
    const laneOfLeader = new Map<string, number>();
    for (let pipeline = 0; pipeline < this.#plan.nodeCount; pipeline++) {
      const { pipelineId, leaderId } = this.#plan.pipeline(pipeline);
      ofPlan.add(pipelineId);
      laneOfLeader.set(leaderId ?? "", pipeline);
    }
    let planCount = 0;
    for (let after: string | undefined, more = true; more; ) {
      const cursor =
        after === undefined ? {} : { after: after as (typeof page)["pipelines"][number]["pipelineId"] };
      const page: ResponseOf<"listPipelines"> = await this.#client.listPipelines({
        ...cursor,
        countMax: PIPELINES_PER_PAGE,
      });
      for (const { pipelineId, leaderId } of page.pipelines) {
        if (ofPlan.has(pipelineId)) planCount++;
        else ids[laneOfLeader.get(leaderId ?? "") ?? 0]?.add(pipelineId);
      }
      after = page.pipelines.at(-1)?.pipelineId;
      more = page.more;
    }
    if (planCount !== ofPlan.size)
      throw new Error(`${planCount} of ${ofPlan.size} pipelines of the fleet are there`);
    return ids;
  }
}
