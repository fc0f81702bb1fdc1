import { SeededRandom } from "../../engine/core/random.js";
import { type DatanodeClient, reportRows } from "../../protocol/client/index.js";
import { FleetPlan, type IdRange } from "../fleet/plan.js";
import { registeredDatanodes } from "./heartbeat-load.js";
import type { LoadRequest, LoadTally } from "./load.js";

/** Distinct reports of a datanode are made beforehand and sent again and again. */
const PREPARED_REPORTS = 256;
const REPLICAS = 3;

/** Datanodes that send incremental reports of a few rows, the next when the one before was taken over. Each
 * container has a few of them that report it, and no entry repeats what is known. Counts entries. */
export async function incrementalLoad(
  request: Extract<LoadRequest, { kind: "incremental" }>,
  tally: LoadTally,
  begin: () => void,
): Promise<void> {
  const { endpoint, connections, rowsPerReport, ids, isOpen } = request;
  const clients = await registeredDatanodes(endpoint, connections);
  const plan = new FleetPlan({ nodeCount: 3, containersPerNode: 0, seed: 7, openIds: isOpen ? ids : [] });
  const random = new SeededRandom(3);
  const setCount = Math.max(1, Math.floor(connections / REPLICAS));
  const idOf = (set: number): number => {
    const [first, last] = ids[random.below(ids.length)] as IdRange;
    return first + random.below(Math.floor((last - first + 1) / setCount)) * setCount + set;
  };
  const reportsOfSet = Array.from({ length: setCount }, (_, set) => {
    const idsOfReports = Array.from({ length: PREPARED_REPORTS / 2 }, () =>
      Array.from({ length: rowsPerReport }, () => idOf(set)),
    );
    // All of one generation, then all of another: each row is a change when its turn comes again.
    return [0, 1].flatMap((generation) =>
      idsOfReports.map((own) =>
        reportRows(
          own.map((id) => plan.row(id, generation)),
          "free",
        ),
      ),
    );
  });
  begin();
  const endMs = performance.now() + request.seconds * 1000;
  const send = async (client: DatanodeClient, number: number): Promise<void> => {
    const reports = reportsOfSet[number % setCount] ?? [];
    for (let i = number; performance.now() < endMs; i++) {
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
