import { REPLICA_STATE } from "../../engine/core/enums.js";
import {
  ROW_BYTES,
  ROW_ID,
  ROW_KEY_COUNT,
  ROW_ORIGIN,
  ROW_REPLICA_INDEX,
  ROW_SEQUENCE_ID,
  ROW_STATE,
  ROW_USED_BYTES,
} from "../../protocol/codec/report-rows.js";

/** Without a common divisor with the number of nodes. */
const FACTORS = [1, 7, 11, 13];
/** Where rows begin in a received frame: at no particular alignment. */
const FRAME_OFFSET = 37;

export function usedBytesOf(id: number): number {
  return 5e9 + id;
}

export function sequenceIdOf(id: number): number {
  return id * 3;
}

export function keyCountOf(id: number): number {
  return id & 0xffff;
}

interface Shown {
  readonly state: number;
  /** Added to the used bytes; to the other numbers. */
  readonly used: number;
  readonly written: number;
}

/** A cluster that is computed, not stored: three replicas of each of the containers 1 … n, spread so that
 * a node's ids have gaps without a pattern. In each block of nodeCount / 3 containers every node has one. */
export class ReportPlan {
  readonly nodeCount: number;
  /** Replicas of each node. */
  readonly rowCount: number;

  /** @param nodeCount a multiple of 3, of none of the factors */
  constructor(containerCount: number, nodeCount: number) {
    this.nodeCount = nodeCount;
    this.rowCount = Math.floor((containerCount * 3) / nodeCount);
  }

  /** Rows of a node's full report, ascending: closed replicas; `change` is added to the used bytes. */
  rowsOf(node: number, change: number): Uint8Array {
    return this.#rows(node, { state: REPLICA_STATE.CLOSED, used: change, written: 0 });
  }

  /** The same of replicas that are written to: all their numbers grow. */
  openRowsOf(node: number, change: number): Uint8Array {
    return this.#rows(node, { state: REPLICA_STATE.OPEN, used: change, written: change });
  }

  #rows(node: number, { state, used, written }: Shown): Uint8Array {
    const frame = new Uint8Array(FRAME_OFFSET + this.rowCount * ROW_BYTES);
    const rows = frame.subarray(FRAME_OFFSET);
    const view = new DataView(frame.buffer, FRAME_OFFSET);
    for (let row = 0; row < this.rowCount; row++) {
      const at = row * ROW_BYTES;
      const id = this.idOf(node, row);
      view.setFloat64(at + ROW_ID, id, true);
      view.setFloat64(at + ROW_USED_BYTES, usedBytesOf(id) + used, true);
      view.setFloat64(at + ROW_SEQUENCE_ID, sequenceIdOf(id) + written, true);
      view.setUint32(at + ROW_KEY_COUNT, keyCountOf(id) + written, true);
      view.setUint16(at + ROW_ORIGIN, 0, true);
      view.setUint8(at + ROW_STATE, state);
      view.setUint8(at + ROW_REPLICA_INDEX, 0);
    }
    return rows;
  }

  /** The node's container in block `row`: a linear map with a factor and a shift of the block's own. */
  idOf(node: number, row: number): number {
    const hash = Math.imul(row + 1, 0x9e3779b1) >>> 0;
    const place = (node * (FACTORS[hash % FACTORS.length] as number) + (hash >>> 8)) % this.nodeCount;
    return 1 + row * (this.nodeCount / 3) + Math.floor(place / 3);
  }
}
