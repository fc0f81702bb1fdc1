import { assert } from "../../engine/core/assert.js";
import { REPLICA_STATE } from "../../engine/core/enums.js";
import { CONTAINER_ROW, STRIPE_ROWS } from "../shared/container-layout.js";
import {
  CONTAINER_STATE_SHIFT,
  REPLICA_FLAG,
  REPLICA_IDENTITY,
  REPLICA_ROW,
  REPLICA_STRIPE_BYTES,
  REPLICA_VALUES,
  REPLICA_VALUES_OFFSET,
  ROW_REPLICA_COUNT,
  SHAPE,
  STATE_EMPTY_FLAG,
  STATE_MASK,
} from "../shared/replica-layout.js";
import type { StripeMessage } from "../shared/shard-layout.js";

/** A stripe as its shard sees it: the same replica rows as numbers of 64, 32 and 16 bits. */
export interface Stripe {
  readonly number: number;
  /** Place in order of arrival: dense, so node lists are found by it. */
  readonly place: number;
  readonly firstId: number;
  readonly numbers: Float64Array;
  readonly words: Int32Array;
  readonly halves: Uint16Array;
  /** The container table's rows. */
  readonly containers: Int32Array;
  readonly containerNumbers: Float64Array;
}

/** What a cursor holds before its first stripe. */
export const NO_STRIPE: Stripe = {
  number: -1,
  place: -1,
  firstId: 0,
  numbers: new Float64Array(0),
  words: new Int32Array(0),
  halves: new Uint16Array(0),
  containers: new Int32Array(0),
  containerNumbers: new Float64Array(0),
};

/** Views have explicit lengths, since those that follow a growable buffer are slow. */
export function createStripe({ stripe, containers, replicas }: StripeMessage, place: number): Stripe {
  assert(replicas.byteLength === REPLICA_STRIPE_BYTES, "replica stripe has a wrong size");
  assert(containers.byteLength === STRIPE_ROWS * CONTAINER_ROW.rowBytes, "container stripe has a wrong size");
  return {
    number: stripe,
    place,
    firstId: stripe * STRIPE_ROWS,
    numbers: new Float64Array(replicas, 0, REPLICA_STRIPE_BYTES / 8),
    words: new Int32Array(replicas, 0, REPLICA_STRIPE_BYTES / 4),
    halves: new Uint16Array(replicas, 0, REPLICA_STRIPE_BYTES / 2),
    containers: new Int32Array(containers, 0, containers.byteLength / 4),
    containerNumbers: new Float64Array(containers, 0, containers.byteLength / 8),
  };
}

const CONTAINER_ROW_WORDS = CONTAINER_ROW.rowBytes / 4;
const CONTAINER_STATE_WORD = CONTAINER_ROW.fields.state.offset / 4;
const PAGE_BYTES = 4096;
const PAGE_ROWS = PAGE_BYTES / REPLICA_ROW.rowBytes;

/** Has the system give memory to the pages of fresh rows that will be needed: those of containers that exist.
 * A page that is read before it is written faults twice, for zeros first, each time for microseconds; now
 * nobody waits for it. Gaps of ids take no memory. */
export function claimRows({ words, containers }: Stripe): void {
  for (let offset = 0; offset < STRIPE_ROWS; offset++) {
    const state = (containers[offset * CONTAINER_ROW_WORDS + CONTAINER_STATE_WORD] as number) & 0xff;
    if (state === 0) continue;
    words[versionAt(offset)] = 0;
    offset |= PAGE_ROWS - 1;
  }
}

/** A row's fields as indexes of the views: the row of `offset` begins at `offset * …`. */
const ROW_WORDS = REPLICA_ROW.rowBytes / 4;
const ROW_NUMBERS = REPLICA_ROW.rowBytes / 8;
const ROW_HALVES = REPLICA_ROW.rowBytes / 2;
const VALUE_WORDS = REPLICA_VALUES.rowBytes / 4;
const VALUES_BEGIN = REPLICA_VALUES_OFFSET / 4;
const { fields } = REPLICA_ROW;

export function versionAt(offset: number): number {
  return offset * ROW_WORDS + fields.version.offset / 4;
}
export function shapeAt(offset: number): number {
  return offset * ROW_WORDS + fields.shape.offset / 4;
}
/** In `numbers`. */
export function usedAt(offset: number): number {
  return offset * ROW_NUMBERS + fields.usedBytes.offset / 8;
}
/** In `numbers`. */
export function sequenceAt(offset: number): number {
  return offset * ROW_NUMBERS + fields.sequenceId.offset / 8;
}
/** The upper half follows. */
export function checksumAt(offset: number): number {
  return offset * ROW_WORDS + fields.checksumLow.offset / 4;
}
export function keyCountAt(offset: number): number {
  return offset * ROW_WORDS + fields.keyCount.offset / 4;
}
/** One byte for each place. */
export function flagsAt(offset: number): number {
  return offset * ROW_WORDS + fields.flags.offset / 4;
}
/** In `halves`. */
export function nodeAt(offset: number, index: number): number {
  return offset * ROW_HALVES + fields.nodes.offset / 2 + index;
}
export function identityAt(offset: number, index: number): number {
  return offset * ROW_WORDS + fields.identities.offset / 4 + index;
}
export function valuesAt(offset: number, index: number): number {
  return VALUES_BEGIN + (offset * ROW_REPLICA_COUNT + index) * VALUE_WORDS;
}

/** Whether all of the row's head is zeros, as in fresh memory. */
export function isUntouched({ words }: Stripe, offset: number): boolean {
  for (let word = versionAt(offset); word < versionAt(offset + 1); word++) {
    if (words[word] !== 0) return false;
  }
  return true;
}

export function replicaCount(stripe: Stripe, offset: number): number {
  return (stripe.words[shapeAt(offset)] as number) & SHAPE.COUNT_MASK;
}

/** CONTAINER_STATE as last taken over from the container's row, 0 = unknown. */
export function containerState(stripe: Stripe, offset: number): number {
  return (stripe.words[flagsAt(offset)] as number) >>> CONTAINER_STATE_SHIFT;
}

export function setContainerState(stripe: Stripe, offset: number, state: number): void {
  const at = flagsAt(offset);
  const flags = (stripe.words[at] as number) & ~(-1 << CONTAINER_STATE_SHIFT);
  stripe.words[at] = flags | (state << CONTAINER_STATE_SHIFT);
}

export function stateOf(identity: number): number {
  return (identity >>> REPLICA_IDENTITY.STATE_SHIFT) & STATE_MASK;
}

/** OPEN, CLOSING, QUASI_CLOSED, CLOSED: states whose numbers count (spec 02 §2). */
export function isUsable(identity: number): boolean {
  const state = stateOf(identity);
  return state >= REPLICA_STATE.OPEN && state <= REPLICA_STATE.CLOSED;
}

export function isEmptyReplica(identity: number): boolean {
  return ((identity >>> REPLICA_IDENTITY.STATE_SHIFT) & STATE_EMPTY_FLAG) !== 0;
}

export function replicaIndexOf(identity: number): number {
  return identity >>> REPLICA_IDENTITY.REPLICA_INDEX_SHIFT;
}

export const CHECKSUM_FLAGS = REPLICA_FLAG.CHECKSUM_SHARED | REPLICA_FLAG.CHECKSUM_OWN;
