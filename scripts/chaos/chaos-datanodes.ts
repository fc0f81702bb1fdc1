import type { FleetPlan } from "../../bench/fleet/plan.js";
import { PlanReportSource } from "../../bench/fleet/plan-report-source.js";
import { createDatanodeGroupClient, type DatanodeGroupClient } from "../../protocol/client/index.js";

const HEARTBEAT_INTERVAL_MS = 200;
const BACKOFF = { initialMs: 20, maximumMs: 300 };

/** The datanodes of a plan, registered with every SCM that answers. */
export class ChaosDatanodes {
  readonly #nodes: readonly DatanodeGroupClient[];

  constructor(plan: FleetPlan, endpoints: readonly string[]) {
    this.#nodes = Array.from({ length: plan.nodeCount }, (_, node) => {
      return createDatanodeGroupClient(
        { endpoints, clientName: `chaos datanode ${node}`, backoff: BACKOFF },
        {},
        {
          registration: () => ({
            details: plan.details(node),
            report: plan.nodeReport(node),
            pipelineReports: [],
            layout: { metadata: 10, software: 10 },
          }),
          heartbeat: () => ({ persistedOpState: "IN_SERVICE", persistedOpStateExpiry: 0 }),
          heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS,
          report: () => new PlanReportSource(plan, node),
        },
      );
    });
  }

  /** Each with so many SCMs. */
  areRegisteredWith(scmCount: number): boolean {
    return this.#nodes.every(({ registeredCount }) => registeredCount === scmCount);
  }

  start(): void {
    for (const node of this.#nodes) node.start();
  }

  close(): void {
    for (const node of this.#nodes) node.close();
  }
}
