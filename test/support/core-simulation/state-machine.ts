import { assert } from "../../../engine/core/assert.js";
import type { LogIndex } from "../../../engine/core/ids.js";
import { logIndex, term } from "../../../engine/core/ids.js";
import type { ConfState, Entry, EntryId, Snapshot } from "../../../engine/raft/types.js";
import { decodeSums, encodeSums, mix, proposalNumber } from "./chain.js";
import type { ChainPoint } from "./chained-log.js";

export const NO_CONF: ConfState = {
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};

/** State at one applied index: what a flush writes and what a snapshot carries. */
export interface StateImage {
  readonly applied: EntryId;
  /** Of the log at `applied`. */
  readonly chain: number;
  /** Of everything applied so far. */
  readonly hash: number;
  readonly confState: ConfState;
  /** Of the change that made `confState`; 0 = it came with the first state. */
  readonly confIndex: LogIndex;
}

export const EMPTY_IMAGE: StateImage = {
  applied: { term: term(0), index: logIndex(0) },
  chain: 0,
  hash: 0,
  confState: NO_CONF,
  confIndex: logIndex(0),
};

/** The replicated state of the simulation: a sum over all proposals, order and number included. */
export class StateMachine {
  #image: StateImage;
  #index: number;
  #term: number;
  #hash: number;

  constructor(image: StateImage) {
    this.#image = image;
    this.#index = image.applied.index;
    this.#term = image.applied.term;
    this.#hash = image.hash;
  }

  get applied(): LogIndex {
    return this.#index as LogIndex;
  }

  get hash(): number {
    return this.#hash;
  }

  get confState(): ConfState {
    return this.#image.confState;
  }

  get confIndex(): LogIndex {
    return this.#image.confIndex;
  }

  apply(entry: Entry): void {
    assert(entry.index === this.#index + 1, `entry ${entry.index} is applied after ${this.#index}`);
    assert(entry.term >= this.#term, "terms do not fall");
    this.#index = entry.index;
    this.#term = entry.term;
    this.#hash = mix(mix(this.#hash, entry.index), proposalNumber(entry.payload));
  }

  /** The entry that was applied last has changed the membership. */
  changeConf(confState: ConfState): void {
    this.#image = { ...this.#image, confState, confIndex: this.applied };
  }

  /** `chain` is the log's at what is applied. */
  image(chain: number): StateImage {
    return {
      ...this.#image,
      applied: { term: term(this.#term), index: this.applied },
      chain,
      hash: this.#hash,
    };
  }
}

export function snapshotOf({ applied, chain, hash, confState }: StateImage): Snapshot {
  return { id: applied, confState, payload: encodeSums({ chain, hash }) };
}

/** The state that `snapshot` carries. Which change made its membership is not known any more. */
export function imageOf({ id, confState, payload }: Snapshot): StateImage {
  const { chain, hash } = decodeSums(payload);
  return { applied: id, chain, hash, confState, confIndex: id.index };
}

export function pointOf(image: StateImage): ChainPoint {
  return { ...image.applied, chain: image.chain };
}
