import { createDatanodeClient, type DatanodeClient } from "../../protocol/client/index.js";
import { FleetPlan } from "../fleet/plan.js";
import type { LoadRequest, LoadTally } from "./load.js";

const HEARTBEAT = { persistedOpState: "IN_SERVICE", persistedOpStateExpiry: 0 } as const;

/** Registers a datanode per connection, then each sends its next heartbeat when the one before was
 * answered. */
export async function heartbeatLoad(
  request: Extract<LoadRequest, { kind: "heartbeat" }>,
  tally: LoadTally,
  begin: () => void,
): Promise<void> {
  const clients = await registeredDatanodes(request.endpoint, request.connections);
  begin();
  const endMs = performance.now() + request.seconds * 1000;
  await Promise.all(clients.map((client) => beat(client, endMs, tally)));
  for (const client of clients) client.close();
}

function beat(client: DatanodeClient, endMs: number, tally: LoadTally): Promise<void> {
  return new Promise((resolve) => {
    let sentMs = 0;
    const next = (): void => {
      sentMs = performance.now();
      if (sentMs >= endMs) resolve();
      else client.heartbeat(HEARTBEAT, completion);
    };
    const completion = {
      succeeded: () => {
        tally.count++;
        tally.latencyUs.record((performance.now() - sentMs) * 1000);
        next();
      },
      failed: () => {
        tally.failedCount++;
        resolve();
      },
    };
    next();
  });
}

/** Datanodes of a plan, connected and registered. */
export async function registeredDatanodes(endpoint: string, count: number): Promise<DatanodeClient[]> {
  const plan = new FleetPlan({ nodeCount: Math.max(3, count), containersPerNode: 0, seed: 7 });
  return Promise.all(
    Array.from({ length: count }, async (_, node) => {
      const client = await connected(endpoint, node);
      await client.sendRegistration({
        details: plan.details(node),
        report: plan.nodeReport(node),
        pipelineReports: [],
        layout: { metadata: 10, software: 10 },
      });
      return client;
    }),
  );
}

function connected(endpoint: string, node: number): Promise<DatanodeClient> {
  return new Promise((resolve) => {
    const client: DatanodeClient = createDatanodeClient(
      { endpoints: [endpoint], clientName: `load ${node}` },
      { onConnected: () => resolve(client) },
    );
    client.start();
  });
}
