import { SeededRandom } from "../../engine/core/random.js";
import { type DatanodeClient, type ReportRow, reportRows } from "../../protocol/client/index.js";
import { FleetPlan, type IdRange } from "../fleet/plan.js";
import { registeredDatanodes } from "./heartbeat-load.js";
import type { LoadRequest, LoadTally } from "./load.js";

/** Distinct reports are made beforehand and sent again and again. */
const PREPARED_REPORTS = 64;

/** Datanodes that send incremental reports of a few rows, the next when the one before was taken over.
 * Counts entries. */
export async function incrementalLoad(
  request: Extract<LoadRequest, { kind: "incremental" }>,
  tally: LoadTally,
  begin: () => void,
): Promise<void> {
  const { endpoint, connections, rowsPerReport, ids, isOpen } = request;
  const clients = await registeredDatanodes(endpoint, connections);
  const plan = new FleetPlan({ nodeCount: 3, containersPerNode: 0, seed: 7, openIds: isOpen ? ids : [] });
  const random = new SeededRandom(3);
  const row = (): ReportRow => {
    const [first, last] = ids[random.below(ids.length)] as IdRange;
    return plan.row(first + random.below(last - first + 1), random.below(1000));
  };
  const reports = Array.from({ length: PREPARED_REPORTS }, () =>
    reportRows(Array.from({ length: rowsPerReport }, row), "free"),
  );
  begin();
  const endMs = performance.now() + request.seconds * 1000;
  const send = async (client: DatanodeClient, first: number): Promise<void> => {
    for (let i = first; performance.now() < endMs; i++) {
      const sentMs = performance.now();
      const report = reports[i % PREPARED_REPORTS];
      if (report === undefined) return;
      await client.sendIncrementalReport(report);
      tally.count += rowsPerReport;
      tally.latencyUs.record((performance.now() - sentMs) * 1000);
    }
  };
  await Promise.all(clients.map(send));
  for (const client of clients) client.close();
}
