import { assert } from "../../engine/core/assert.js";
import { REPLICA_STATE } from "../../engine/core/enums.js";
import type { Uuid } from "../../engine/core/uuid.js";
import type { ReportSource } from "../../protocol/client/report-source.js";
import type { ReportRow, RowBytes } from "../../protocol/codec/report-rows.js";
import {
  ROW_BYTES_WITH_CHECKSUM,
  ROW_CHECKSUM,
  ROW_EMPTY_FLAG,
  ROW_ID,
  ROW_KEY_COUNT,
  ROW_ORIGIN,
  ROW_REPLICA_INDEX,
  ROW_SEQUENCE_ID,
  ROW_STATE,
  ROW_USED_BYTES,
} from "../../protocol/codec/report-rows.js";

/** A full report of replicas that change while it is sent: each chunk is read when it leaves. */
export class LiveReport implements ReportSource {
  readonly rowBytes: RowBytes;
  readonly origins: readonly Uuid[];
  readonly #replicas: ReadonlyMap<number, ReportRow>;
  #lastId = 0;

  /** `origins` holds every origin that a replica may have. */
  constructor(replicas: ReadonlyMap<number, ReportRow>, origins: readonly Uuid[], rowBytes: RowBytes) {
    this.#replicas = replicas;
    this.origins = origins;
    this.rowBytes = rowBytes;
  }

  get rowCount(): number {
    return this.#replicas.size;
  }

  next(rowCountMax: number): Uint8Array {
    if (rowCountMax === 0) return new Uint8Array(0);
    const ids = [...this.#replicas.keys()].filter((id) => id > this.#lastId).sort((a, b) => a - b);
    const chunk = ids.slice(0, rowCountMax);
    const rows = new Uint8Array(chunk.length * this.rowBytes);
    const view = new DataView(rows.buffer);
    chunk.forEach((id, index) => {
      this.#write(view, index * this.rowBytes, this.#replicas.get(id) as ReportRow);
    });
    this.#lastId = chunk.at(-1) ?? this.#lastId;
    return rows;
  }

  #write(view: DataView, at: number, row: ReportRow): void {
    const origin = this.origins.indexOf(row.originNodeId);
    assert(origin >= 0, "the origin is in the dictionary");
    view.setFloat64(at + ROW_ID, row.containerId, true);
    view.setFloat64(at + ROW_USED_BYTES, row.usedBytes, true);
    view.setFloat64(at + ROW_SEQUENCE_ID, row.sequenceId, true);
    view.setUint32(at + ROW_KEY_COUNT, row.keyCount, true);
    view.setUint16(at + ROW_ORIGIN, origin, true);
    view.setUint8(at + ROW_STATE, REPLICA_STATE[row.state] | (row.isEmpty ? ROW_EMPTY_FLAG : 0));
    view.setUint8(at + ROW_REPLICA_INDEX, row.replicaIndex);
    if (this.rowBytes === ROW_BYTES_WITH_CHECKSUM) {
      view.setBigUint64(at + ROW_CHECKSUM, row.dataChecksum ?? 0n, true);
    }
  }
}
