import { StrataError } from "../../../engine/core/errors.js";
import { SAFE_INTEGER_MAX } from "../../../engine/core/ids.js";
import type { Random } from "../../../engine/core/random.js";
import type { ReportRows } from "../../../protocol/client/report-source.js";
import { ROW_EMPTY_FLAG } from "../../../protocol/codec/report-rows.js";
import { ProtoReader } from "../../../protocol/hadoop/proto-reader.js";
import { OriginTable, UUID_TEXT_BYTES } from "./origin-table.js";
import { RowBuffer } from "./row-buffer.js";
import { afterVarint, FIFTH_BYTE, varintAt } from "./varint.js";

/** Fields of ContainerReplica by their tag: number × 8 + wire type (spec 12 §5.2). Of ContainerReports and
 * IncrementalContainerReport, whose only field it is. */
const REPLICA = 0x0a;
const CONTAINER_ID = 0x08;
const STATE = 0x10;
const USED = 0x20;
const KEY_COUNT = 0x28;
const SEQUENCE_ID = 0x60;
const ORIGIN = 0x6a;
const REPLICA_INDEX = 0x70;
const IS_EMPTY = 0x78;
/** The only one of two bytes. */
const CHECKSUM = 0x80;
const CHECKSUM_SECOND = 0x01;
/** Bits that the tag of a varint with a number below 16 does not have. */
const NO_SHORT_VARINT = 0x87;

const REPLICA_MESSAGE = "ContainerReplicaProto";
const STATE_MAX = 7;
/** What the tables of replicas hold (workers/pool/row-check.ts). */
const UINT48_MAX = 2 ** 48 - 1;
const UINT32_MAX = 2 ** 32 - 1;
const INDEX_MAX = 14;
const WORD = 2 ** 32;
/** Origins beyond these count as not known: the dictionary of a full report shares a frame with its first
 * rows, and that of an incremental one has a limit of its own (protocol/schema/datanode-messages.ts). */
const ORIGINS_OF_FULL_MAX = 8192;
const ORIGINS_OF_INCREMENTAL_MAX = 4096;

/** Where the replicas of a report lie in a request: pairs of offsets, a pair for each ContainerReports or
 * IncrementalContainerReport. */
export type Ranges = readonly number[];

/** Required fields that a replica lacks. */
const NO_ID = 1;
const NO_STATE = 2;

/** Reads ContainerReplica messages straight into the rows of `protocol/codec/report-rows.ts` (spec 12 §9.3):
 * one look at every byte, nothing allocated for a replica.
 *
 * Values that a row cannot hold come from datanodes with broken books. Each becomes the nearest one that it
 * can; a replica whose container id cannot be is left out. Both are counted. */
export class ReplicaRowReader {
  readonly counters = { replicas: 0, leftOut: 0, mended: 0, sorted: 0 };
  readonly #reader = new ProtoReader(REPLICA_MESSAGE);
  /** For single fields of a replica, while the other one stands at its begin. */
  readonly #fields = new ProtoReader(REPLICA_MESSAGE);
  readonly #origins: OriginTable;
  readonly #rows = new RowBuffer();
  /** Of the replica that is read, by field number: plain numbers in one place, so that the loop over its
   * fields stores no objects. */
  readonly #values = new Float64Array(17);
  #origin = -1;
  #checksumAt = 0;
  #bytesMax = 0;

  constructor(random: Random) {
    this.#origins = new OriginTable(random);
  }

