import { ByteReader } from "../core/byte-reader.js";
import { ByteWriter } from "../core/byte-writer.js";
import { StrataError } from "../core/errors.js";
import type { LogIndex, Term } from "../core/ids.js";
import { logIndex, term } from "../core/ids.js";
import { readConfState, writeConfState } from "../raft/conf-state-codec.js";
import type { ConfState } from "../raft/types.js";
import { countFrom } from "./count-from.js";
import { HashSum } from "./hash-sum.js";
import { History } from "./history/history.js";
import { MemberTable } from "./members/member-table.js";
import type { StateHead } from "./state-machine.js";
import { TABLE } from "./tables.js";

/** Of the meta row and of all rows that it belongs to. It is the first row that is read. */
const FORMAT = 3;

const FLAG = { IMPORT_ALLOWED: 1, LOST_ITS_GROUP: 2, IMPORT_ENDED: 4 } as const;

/** Replicated values that belong to no table, and the place in the log. One row on disk. */
export class ClusterMeta {
  appliedIndex: LogIndex = logIndex(0);
  appliedTerm: Term = term(0);
  confState: ConfState = NO_MEMBERS;
  /** Time of the state: the latest that a batch brought, epoch ms; never falls. */
  nowMs = 0;
  /** Operations ever applied, refused ones included. */
  operationCount = 0;
  nextSessionId = 1;
  /** Empty until the cluster is seeded. */
  clusterId = "";
  importAllowed = false;
  /** It was allowed before. */
  hasImportEnded = false;
  /** Made into a group of its own: the group before may have created containers that are not known here. */
  lostItsGroup = false;
  termFloor = 0;
  readonly #history: History;
  readonly #members: MemberTable;
  readonly #scratch = new ByteWriter(256);

  /** The row tells of disk-resident tables, too, what must be known of them without reading them. */
  constructor(history: History, members: MemberTable) {
    this.#history = history;
    this.#members = members;
  }

  /** The row; `hash` is that of the whole state. */
  write(hash: string): Uint8Array {
    const writer = this.#scratch;
    writer.reset();
    writer.u8(FORMAT);
    writer.f64(this.appliedIndex);
    writer.f64(this.appliedTerm);
    this.#writeHashed(writer);
    writer.text(hash);
    return writer.take();
  }

  /** Returns the hash in the row. Throws RangeError, StorageError STORAGE_FORMAT. */
  read(reader: ByteReader): string {
    const found = reader.u8();
    if (found !== FORMAT) {
      throw new StrataError("STORAGE_FORMAT", { path: "the stored state", found, expected: FORMAT });
    }
    this.appliedIndex = logIndex(countFrom(reader));
    this.appliedTerm = term(countFrom(reader));
    this.nowMs = countFrom(reader);
    this.operationCount = countFrom(reader);
    this.nextSessionId = countFrom(reader);
    const flags = reader.u8();
    if (flags >= 2 * FLAG.IMPORT_ENDED) throw new RangeError(`flags ${flags}`);
    this.importAllowed = (flags & FLAG.IMPORT_ALLOWED) !== 0;
    this.hasImportEnded = (flags & FLAG.IMPORT_ENDED) !== 0;
    this.lostItsGroup = (flags & FLAG.LOST_ITS_GROUP) !== 0;
    this.termFloor = countFrom(reader);
    this.clusterId = reader.text();
    this.confState = readConfState(reader);
    this.#members.read(reader);
    this.#history.read(reader);
    const hash = reader.text();
    if (reader.remaining > 0) throw new RangeError("row is too long");
    return hash;
  }

  /** Its part of the state hash. The place in the log is no part of the state: entries without operations
   * move it. */
  hash(): HashSum {
    this.#scratch.reset();
    this.#writeHashed(this.#scratch);
    const hash = new HashSum();
    hash.addBytes(this.#scratch.view(), TABLE.meta);
    return hash;
  }

  #writeHashed(writer: ByteWriter): void {
    writer.f64(this.nowMs);
    writer.f64(this.operationCount);
    writer.f64(this.nextSessionId);
    writer.u8(
      (this.importAllowed ? FLAG.IMPORT_ALLOWED : 0) |
        (this.hasImportEnded ? FLAG.IMPORT_ENDED : 0) |
        (this.lostItsGroup ? FLAG.LOST_ITS_GROUP : 0),
    );
    writer.f64(this.termFloor);
    writer.text(this.clusterId);
    writeConfState(writer, this.confState);
    this.#members.write(writer);
    this.#history.write(writer);
  }
}

/** What a stored meta row says of the state that it belongs to. Throws RangeError, StorageError
 * STORAGE_FORMAT. */
export function readStateHead(row: Uint8Array): StateHead {
  const meta = new ClusterMeta(new History(), new MemberTable());
  const hash = meta.read(new ByteReader(row));
  return { index: meta.appliedIndex, term: meta.appliedTerm, confState: meta.confState, hash };
}

const NO_MEMBERS: ConfState = {
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};
