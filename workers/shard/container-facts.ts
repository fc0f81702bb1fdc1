import { SEQUENCE_RISES_IN } from "../../engine/cluster/containers/life-cycle.js";
import {
  actionFor,
  REPLICA_ACTION,
  type ReplicaAction,
  RULE_KIND,
  SEQUENCE_ORDER,
} from "../../engine/cluster/containers/replica-rules.js";
import { CONTAINER_STATE, REPLICATION_TYPE } from "../../engine/core/enums.js";
import { CONTAINER_ROW } from "../shared/container-layout.js";
import { REPLICATION_ROW } from "../shared/shard-layout.js";
import { beginRead, endRead, readStable } from "../shared/version-word.js";
import { isEmptyReplica, replicaIndexOf, type Stripe, stateOf } from "./stripe.js";

const ROW_WORDS = CONTAINER_ROW.rowBytes / 4;
const ROW_NUMBERS = CONTAINER_ROW.rowBytes / 8;
const { fields } = CONTAINER_ROW;
const VERSION_WORD = fields.version.offset / 4;
/** state, flags and replication share a word. */
const STATE_WORD = fields.state.offset / 4;
const REPLICATION_SHIFT = (fields.replication.offset - fields.state.offset) * 8;
const USED_NUMBER = fields.usedBytes.offset / 8;
const KEYS_NUMBER = fields.keyCount.offset / 8;
const SEQUENCE_NUMBER = fields.sequenceId.offset / 8;
/** Heads keep keys in 32 bits, as reports do. */
const KEY_COUNT_MAX = 0xffff_ffff;

/** By CONTAINER_STATE: 1 where reports raise the sequence id. */
const SEQUENCE_RISES = new Uint8Array(8);
for (const name of SEQUENCE_RISES_IN) SEQUENCE_RISES[CONTAINER_STATE[name]] = 1;

export function sequenceRisesIn(state: number): boolean {
  return SEQUENCE_RISES[state] === 1;
}

/** What the rules must know of one container, from its row in the container table and the facts of its
 * replication. Filled again and again. */
export class ContainerFacts {
  /** CONTAINER_STATE, 0 = no such container. */
  state = 0;
  /** As of the container's last transition. */
  usedBytes = 0;
  keyCount = 0;
  sequenceId = 0;
  /** REPLICATION_TYPE. */
  #type = 0;
  #dataCount = 0;
  #indexCount = 0;
  readonly #replications: Uint8Array;
  /** The row that `read` reads. */
  #stripe: Stripe | undefined;
  #offset = 0;
  #word = 0;

  constructor(replications: SharedArrayBuffer) {
    this.#replications = new Uint8Array(replications);
  }

  /** Looks at the container's row, which `apply` may be writing: all fields from one state of it. */
  read(stripe: Stripe, offset: number): void {
    const words = stripe.containers;
    const at = offset * ROW_WORDS + VERSION_WORD;
    this.#stripe = stripe;
    this.#offset = offset;
    const version = beginRead(words, at);
    this.#readFields(stripe, offset);
    if (!endRead(words, at, version)) readStable(words, at, this.#readAgain);
    const word = this.#word;
    this.state = word & 0xff;
    const replication = (word >>> REPLICATION_SHIFT) * REPLICATION_ROW.rowBytes;
    this.#type = this.#replications[replication + REPLICATION_ROW.fields.type.offset] as number;
    this.#dataCount = this.#replications[replication + REPLICATION_ROW.fields.dataCount.offset] as number;
    this.#indexCount = this.#replications[replication + REPLICATION_ROW.fields.indexCount.offset] as number;
  }

  /** Whether reports raise the container's sequence id. */
  get sequenceRises(): boolean {
    return sequenceRisesIn(this.state);
  }

  get isEc(): boolean {
    return this.#type === REPLICATION_TYPE.EC;
  }

  /** Whether a replica may have the index: 1 … data + parity of an EC container (spec 02 §7.4d). Unknown
   * containers and other types take any. */
  allowsIndex(replicaIndex: number): boolean {
    if (this.state === 0 || !this.isEc) return true;
    return replicaIndex >= 1 && replicaIndex <= this.#indexCount;
  }

  /** RULE_KIND of a replica with the index. */
  kindOf(replicaIndex: number): number {
    if (this.isEc) {
      return replicaIndex === 1 || replicaIndex > this.#dataCount ? RULE_KIND.EC_PROVING : RULE_KIND.EC_OTHER;
    }
    return this.#type === REPLICATION_TYPE.STAND_ALONE ? RULE_KIND.STAND_ALONE : RULE_KIND.RATIS;
  }

  /** Whether the numbers of a replica with the index count (spec 02 §6.4). */
  counts(replicaIndex: number): boolean {
    return this.state === 0 || this.kindOf(replicaIndex) !== RULE_KIND.EC_OTHER;
  }

  /** What a replica means for the container, whose sequence id is given.
   * @param identity REPLICA_IDENTITY */
  actionOf(identity: number, sequenceId: number, containerSequenceId: number): ReplicaAction {
    const kind = this.kindOf(replicaIndexOf(identity));
    const order =
      sequenceId < containerSequenceId
        ? SEQUENCE_ORDER.LOWER
        : sequenceId === containerSequenceId
          ? SEQUENCE_ORDER.EQUAL
          : SEQUENCE_ORDER.HIGHER;
    return actionFor(this.state, stateOf(identity), kind, order, isEmptyReplica(identity));
  }

  /** Whether a replica row that goes by this state and sequence id is up to date. */
  isCurrent(state: number, sequenceId: number): boolean {
    if (state !== this.state) return false;
    return this.sequenceRises ? sequenceId >= this.sequenceId : sequenceId === this.sequenceId;
  }

  /** Whether the container may have the replica, its numbers count, and it means nothing. */
  isSettledCounting(identity: number, sequenceId: number, containerSequenceId: number): boolean {
    const replicaIndex = replicaIndexOf(identity);
    return (
      this.allowsIndex(replicaIndex) &&
      this.counts(replicaIndex) &&
      this.actionOf(identity, sequenceId, containerSequenceId) === REPLICA_ACTION.NONE
    );
  }

  #readFields({ containers, containerNumbers }: Stripe, offset: number): void {
    const number = offset * ROW_NUMBERS;
    this.#word = containers[offset * ROW_WORDS + STATE_WORD] as number;
    this.usedBytes = containerNumbers[number + USED_NUMBER] as number;
    this.keyCount = Math.min(containerNumbers[number + KEYS_NUMBER] as number, KEY_COUNT_MAX);
    this.sequenceId = containerNumbers[number + SEQUENCE_NUMBER] as number;
  }

  readonly #readAgain = (): void => this.#readFields(this.#stripe as Stripe, this.#offset);
}
