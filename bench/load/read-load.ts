import { assert } from "../../engine/core/assert.js";
import { SeededRandom } from "../../engine/core/random.js";
import { decodeBody } from "../../protocol/codec/codec.js";
import { decodeError } from "../../protocol/codec/errors.js";
import { FRAME_HEADER_BYTES } from "../../protocol/codec/frame.js";
import { operationNamed } from "../../protocol/codec/operations.js";
import { ADMIN_PATH } from "../../protocol/schema/messages.js";
import { GET_CONTAINERS_WITH_PIPELINES_RESPONSE } from "../../protocol/schema/read-messages.js";
import { LeanConnection } from "./lean-connection.js";
import type { LoadRequest, LoadTally } from "./load.js";

type ReadLoad = Extract<LoadRequest, { kind: "read" }>;

/** Distinct requests of a connection, made beforehand. */
const PREPARED_REQUESTS = 64;
/** One answer in so many is decoded and looked at: its texts would take more time than the SCM does. */
const LOOK_EVERY = 256;

/** Connections that each ask for a batch of containers with their pipelines, for another one when they have
 * got it. Counts ids. */
export async function readLoad(request: ReadLoad, tally: LoadTally, begin: () => void): Promise<void> {
  const { endpoint, connections, seconds, batchSize, firstId, lastId } = request;
  const { op, request: codec } = operationNamed("getContainersWithPipelines");
  const random = new SeededRandom(request.seed);
  const draw = (): number => firstId + random.below(lastId - firstId + 1);
  const open = await Promise.all(
    Array.from({ length: connections }, () => LeanConnection.open(endpoint, ADMIN_PATH)),
  );
  const messages = open.map(() =>
    Array.from({ length: PREPARED_REQUESTS }, () =>
      codec.encode(op, 0, 1, { containerIds: Array.from({ length: batchSize }, draw), existingOnly: false }),
    ),
  );
  begin();
  const endMs = performance.now() + seconds * 1000;
  await Promise.all(
    open.map((connection, i) => run(connection, messages[i] ?? [], { request, endMs, tally })),
  );
  for (const connection of open) connection.close();
}

function run(
  connection: LeanConnection,
  messages: readonly Uint8Array[],
  { request, endMs, tally }: { request: ReadLoad; endMs: number; tally: LoadTally },
): Promise<void> {
  return new Promise((resolve) => {
    let sentMs = performance.now();
    let sentCount = 0;
    const send = (): void => {
      connection.prepare(messages[sentCount++ % messages.length] as Uint8Array);
      connection.send();
    };
    connection.onAnswer = (answer, isError) => {
      const nowMs = performance.now();
      if (isError) {
        if (tally.failedCount++ === 0) {
          console.error(decodeError(answer, FRAME_HEADER_BYTES, answer.length).message);
        }
      } else {
        if (sentCount % LOOK_EVERY === 1) look(answer, request);
        tally.count += request.batchSize;
        tally.latencyUs.record((nowMs - sentMs) * 1000);
      }
      if (nowMs >= endMs) {
        resolve();
        return;
      }
      sentMs = nowMs;
      send();
    };
    send();
  });
}

function look(answer: Buffer, { batchSize, state, memberCount }: ReadLoad): void {
  const decoded = decodeBody(
    GET_CONTAINERS_WITH_PIPELINES_RESPONSE,
    answer,
    FRAME_HEADER_BYTES,
    answer.length,
  );
  const { containers, pipelines, readPipelines } = decoded;
  assert(containers.length === batchSize, "an answer has room for a batch");
  assert(
    containers.every((container) => container.state === state),
    "containers stay as they were",
  );
  assert(
    (state === "OPEN" ? pipelines.length : readPipelines.length) > 0,
    "open containers have pipelines of their own",
  );
  assert(
    readPipelines.every((members) => members.length === memberCount),
    "the replicas of all containers are known",
  );
}