  /** The rows of a full report, with strictly ascending ids: of replicas with one id the last stays. `path`:
   * the way to the replicas, for the text of an error. Undefined when there are more than `bytesMax` of rows.
   * @throws StrataError PROTOBUF_MALFORMED, PROTOBUF_INCOMPLETE */
  readFull(message: Uint8Array, ranges: Ranges, path: string, bytesMax: number): ReportRows | undefined {
    this.#begin(ORIGINS_OF_FULL_MAX, bytesMax);
    try {
      let count = 0;
      for (let range = 0; range < ranges.length; range += 2) {
        count = this.#readRange(message, ranges, range, path, count);
      }
      if (!this.#rows.isAscending) this.counters.sorted++;
      return this.#isTooMuch ? undefined : this.#taken(this.#rows.sortedCopy());
    } finally {
      this.#rows.end();
    }
  }

  /** The rows of incremental reports in their order; `path` leads to the reports. Otherwise as `readFull`. */
  readIncremental(
    message: Uint8Array,
    ranges: Ranges,
    path: string,
    bytesMax: number,
  ): ReportRows | undefined {
    this.#begin(ORIGINS_OF_INCREMENTAL_MAX, bytesMax);
    try {
      for (let range = 0; range < ranges.length; range += 2) {
        this.#readRange(message, ranges, range, `${path}[${range / 2}].report`, 0);
      }
      return this.#isTooMuch ? undefined : this.#taken(this.#rows.copy());
    } finally {
      this.#rows.end();
    }
  }

  #begin(originCountMax: number, bytesMax: number): void {
    this.#rows.begin(bytesMax);
    this.#origins.clear(originCountMax);
    this.#bytesMax = bytesMax;
  }

