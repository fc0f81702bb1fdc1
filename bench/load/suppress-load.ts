import { SeededRandom } from "../../engine/core/random.js";
import { type AdminClient, createAdminClient } from "../../protocol/client/index.js";
import type { LoadRequest, LoadTally } from "./load.js";

/** Clients that each suppress one container at a time, in a session, the next when the one before was
 * answered. */
export async function suppressLoad(
  request: Extract<LoadRequest, { kind: "suppress" }>,
  tally: LoadTally,
  begin: () => void,
): Promise<void> {
  const { endpoints, firstId, lastId, seed } = request;
  const clients = Array.from({ length: request.clients }, (_, i) =>
    createAdminClient({ endpoints, clientName: `load ${i}` }),
  );
  // The first request opens the session.
  await Promise.all(clients.map((c) => c.suppressContainers({ containerIds: [firstId], suppress: false })));
  begin();
  const endMs = performance.now() + request.seconds * 1000;
  const random = new SeededRandom(seed);
  const draw = (): number => firstId + random.below(lastId - firstId + 1);
  await Promise.all(clients.map((client) => run(client, endMs, draw, tally)));
  for (const client of clients) client.close();
}

async function run(client: AdminClient, endMs: number, draw: () => number, tally: LoadTally): Promise<void> {
  let suppress = true;
  for (let sentMs = performance.now(); sentMs < endMs; sentMs = performance.now()) {
    try {
      await client.suppressContainers({ containerIds: [draw()], suppress });
      tally.count++;
      tally.latencyUs.record((performance.now() - sentMs) * 1000);
      suppress = !suppress;
    } catch {
      tally.failedCount++;
    }
  }
}
