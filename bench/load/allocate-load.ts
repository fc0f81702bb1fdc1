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
export async function allocateLoad(
  request: Extract<LoadRequest, { kind: "allocate" }>,
  tally: LoadTally,
  begin: () => void,
): Promise<void> {
  const { endpoint, connections, seconds, blocksPerCall } = request;
  const { op, request: codec } = operationNamed("allocateBlocks");
  const message = codec.encode(op, 0, 1, {
    size: 256 * 1024 * 1024,
    count: blocksPerCall,
    replication: parseReplication(request.replication),
    owner: request.owner,
  });
  const open = await Promise.all(
    Array.from({ length: connections }, () => LeanConnection.open(endpoint, ADMIN_PATH)),
  );
  begin();
  const endMs = performance.now() + seconds * 1000;
  await Promise.all(
    open.map((connection) => {
      connection.prepare(message);
      return run(connection, endMs, blocksPerCall, tally);
    }),
  );
  for (const connection of open) connection.close();
}

function run(
  connection: LeanConnection,
  endMs: number,
  blocksPerCall: number,
  tally: LoadTally,
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
        if (tally.count % LOOK_EVERY === 0) look(answer, blocksPerCall);
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
