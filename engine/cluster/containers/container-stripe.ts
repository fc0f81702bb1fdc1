import { CONTAINER_FLAG, CONTAINER_ROW, STRIPE_ROWS } from "../../../workers/shared/container-layout.js";
import { beginWrite, endWrite } from "../../../workers/shared/version-word.js";
import { assert } from "../../core/assert.js";
import { SAFE_INTEGER_MAX } from "../../core/ids.js";
import type { Uuid } from "../../core/uuid.js";
import { readUuid, writeUuid } from "../../core/uuid.js";
import type { HashSum } from "../hash-sum.js";
import type { RowFilter } from "./container-counts.js";

export const ROW_BYTES = CONTAINER_ROW.rowBytes;
export const STRIPE_BYTES = STRIPE_ROWS * ROW_BYTES;

const AT = CONTAINER_ROW.fields;
const ROW_WORDS = ROW_BYTES / 4;
const ROW_HALVES = ROW_BYTES / 2;
const ROW_DOUBLES = ROW_BYTES / 8;
const VERSION_WORD = AT.version.offset / 4;
/** Hashes leave out the version. */
const HASHED_WORD = VERSION_WORD + 1;
const HASHED_WORDS = ROW_WORDS - 1;
const HASHED_BYTE = HASHED_WORD * 4;
const REPLICATION_HALF = AT.replication.offset / 2;
const OWNER_HALF = AT.owner.offset / 2;
/** u48: low 16 bits, then the high 32 in the next word. */
const TIME_LOW_HALF = AT.stateEnterTimeMs.offset / 2;
const TIME_HIGH_WORD = (AT.stateEnterTimeMs.offset + 2) / 4;
const USED_DOUBLE = AT.usedBytes.offset / 8;
const KEYS_DOUBLE = AT.keyCount.offset / 8;
const SEQUENCE_DOUBLE = AT.sequenceId.offset / 8;
const DELETE_DOUBLE = AT.deleteTransactionId.offset / 8;
const STATE_MAX = 7;
const KNOWN_FLAGS = CONTAINER_FLAG.HAS_PIPELINE | CONTAINER_FLAG.SUPPRESSED;

/** A container in numbers; see CONTAINER_ROW. */
export interface ContainerNumbers {
  /** CONTAINER_STATE. */
  state: number;
  suppressed: boolean;
  /** Number in the dictionary of configurations. */
  replication: number;
  /** Number in the dictionary of owners. */
  owner: number;
  stateEnterTimeMs: number;
  usedBytes: number;
  keyCount: number;
  sequenceId: number;
  deleteTransactionId: number;
}

export interface ContainerFields extends ContainerNumbers {
  pipelineId: Uuid | undefined;
}

/** To be read into. */
export function emptyContainerNumbers(): ContainerNumbers {
  return {
    state: 0,
    suppressed: false,
    replication: 0,
    owner: 0,
    stateEnterTimeMs: 0,
    usedBytes: 0,
    keyCount: 0,
    sequenceId: 0,
    deleteTransactionId: 0,
  };
}

/** What a container takes on with a new state. */
export interface StateStep {
  /** CONTAINER_STATE. */
  readonly state: number;
  readonly timeMs: number;
  readonly usedBytes: number;
  readonly keyCount: number;
  readonly sequenceId: number;
}

/** Rows of 65,536 ids in shared memory. Whoever changes one goes through `beginWrite` and `endWrite`, so that
 * other threads can tell. */
export class Stripe {
  readonly #bytes: Uint8Array;
  readonly #halves: Uint16Array;
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;

  constructor(buffer: SharedArrayBuffer) {
    assert(buffer.byteLength === STRIPE_BYTES, "a stripe has 65,536 rows");
    this.#bytes = new Uint8Array(buffer);
    this.#halves = new Uint16Array(buffer);
    this.#words = new Int32Array(buffer);
    this.#doubles = new Float64Array(buffer);
  }