  get #isTooMuch(): boolean {
    return this.#rows.byteLength > this.#bytesMax;
  }

  #taken(rows: Uint8Array): ReportRows {
    return { rowBytes: this.#rows.rowBytes, rows, origins: this.#origins.take() };
  }

  /** How many replicas there are now, `count` before. */
  #readRange(message: Uint8Array, ranges: Ranges, range: number, path: string, count: number): number {
    const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
    const reader = this.#reader;
    reader.begin(message, ranges[range] as number, ranges[range + 1] as number);
    let index = count;
    while (reader.hasMore() && !this.#isTooMuch) {
      const tag = reader.tag();
      if (tag !== REPLICA) {
        reader.skip(tag);
        continue;
      }
      const length = reader.length();
      const missing = this.#readReplica(message, view, reader.position, reader.position + length);
      if (missing !== 0) throw incomplete(`${path}[${index}]`, missing);
      reader.position += length;
      index++;
    }
    return index;
  }

  /** Which required fields are missing. Varints of up to five bytes are read here, offsets are numbers of 32
   * bits and values lie in an array, since a call, an object or a tagged number for each field would double
   * what a replica costs. */
  #readReplica(message: Uint8Array, view: DataView, start: number, end: number): number {
    const values = this.#values;
    values[CONTAINER_ID >>> 3] = Number.NaN;
    values[STATE >>> 3] = 0;
    values[USED >>> 3] = 0;
    values[KEY_COUNT >>> 3] = 0;
    values[SEQUENCE_ID >>> 3] = 0;
    values[REPLICA_INDEX >>> 3] = 0;
    values[IS_EMPTY >>> 3] = 0;
    values[CHECKSUM >>> 3] = 0;
    this.#origin = -1;
    const stop = end | 0;
    let at = start | 0;
    while (at < stop) {
      const tag = message[at++] as number;
      if ((tag & NO_SHORT_VARINT) !== 0 || tag === 0) {
        at = this.#readOther(message, view, at - 1, stop) | 0;
        continue;
      }
      let value = message[at++] as number;
      if (value >= 0x80) {
        let byte = message[at++] as number;
        value = (value & 0x7f) | ((byte & 0x7f) << 7);
        if (byte >= 0x80) {
          byte = message[at++] as number;
          value |= (byte & 0x7f) << 14;
          if (byte >= 0x80) {
            byte = message[at++] as number;
            value |= (byte & 0x7f) << 21;
            if (byte >= 0x80) {
              byte = message[at] as number;
              if (byte >= 0x80) at = this.#readVarint(message, tag, at - 4) | 0;
              else {
                at++;
                const long = value + byte * FIFTH_BYTE;
                if (isTold(tag, long)) values[tag >>> 3] = long;
              }
              continue;
            }
          }
        }
      }
      if (isTold(tag, value)) values[tag >>> 3] = value;
    }
    if (at > end) throw cutOff();
    return this.#added(message);
  }

  /** A varint of any length; where it ends. */
  #readVarint(message: Uint8Array, tag: number, at: number): number {
    const value = varintAt(message, at);
    if (isTold(tag, value)) this.#values[tag >>> 3] = value;
    return afterVarint();
  }

  /** A field that is no varint with a number below 16; where it ends. */
  #readOther(message: Uint8Array, view: DataView, at: number, end: number): number {
    const next = message[at + 1];
    if (message[at] === ORIGIN && next === UUID_TEXT_BYTES && at + 1 + UUID_TEXT_BYTES < end) {
      this.#origin = this.#origins.indexOf(message, view, at + 2);
      return at + 2 + UUID_TEXT_BYTES;
    }
    if (message[at] !== CHECKSUM || next !== CHECKSUM_SECOND) return this.#afterUnknown(message, at, end);
    this.#checksumAt = at + 2;
    return this.#readVarint(message, CHECKSUM, at + 2);
  }

  /** Adds the replica's row, unless required fields are missing: returns which. */
  #added(message: Uint8Array): number {
    const values = this.#values;
    const id = values[CONTAINER_ID >>> 3] as number;
    const state = values[STATE >>> 3] as number;
    const missing = (Number.isNaN(id) ? NO_ID : 0) | (state === 0 ? NO_STATE : 0);
    if (missing !== 0) return missing;
    this.counters.replicas++;
    if (id < 1 || id > SAFE_INTEGER_MAX) {
      this.counters.leftOut++;
      return 0;
    }
    const stateByte = values[IS_EMPTY >>> 3] === 0 ? state : state | ROW_EMPTY_FLAG;
    const replicaIndex = this.#indexOf(values[REPLICA_INDEX >>> 3] as number);
    const identity = this.#originIn(this.#origin) | (stateByte << 16) | (replicaIndex << 24);
    const used = this.#within(values[USED >>> 3] as number, UINT48_MAX);
    const sequenceId = this.#within(values[SEQUENCE_ID >>> 3] as number, UINT48_MAX);
    const keys = this.#within(values[KEY_COUNT >>> 3] as number, UINT32_MAX);
    this.#rows.add(id, used, sequenceId, keys, identity);
    const checksum = values[CHECKSUM >>> 3] as number;
    if (checksum !== 0) this.#addChecksum(message, checksum);
    return 0;
  }

  /** `value`, or the nearest number that a row can hold. */
  #within(value: number, maximum: number): number {
    if (value >= 0 && value <= maximum) return value;
    this.counters.mended++;
    return value < 0 ? 0 : maximum;
  }

  /** What cannot be an index is none: the nearest one would be that of another replica. */
  #indexOf(replicaIndex: number): number {
    if (replicaIndex >= 0 && replicaIndex <= INDEX_MAX) return replicaIndex;
    this.counters.mended++;
    return 0;
  }

  #originIn(origin: number): number {
    return origin >= 0 ? origin : this.#origins.indexOfNone();
  }

  #addChecksum(message: Uint8Array, value: number): void {
    if (value > 0 && value <= SAFE_INTEGER_MAX) {
      this.#rows.setChecksum(value | 0, (value / WORD) | 0);
      return;
    }
    const reader = this.#fields;
    reader.begin(message, this.#checksumAt, message.length);
    reader.halves();
    this.#rows.setChecksum(reader.low, reader.high);
  }

  #afterUnknown(message: Uint8Array, at: number, end: number): number {
    const reader = this.#fields;
    reader.begin(message, at, end);
    reader.skip(reader.tag());
    return reader.position;
  }
}

/** A number that is none of a state is a field that is not there (spec 12 §1). */
function isTold(tag: number, value: number): boolean {
  return tag !== STATE || (value >= 1 && value <= STATE_MAX);
}

function cutOff(): StrataError {
  return new StrataError("PROTOBUF_MALFORMED", { message: REPLICA_MESSAGE, reason: "a field is cut off" });
}

/** In the form of Java's parser. */
function incomplete(path: string, missing: number): StrataError {
  const fields: string[] = [];
  if ((missing & NO_ID) !== 0) fields.push(`${path}.containerID`);
  if ((missing & NO_STATE) !== 0) fields.push(`${path}.state`);
  return new StrataError("PROTOBUF_INCOMPLETE", { fields: fields.join(", ") });
}
