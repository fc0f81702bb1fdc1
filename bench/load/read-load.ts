import { assert } from "../../engine/core/assert.js";
import { SeededRandom } from "../../engine/core/random.js";
import { type AdminClient, createAdminClient } from "../../protocol/client/index.js";
import type { LoadRequest, LoadTally } from "./load.js";

/** Clients that ask for batches of containers with their pipelines, each with some requests under way. Counts
 * ids; every answer is decoded as the library's callers get it. */
export async function readLoad(
  request: Extract<LoadRequest, { kind: "read" }>,
  tally: LoadTally,
  begin: () => void,
): Promise<void> {
  const { endpoint, connections, requestsAtOnce, seconds, seed } = request;
  const clients = Array.from({ length: connections }, (_, i) =>
    createAdminClient({ endpoints: [endpoint], clientName: `load ${i}` }),
  );
  await Promise.all(clients.map((client) => client.getContainerCount({})));
  begin();
  const endMs = performance.now() + seconds * 1000;
  const random = new SeededRandom(seed);
  const lanes = clients.flatMap((client) => Array.from({ length: requestsAtOnce }, () => client));
  await Promise.all(lanes.map((client) => run(client, request, { endMs, random, tally })));
  for (const client of clients) client.close();
}

async function run(
  client: AdminClient,
  { batchSize, firstId, lastId, state, memberCount }: Extract<LoadRequest, { kind: "read" }>,
  { endMs, random, tally }: { endMs: number; random: SeededRandom; tally: LoadTally },
): Promise<void> {
  const draw = (): number => firstId + random.below(lastId - firstId + 1);
  for (let sentMs = performance.now(); sentMs < endMs; sentMs = performance.now()) {
    const containerIds = Array.from({ length: batchSize }, draw);
    const answer = await client.getContainersWithPipelines({ containerIds, existingOnly: false });
    assert(answer.containers.length === batchSize, "an answer has room for a batch");
    assert(
      answer.containers.every((container) => container.state === state),
      "containers stay as they were",
    );
    assert(
      answer.readPipelines.every((members) => members.length === memberCount),
      "the replicas of all containers are known",
    );
    tally.count += batchSize;
    tally.latencyUs.record((performance.now() - sentMs) * 1000);
  }
}
