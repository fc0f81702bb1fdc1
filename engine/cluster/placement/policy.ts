import { assert } from "../../core/assert.js";
import type { NodeSlot } from "../../core/ids.js";
import type { Choice, ChoiceParts } from "./choice.js";
import type { PipelineLoad, PlacementPolicy, PlacementRequest, PlacementStatus } from "./placement-policy.js";
import type { RackRules } from "./rack-rules.js";
import { RackSpread } from "./rack-spread.js";

export interface PolicyParts extends ChoiceParts {
  readonly choice: Choice;
  readonly load: PipelineLoad;
  /** No two nodes are to meet in more than one pipeline, where a choice leaves room for that: policies that
   * choose from a list without racks, and the one of pipelines (spec 03 §13.5). */
  readonly avoidsPeers: boolean;
}

/** What all policies have in common: each says how it picks, and how it wants replicas spread. */
export abstract class Policy implements PlacementPolicy {
  abstract readonly name: string;
  protected readonly parts: PolicyParts;
  readonly #spread: RackSpread;

  protected constructor(parts: PolicyParts, rules: RackRules) {
    const { tree, targets } = parts;
    this.parts = parts;
    this.#spread = new RackSpread({ tree, rules, keptLocationOf: (node) => targets.keptLocationOf(node) });
  }

  choose(request: PlacementRequest): readonly NodeSlot[] {
    const { choice, counters, targets } = this.parts;
    const { required } = request;
    assert(required > 0, "a choice is of at least one node");
    counters.datanodeRequestCount += required;
    choice.begin(request);
    const problem = choice.count < required ? TOO_FEW : this.pick(request);
    if (problem !== undefined) throw targets.refusalOf(request, problem);
    assert(choice.chosen.length === required, "as many nodes as were wanted");
    return choice.chosen;
  }

  validate(holders: readonly NodeSlot[], replicaCount: number): PlacementStatus {
    return this.#spread.validate(holders, replicaCount);
  }

  copySet(holders: readonly NodeSlot[], isCopyable: (index: number) => boolean): readonly number[] {
    return this.#spread.copySet(holders, isCopyable);
  }

  removalSet(
    holders: readonly NodeSlot[],
    replicaIndexes: readonly number[],
    copyCount: number,
  ): readonly number[] {
    return this.#spread.removalSet(holders, replicaIndexes, copyCount);
  }

  /** After `node` was taken. */
  protected barPeers(node: NodeSlot): void {
    const { avoidsPeers, load } = this.parts;
    if (avoidsPeers) load.forEachPeer(node, this.#bar);
  }

  readonly #bar = (node: NodeSlot): void => this.parts.choice.bar(node);

  /** Takes `required` candidates, of which there are enough; or why that cannot be. */
  protected abstract pick(request: PlacementRequest): string | undefined;
}

const TOO_FEW = "too few are left to choose from";
