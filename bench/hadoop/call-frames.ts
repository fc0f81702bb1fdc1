import { assert } from "../../engine/core/assert.js";
import { SeededRandom } from "../../engine/core/random.js";
import { randomUuid } from "../../engine/core/uuid.js";
import { SCMBlockLocationRequestSchema } from "../../protocol/hadoop/generated/block_pb.js";
import { SCMDatanodeRequestSchema } from "../../protocol/hadoop/generated/datanode_pb.js";
import { ScmContainerLocationRequestSchema } from "../../protocol/hadoop/generated/location_pb.js";
import { encodeMessage } from "../../protocol/hadoop/message.js";
import { DATANODE_PROTOCOL, HadoopDatanode } from "../../test/support/hadoop/hadoop-datanode.js";
import { callFrame, contextFrame } from "../../test/support/hadoop/hadoop-frames.js";

export const BLOCK_PROTOCOL = "org.apache.hadoop.hdds.scm.protocol.ScmBlockLocationProtocol";
export const LOCATION_PROTOCOL = "org.apache.hadoop.hdds.scm.protocol.StorageContainerLocationProtocol";

/** Ids that take four bytes each in the header, as sint32, so that a frame keeps its length. */
export const FIRST_CALL_ID = 2 ** 20;
export const LAST_CALL_ID = 2 ** 27 - 1;
/** Behind the frame's length, that of the header, the RPC kind and the operation. */
const CALL_ID_AT = 10;
const CALL_ID_TAG = 0x18;

const CLIENT_ID = Uint8Array.from({ length: 16 }, (_, i) => i + 1);
const METHOD = "submitRequest";
/** A disk that is not filled by any number of containers; a number of 53 bits. */
const CAPACITY_BYTES = 2n ** 52n;
const OWNER = "bench";
const IN_THREE = { factor: 3, type: 1 } as const;

export function contextOf(protocol: string): Uint8Array {
  return contextFrame(CLIENT_ID, "bench", protocol);
}

/** Puts an id into the frame at `at`. */
export function writeCallId(bytes: Uint8Array, at: number, id: number): void {
  const zigzag = 2 * id;
  const first = at + CALL_ID_AT;
  bytes[first] = (zigzag & 0x7f) | 0x80;
  bytes[first + 1] = ((zigzag >>> 7) & 0x7f) | 0x80;
  bytes[first + 2] = ((zigzag >>> 14) & 0x7f) | 0x80;
  bytes[first + 3] = zigzag >>> 21;
}

/** Datanodes that are the same in every run. */
export function fleetOf(count: number): HadoopDatanode[] {
  const random = new SeededRandom(8);
  return Array.from({ length: count }, () => new HadoopDatanode(0, randomUuid(random)));
}

export function registrationFrame(node: HadoopDatanode): Buffer {
  const disk = { capacity: CAPACITY_BYTES, remaining: CAPACITY_BYTES, scmUsed: 0n, storageType: 1 } as const;
  const nodeReport = {
    storageReport: [
      { storageUuid: `DS-${node.uuid}`, storageLocation: "/data/hdds", failed: false, ...disk },
    ],
    metadataStorageReport: [{ storageLocation: "/data/meta", failed: false, ...disk }],
  };
  const registerRequest = node.registration({ nodeReport });
  return datanodeFrame(encodeMessage(SCMDatanodeRequestSchema, { cmdType: 2, registerRequest }));
}

/** Without reports: layout and the queue of commands, as a datanode says them in every heartbeat. */
export function heartbeatFrame(node: HadoopDatanode): Buffer {
  return datanodeFrame(node.heartbeatBody({ commandQueueReport: { command: [5], count: [0] } }));
}

export function blockFrame(): Buffer {
  const allocateScmBlockRequest = { size: 4096n, numBlocks: 1, ...IN_THREE, owner: OWNER, excludeList: {} };
  const body = encodeMessage(SCMBlockLocationRequestSchema, {
    cmdType: 11,
    version: 3,
    allocateScmBlockRequest,
  });
  return frameOf(BLOCK_PROTOCOL, "send", body);
}

export function containerFrame(): Buffer {
  const containerRequest = {
    replicationFactor: IN_THREE.factor,
    replicationType: IN_THREE.type,
    owner: OWNER,
  };
  const request = { cmdType: 1, version: 3, traceID: "", containerRequest } as const;
  return frameOf(LOCATION_PROTOCOL, METHOD, encodeMessage(ScmContainerLocationRequestSchema, request));
}

export function datanodeFrame(body: Uint8Array): Buffer {
  return frameOf(DATANODE_PROTOCOL, METHOD, body);
}

function frameOf(protocol: string, method: string, body: Uint8Array): Buffer {
  const parts = { clientId: CLIENT_ID, callId: FIRST_CALL_ID, method, protocol, body };
  const frame = Buffer.from(callFrame(parts));
  assert(frame[CALL_ID_AT - 1] === CALL_ID_TAG, "the id of a call is where it is changed");
  return frame;
}
