import type { FleetPlan } from "../../bench/fleet/plan.js";
import { PlanReportSource } from "../../bench/fleet/plan-report-source.js";
import { createDatanodeClient, type DatanodeClient } from "../../protocol/client/index.js";
import { CLIENT_BACKOFF } from "./load-client.js";

const HEARTBEAT_INTERVAL_MS = 100;

/** The datanodes of a plan: they register whenever the SCM comes back, and report what they hold. */
export class Datanodes {
  readonly #nodes: readonly DatanodeClient[];

  constructor(plan: FleetPlan, endpoint: string) {
    this.#nodes = Array.from({ length: plan.nodeCount }, (_, node) => createNode(plan, node, endpoint));
  }

  isRegistered(node: number): boolean {
    return this.#nodes[node]?.isRegistered === true;
  }

  start(): void {
    for (const node of this.#nodes) node.start();
  }

  close(): void {
    for (const node of this.#nodes) node.close();
  }
}

function createNode(plan: FleetPlan, node: number, endpoint: string): DatanodeClient {
  const report = (fromRegistration: boolean): void => {
    const source = new PlanReportSource(plan, node);
    // One that is cut off is asked for again, or follows the next registration.
    client.sendFullReport(source, fromRegistration).catch(() => {});
  };
  const client: DatanodeClient = createDatanodeClient(
    { endpoints: [endpoint], clientName: `kill9 datanode ${node}`, backoff: CLIENT_BACKOFF },
    { onRegistered: () => report(true), onFullReportWanted: () => report(false) },
    {
      registration: () => ({
        details: plan.details(node),
        report: plan.nodeReport(node),
        pipelineReports: [],
        layout: { metadata: 10, software: 10 },
      }),
      heartbeat: () => ({ persistedOpState: "IN_SERVICE", persistedOpStateExpiry: 0 }),
      heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS,
    },
  );
  return client;
}
