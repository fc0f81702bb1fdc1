import { parseReplication } from "../../engine/cluster/containers/replication-config.js";
import { assert } from "../../engine/core/assert.js";
import { decodeBody } from "../../protocol/codec/codec.js";
import { decodeError } from "../../protocol/codec/errors.js";
import { FRAME_HEADER_BYTES } from "../../protocol/codec/frame.js";
import { operationNamed } from "../../protocol/codec/operations.js";
import { ALLOCATE_BLOCKS_RESPONSE } from "../../protocol/schema/block-messages.js";
import { ADMIN_PATH } from "../../protocol/schema/messages.js";
import { LeanConnection } from "./lean-connection.js";
import type { LoadRequest, LoadTally } from "./load.js";

/** One answer in so many is decoded and looked at. */
const LOOK_EVERY = 4096;

/** Connections that each ask for blocks, again when they have got them. Counts calls. */
export function allocateLoad(
  request: Extract<LoadRequest, { kind: "allocate" }>,
  tally: LoadTally,
  begin: () => void,
): Promise<void> {
  const { blocksPerCall, replication, owner } = request;
  const { op, request: codec } = operationNamed("allocateBlocks");
  const message = codec.encode(op, 0, 1, {
    size: 256 * 1024 * 1024,
    count: blocksPerCall,
    replication: parseReplication(replication),
    owner,
  });
  return repeat(request, message, tally, begin, (answer) => look(answer, blocksPerCall));
}

/** The same for containers, without a session: each call creates one. */
export function allocateContainerLoad(
  request: Extract<LoadRequest, { kind: "allocate container" }>,
  tally: LoadTally,
  begin: () => void,
): Promise<void> {
  const { op, request: codec } = operationNamed("allocateContainer");
  const message = codec.encode(op, 0, 1, {
    sessionId: 0,
    sequence: 0,
    ackedSequence: 0,
    replication: parseReplication(request.replication),
    owner: request.owner,
  });
  return repeat(request, message, tally, begin, () => undefined);
}

async function repeat(
  { endpoint, connections, seconds }: { endpoint: string; connections: number; seconds: number },
  message: Uint8Array,
  tally: LoadTally,
  begin: () => void,
  onSample: (answer: Buffer) => void,
): Promise<void> {
  const open = await Promise.all(
    Array.from({ length: connections }, () => LeanConnection.open(endpoint, ADMIN_PATH)),
  );
  begin();
  const endMs = performance.now() + seconds * 1000;
  await Promise.all(
    open.map((connection) => {
      connection.prepare(message);
      return run(connection, endMs, tally, onSample);
    }),
  );
  for (const connection of open) connection.close();
}

function run(
  connection: LeanConnection,
  endMs: number,
  tally: LoadTally,
  onSample: (answer: Buffer) => void,
): Promise<void> {
  return new Promise((resolve) => {
    let sentMs = performance.now();
    connection.onAnswer = (answer, isError) => {
      const nowMs = performance.now();
      if (isError) {
        if (tally.failedCount++ === 0) {
          console.error(decodeError(answer, FRAME_HEADER_BYTES, answer.length).message);
        }
      } else {
        if (tally.count % LOOK_EVERY === 0) onSample(answer);
        tally.count++;
        tally.latencyUs.record((nowMs - sentMs) * 1000);
      }
      if (nowMs >= endMs) {
        resolve();
        return;
      }
      sentMs = nowMs;
      connection.send();
    };
    connection.send();
  });
}

function look(answer: Buffer, blocksPerCall: number): void {
  const decoded = decodeBody(ALLOCATE_BLOCKS_RESPONSE, answer, FRAME_HEADER_BYTES, answer.length);
  assert(decoded.blocks.length === blocksPerCall, "an answer holds what was asked for");
  assert(
    decoded.pipelines.every(({ members }) => members.length > 0),
    "pipelines are whole",
  );
}