  beginWrite(row: number): void {
    beginWrite(this.#words, row * ROW_WORDS + VERSION_WORD);
  }

  endWrite(row: number): void {
    endWrite(this.#words, row * ROW_WORDS + VERSION_WORD);
  }

  /** Odd while the row is written. */
  version(row: number): number {
    return this.#words[row * ROW_WORDS + VERSION_WORD] as number;
  }

  /** CONTAINER_STATE, 0 = no container. */
  state(row: number): number {
    return this.#bytes[row * ROW_BYTES + AT.state.offset] as number;
  }

  /** Whether a container is there that fits. */
  fits(row: number, { state, suppressed, replications }: RowFilter): boolean {
    const found = this.state(row);
    if (found === 0 || (state !== 0 && found !== state)) return false;
    if (suppressed !== undefined && this.isSuppressed(row) !== suppressed) return false;
    return replications === undefined || replications[this.replication(row)] === 1;
  }

  isSuppressed(row: number): boolean {
    return (this.#flags(row) & CONTAINER_FLAG.SUPPRESSED) !== 0;
  }

  replication(row: number): number {
    return this.#halves[row * ROW_HALVES + REPLICATION_HALF] as number;
  }

  owner(row: number): number {
    return this.#halves[row * ROW_HALVES + OWNER_HALF] as number;
  }

  usedBytes(row: number): number {
    return this.#double(row, USED_DOUBLE);
  }

  sequenceId(row: number): number {
    return this.#double(row, SEQUENCE_DOUBLE);
  }

  read(row: number): ContainerFields {
    const fields = { pipelineId: this.pipelineId(row), ...emptyContainerNumbers() };
    this.readNumbers(row, fields);
    return fields;
  }

  /** The same without the pipeline; allocates nothing. */
  readNumbers(row: number, into: ContainerNumbers): void {
    const timeHigh = (this.#words[row * ROW_WORDS + TIME_HIGH_WORD] as number) >>> 0;
    into.state = this.state(row);
    into.suppressed = this.isSuppressed(row);
    into.replication = this.replication(row);
    into.owner = this.owner(row);
    into.stateEnterTimeMs = timeHigh * 65_536 + (this.#halves[row * ROW_HALVES + TIME_LOW_HALF] as number);
    into.usedBytes = this.#double(row, USED_DOUBLE);
    into.keyCount = this.#double(row, KEYS_DOUBLE);
    into.sequenceId = this.#double(row, SEQUENCE_DOUBLE);
    into.deleteTransactionId = this.#double(row, DELETE_DOUBLE);
  }

  pipelineId(row: number): Uuid | undefined {
    if (!this.#hasPipeline(row)) return undefined;
    return readUuid(this.#bytes, row * ROW_BYTES + AT.pipeline.offset);
  }

  /** Copies the 16 bytes of the pipeline's id into `target`; false when there is none. */
  copyPipelineId(row: number, target: Uint8Array): boolean {
    if (!this.#hasPipeline(row)) return false;
    const from = row * ROW_BYTES + AT.pipeline.offset;
    for (let i = 0; i < 16; i++) target[i] = this.#bytes[from + i] as number;
    return true;
  }

  write(row: number, fields: ContainerFields): void {
    const byte = row * ROW_BYTES;
    const { pipelineId } = fields;
    this.#bytes[byte + AT.state.offset] = fields.state;
    this.#bytes[byte + AT.flags.offset] =
      (pipelineId === undefined ? 0 : CONTAINER_FLAG.HAS_PIPELINE) |
      (fields.suppressed ? CONTAINER_FLAG.SUPPRESSED : 0);
    this.#halves[row * ROW_HALVES + REPLICATION_HALF] = fields.replication;
    this.#halves[row * ROW_HALVES + OWNER_HALF] = fields.owner;
    if (pipelineId !== undefined) writeUuid(pipelineId, this.#bytes, byte + AT.pipeline.offset);
    this.#setTime(row, fields.stateEnterTimeMs);
    this.#doubles[row * ROW_DOUBLES + USED_DOUBLE] = fields.usedBytes;
    this.#doubles[row * ROW_DOUBLES + KEYS_DOUBLE] = fields.keyCount;
    this.#doubles[row * ROW_DOUBLES + SEQUENCE_DOUBLE] = fields.sequenceId;
    this.#doubles[row * ROW_DOUBLES + DELETE_DOUBLE] = fields.deleteTransactionId;
  }

  enterState(row: number, step: StateStep): void {
    this.#bytes[row * ROW_BYTES + AT.state.offset] = step.state;
    this.#setTime(row, step.timeMs);
    this.#doubles[row * ROW_DOUBLES + USED_DOUBLE] = step.usedBytes;
    this.#doubles[row * ROW_DOUBLES + KEYS_DOUBLE] = step.keyCount;
    this.#doubles[row * ROW_DOUBLES + SEQUENCE_DOUBLE] = step.sequenceId;
  }

  setSuppressed(row: number, suppressed: boolean): void {
    const flags = this.#flags(row);
    this.#bytes[row * ROW_BYTES + AT.flags.offset] = suppressed
      ? flags | CONTAINER_FLAG.SUPPRESSED
      : flags & ~CONTAINER_FLAG.SUPPRESSED;
  }

  setSequenceId(row: number, sequenceId: number): void {
    this.#doubles[row * ROW_DOUBLES + SEQUENCE_DOUBLE] = sequenceId;
  }

  /** All but the version, which readers compare. */
  clear(row: number): void {
    const word = row * ROW_WORDS;
    this.#words.fill(0, word + HASHED_WORD, word + ROW_WORDS);
  }

  addTo(hash: HashSum, row: number, id: number): void {
    hash.addWords(this.#words, row * ROW_WORDS + HASHED_WORD, HASHED_WORDS, id);
  }

  subtractFrom(hash: HashSum, row: number, id: number): void {
    hash.subtractWords(this.#words, row * ROW_WORDS + HASHED_WORD, HASHED_WORDS, id);
  }

  /** Rows as they stand on disk: without versions. */
  copyRows(firstRow: number, target: Uint8Array): void {
    const start = firstRow * ROW_BYTES;
    target.set(this.#bytes.subarray(start, start + target.length));
    for (let byte = 0; byte < target.length; byte += ROW_BYTES) target.fill(0, byte, byte + HASHED_BYTE);
  }

  /** Takes rows as they stand on disk, before anybody reads here. Throws RangeError when no `apply` can have
   * written them. */
  loadRows(firstRow: number, stored: Uint8Array): void {
    this.#bytes.set(stored, firstRow * ROW_BYTES);
    for (let row = firstRow; row < firstRow + stored.length / ROW_BYTES; row++) {
      if (this.version(row) !== 0) throw new RangeError(`version in row ${row}`);
      this.#check(row);
    }
  }

  /** The same where others may be reading, over cleared rows. */
  replaceRows(firstRow: number, stored: Uint8Array): void {
    for (let row = firstRow, from = 0; from < stored.length; row++, from += ROW_BYTES) {
      const version = stored.subarray(from, from + HASHED_BYTE);
      if (version.some((byte) => byte !== 0)) throw new RangeError(`version in row ${row}`);
      this.beginWrite(row);
      this.#bytes.set(stored.subarray(from + HASHED_BYTE, from + ROW_BYTES), row * ROW_BYTES + HASHED_BYTE);
      this.endWrite(row);
      this.#check(row);
    }
  }

  /** What no `apply` can have written; a row has one encoding. */
  problem(row: number): string | undefined {
    const state = this.state(row);
    if (state === 0) return this.#isZero(row) ? undefined : "bytes without a container";
    if (state > STATE_MAX) return `state ${state}`;
    const flags = this.#flags(row);
    if ((flags & ~KNOWN_FLAGS) !== 0) return `flags ${flags}`;
    for (let field = USED_DOUBLE; field <= DELETE_DOUBLE; field++) {
      const value = this.#double(row, field);
      if (!(value >= 0 && value <= SAFE_INTEGER_MAX && Number.isInteger(value))) return `value ${value}`;
    }
    return undefined;
  }

  #check(row: number): void {
    const problem = this.problem(row);
    if (problem !== undefined) throw new RangeError(`row ${row}: ${problem}`);
  }

  #hasPipeline(row: number): boolean {
    return (this.#flags(row) & CONTAINER_FLAG.HAS_PIPELINE) !== 0;
  }

  #flags(row: number): number {
    return this.#bytes[row * ROW_BYTES + AT.flags.offset] as number;
  }

  #double(row: number, field: number): number {
    return this.#doubles[row * ROW_DOUBLES + field] as number;
  }

  #setTime(row: number, timeMs: number): void {
    this.#halves[row * ROW_HALVES + TIME_LOW_HALF] = timeMs % 65_536;
    this.#words[row * ROW_WORDS + TIME_HIGH_WORD] = Math.floor(timeMs / 65_536);
  }

  #isZero(row: number): boolean {
    for (let word = HASHED_WORD; word < ROW_WORDS; word++) {
      if (this.#words[row * ROW_WORDS + word] !== 0) return false;
    }
    return true;
  }
}
