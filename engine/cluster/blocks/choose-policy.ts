import type { Random } from "../../core/random.js";
import type { WritablePipeline } from "./writable-pipeline.js";

/** What policies know of pipelines beside their records. */
export interface PipelineFacts {
  /** Every member has reported it, and one of them leads (spec 03 §2 rule 3). */
  isHealthy(pipeline: WritablePipeline): boolean;
  /** Used part of the members' space, 0 … 1, from the fullest to the emptiest. */
  usedRatios(pipeline: WritablePipeline): readonly number[];
}

/** Chooses one of the pipelines that may be written (spec 03 §10.5). `list` is never empty, is in no order,
 * and is not changed. */
export interface ChoosePolicy {
  /** What it goes by does not change with time: choices may be made ahead. */
  readonly isTimeless: boolean;
  choose(list: readonly WritablePipeline[]): WritablePipeline;
}

/** `className` is a value of `hdds.scm.pipeline.choose.policy.impl` or of the key for EC; the configuration
 * allows those that are known here. */
export function createChoosePolicy(className: string, random: Random, facts: PipelineFacts): ChoosePolicy {
  switch (className.slice(className.lastIndexOf(".") + 1)) {
    case "HealthyPipelineChoosePolicy":
      return new HealthyChoice(random, facts);
    case "CapacityPipelineChoosePolicy":
      return new CapacityChoice(random, facts);
    case "RoundRobinPipelineChoosePolicy":
      return new RoundRobinChoice();
    default:
      return new RandomChoice(random);
  }
}

class RandomChoice implements ChoosePolicy {
  readonly isTimeless = true;
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  choose(list: readonly WritablePipeline[]): WritablePipeline {
    return list[this.#random.below(list.length)] as WritablePipeline;
  }
}

/** Uniform over the healthy ones: drawn, and from there on the first healthy one. When none is healthy, the
 * one that was drawn. */
class HealthyChoice implements ChoosePolicy {
  readonly isTimeless = false;
  /** Draws before all are looked at one by one. */
  static readonly #DRAW_COUNT = 8;
  readonly #random: Random;
  readonly #facts: PipelineFacts;

  constructor(random: Random, facts: PipelineFacts) {
    this.#random = random;
    this.#facts = facts;
  }

  choose(list: readonly WritablePipeline[]): WritablePipeline {
    for (let draw = 0; draw < HealthyChoice.#DRAW_COUNT; draw++) {
      const pipeline = list[this.#random.below(list.length)] as WritablePipeline;
      if (this.#facts.isHealthy(pipeline)) return pipeline;
    }
    const start = this.#random.below(list.length);
    for (let i = 0; i < list.length; i++) {
      const pipeline = list[(start + i) % list.length] as WritablePipeline;
      if (this.#facts.isHealthy(pipeline)) return pipeline;
    }
    return list[start] as WritablePipeline;
  }
}

/** Of two healthy ones the one with the emptier datanodes, compared from the fullest on. */
class CapacityChoice implements ChoosePolicy {
  readonly isTimeless = false;
  readonly #healthy: HealthyChoice;
  readonly #facts: PipelineFacts;

  constructor(random: Random, facts: PipelineFacts) {
    this.#healthy = new HealthyChoice(random, facts);
    this.#facts = facts;
  }

  choose(list: readonly WritablePipeline[]): WritablePipeline {
    const one = this.#healthy.choose(list);
    const other = this.#healthy.choose(list);
    if (one === other) return one;
    const ofOne = this.#facts.usedRatios(one);
    const ofOther = this.#facts.usedRatios(other);
    for (let i = 0; i < Math.min(ofOne.length, ofOther.length); i++) {
      const difference = (ofOne[i] as number) - (ofOther[i] as number);
      if (difference !== 0) return difference < 0 ? one : other;
    }
    return one;
  }
}

/** One counter for all lists, as in the reference. */
class RoundRobinChoice implements ChoosePolicy {
  readonly isTimeless = true;
  #count = 0;

  choose(list: readonly WritablePipeline[]): WritablePipeline {
    const pipeline = list[this.#count % list.length] as WritablePipeline;
    this.#count = (this.#count + 1) % Number.MAX_SAFE_INTEGER;
    return pipeline;
  }
}
