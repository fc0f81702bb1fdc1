import { OPERATIONAL_STATE } from "../../core/enums.js";
import { NODE_SLOT_COUNT_MAX } from "../../core/ids.js";
import type { Uuid } from "../../core/uuid.js";
import { enumName } from "../enum-name.js";
import { RowSet } from "../row-set.js";
import { TABLE } from "../tables.js";
import type { NodeIntent } from "./node-types.js";

/** Operators' wills for datanodes, replicated, so that no leader forgets a decommission (spec 01 §16.3). An
 * intent stays when the datanode has persisted it: an older state on its disk must not win again. */
export class IntentTable {
  readonly rows = new RowSet<Uuid, NodeIntent>({
    table: TABLE.nodeIntents,
    typicalRowBytes: 32,
    writeKey: (writer, uuid) => writer.uuid(uuid),
    readKey: (reader) => reader.uuid(),
    writeRow: (writer, intent) => {
      writer.u8(OPERATIONAL_STATE[intent.operationalState]);
      writer.f64(intent.expirySeconds);
    },
    readRow: (reader) => ({
      operationalState: enumName(OPERATIONAL_STATE, reader.u8()),
      expirySeconds: reader.f64(),
    }),
  });

  get(uuid: Uuid): NodeIntent | undefined {
    return this.rows.get(uuid);
  }

  problem(): string | undefined {
    return this.rows.rehash().equals(this.rows.hash) ? undefined : "hash of node intents";
  }

  /** False when the limit of nodes is reached. */
  set(uuid: Uuid, intent: NodeIntent): boolean {
    if (this.rows.get(uuid) === undefined && this.rows.size >= NODE_SLOT_COUNT_MAX) return false;
    this.rows.set(uuid, intent);
    return true;
  }
}
