import type { ReplicaState } from "../../../engine/core/enums.js";
import type { Uuid } from "../../../engine/core/uuid.js";
import { ReportRowWriter, ROW_BYTES, ROW_BYTES_WITH_CHECKSUM } from "../../../protocol/codec/report-rows.js";

/** A reported replica with the values that a test does not care about filled in. */
export interface TestRow {
  readonly id: number;
  readonly usedBytes?: number;
  readonly sequenceId?: number;
  readonly keyCount?: number;
  readonly state?: ReplicaState;
  readonly isEmpty?: boolean;
  readonly replicaIndex?: number;
  readonly origin?: Uuid;
  readonly dataChecksum?: bigint;
}

export const ORIGIN = "00000000-0000-4000-8000-000000000000" as Uuid;

export interface TestRows {
  readonly rows: Uint8Array;
  readonly rowBytes: number;
  readonly origins: readonly Uuid[];
}

/** Encodes rows in the given order, which need not ascend. */
export function testRows(rows: readonly TestRow[], withChecksum = false): TestRows {
  const writer = new ReportRowWriter(withChecksum ? ROW_BYTES_WITH_CHECKSUM : ROW_BYTES, "free");
  for (const row of rows) {
    writer.add({
      containerId: row.id,
      usedBytes: row.usedBytes ?? 1000,
      sequenceId: row.sequenceId ?? 10,
      keyCount: row.keyCount ?? 5,
      originNodeId: row.origin ?? ORIGIN,
      state: row.state ?? "CLOSED",
      isEmpty: row.isEmpty ?? false,
      replicaIndex: row.replicaIndex ?? 0,
      dataChecksum: row.dataChecksum ?? 0n,
    });
  }
  return { rows: writer.take(), rowBytes: writer.rowBytes, origins: [...writer.origins] };
}
