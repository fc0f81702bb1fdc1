import { createAdminClient } from "../../protocol/client/index.js";
import type { FleetPlan } from "../fleet/plan.js";

const PIPELINES_PER_REQUEST = 100;
const CONTAINERS_PER_REQUEST = 2000;
const REQUESTS_AT_ONCE = 4;

/** Imports the plan's pipelines and containers through the admin protocol, as an operator would. */
export async function populate(
  endpoint: string,
  plan: FleetPlan,
  print: (line: string) => void,
): Promise<void> {
  const client = createAdminClient({ endpoints: [endpoint], clientName: "bench", timeoutMs: 600_000 });
  const startMs = performance.now();
  for (let first = 0; first < plan.nodeCount; first += PIPELINES_PER_REQUEST) {
    const count = Math.min(PIPELINES_PER_REQUEST, plan.nodeCount - first);
    await client.import({
      pipelines: Array.from({ length: count }, (_, i) => plan.pipeline(first + i)),
      containers: [],
    });
  }
  // Ids must ascend: a request is sent when the one before is on its way, and a session keeps the order.
  const underWay: Promise<unknown>[] = [];
  for (let first = 1; first <= plan.containerCount; first += CONTAINERS_PER_REQUEST) {
    const count = Math.min(CONTAINERS_PER_REQUEST, plan.containerCount - first + 1);
    const containers = Array.from({ length: count }, (_, i) => plan.container(first + i));
    underWay.push(client.import({ pipelines: [], containers }));
    if (underWay.length >= REQUESTS_AT_ONCE) await underWay.shift();
  }
  await Promise.all(underWay);
  client.close();
  const seconds = (performance.now() - startMs) / 1000;
  print(`imported ${plan.containerCount} containers in ${seconds.toFixed(1)} s`);
}
