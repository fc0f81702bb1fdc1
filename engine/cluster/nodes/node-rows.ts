import { NODE_ROW } from "../../../workers/shared/node-layout.js";
import { beginWrite, endWrite } from "../../../workers/shared/version-word.js";
import { assert } from "../../core/assert.js";
import { NODE_HEALTH, OPERATIONAL_STATE } from "../../core/enums.js";
import type { NodeEntry } from "./node-entry.js";

const AT = NODE_ROW.fields;
const ROW_BYTES = NODE_ROW.rowBytes;

/** Main's mirror of the node table in shared memory: one row a slot. */
export class NodeRows {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #view: DataView;
  readonly #doubles: Float64Array;

  constructor(nodeCountMax: number) {
    this.buffer = new SharedArrayBuffer(nodeCountMax * ROW_BYTES);
    this.#words = new Int32Array(this.buffer);
    this.#view = new DataView(this.buffer);
    this.#doubles = new Float64Array(this.buffer);
  }

  /** Writes the time of the last heartbeat alone: what most heartbeats change. */
  publishHeartbeat(node: NodeEntry): void {
    const row = node.slot * ROW_BYTES;
    const word = (row + AT.version.offset) / 4;
    beginWrite(this.#words, word);
    this.#doubles[(row + AT.lastHeartbeatMs.offset) / 8] = node.lastHeartbeatMs;
    endWrite(this.#words, word);
  }

  /** Writes the entry's row. */
  publish(node: NodeEntry): void {
    const row = node.slot * ROW_BYTES;
    assert(row + ROW_BYTES <= this.buffer.byteLength, "slot beyond the table");
    const view = this.#view;
    const word = (row + AT.version.offset) / 4;
    beginWrite(this.#words, word);
    view.setUint8(row + AT.health.offset, NODE_HEALTH[node.health]);
    view.setUint8(row + AT.operationalState.offset, OPERATIONAL_STATE[node.operationalState]);
    const persisted = node.details.persistedOpState ?? "IN_SERVICE";
    view.setUint8(row + AT.persistedOperationalState.offset, OPERATIONAL_STATE[persisted]);
    const volumeCount = node.report?.storageReports.length ?? 0;
    view.setUint16(row + AT.healthyVolumeCount.offset, volumeCount - node.failedVolumeCount, true);
    view.setUint16(row + AT.failedVolumeCount.offset, node.failedVolumeCount, true);
    view.setUint32(row + AT.metadataLayout.offset, node.layout.metadata, true);
    view.setUint32(row + AT.softwareLayout.offset, node.layout.software, true);
    view.setUint32(row + AT.queuedCommandCount.offset, node.queue.length, true);
    view.setUint32(row + AT.reportedCommandCount.offset, node.reportedCommandCount, true);
    view.setFloat64(row + AT.operationalStateExpiry.offset, node.operationalStateExpiry, true);
    view.setFloat64(row + AT.lastHeartbeatMs.offset, node.lastHeartbeatMs, true);
    view.setFloat64(row + AT.capacity.offset, node.usage.capacity, true);
    view.setFloat64(row + AT.scmUsed.offset, node.usage.scmUsed, true);
    view.setFloat64(row + AT.remaining.offset, node.usage.remaining, true);
    view.setFloat64(row + AT.committed.offset, node.usage.committed, true);
    view.setFloat64(row + AT.freeSpaceToSpare.offset, node.usage.freeSpaceToSpare, true);
    view.setFloat64(row + AT.reserved.offset, node.usage.reserved, true);
    endWrite(this.#words, word);
  }
}
