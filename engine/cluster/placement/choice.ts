import type { NodeSlot } from "../../core/ids.js";
import type { Random } from "../../core/random.js";
import { NONE, type Topology } from "../topology/topology.js";
import type { PlacementRequest } from "./placement-policy.js";
import type { Targets } from "./targets.js";

export const NO_RACKS: readonly number[] = [];

const NOTHING_BARRED: readonly NodeSlot[] = [];

/** Since start (spec 03 §18). */
export interface PlacementCounters {
  /** Nodes wanted, and draws, and nodes found; of these, how many only with a rule given up. */
  datanodeRequestCount: number;
  datanodeChooseAttemptCount: number;
  datanodeChooseSuccessCount: number;
  datanodeChooseFallbackCount: number;
}

export interface ChoiceParts {
  readonly tree: Topology;
  readonly targets: Targets;
  readonly random: Random;
  readonly counters: PlacementCounters;
  /** Slots are below it. */
  readonly slotCountMax: number;
}

/** The choice under way: what may still be drawn, and what was chosen. One for all policies, used by one
 * request after the other; it allocates nothing but the answer. */
export class Choice {
  readonly #parts: ChoiceParts;
  /** By slot: the request that barred it, or chose it. */
  readonly #barredBy: Uint32Array;
  /** By rack: eligible nodes that were barred or chosen, and the request in which they were. */
  readonly #barredOnRack: number[] = [];
  readonly #rackTouchedBy: number[] = [];
  /** Of the draws: eligible nodes that were barred or chosen, each once. */
  readonly #barred: NodeSlot[] = [];
  readonly #scope = { rack: NONE, excludedRacks: [] as readonly number[], excluded: this.#barred };
  #number = 0;
  /** Nodes that hold a replica already, each once. */
  readonly used: NodeSlot[] = [];
  /** The answer. */
  chosen: NodeSlot[] = [];
  /** Candidates that are left. */
  count = 0;

  constructor(parts: ChoiceParts) {
    this.#parts = parts;
    this.#barredBy = new Uint32Array(parts.slotCountMax);
  }

  begin({ used = NOTHING_BARRED, excluded = NOTHING_BARRED, metadataBytes }: PlacementRequest): void {
    const { tree, targets } = this.#parts;
    if (++this.#number === 2 ** 32) {
      this.#barredBy.fill(0);
      this.#rackTouchedBy.fill(0);
      this.#number = 1;
    }
    this.#barred.length = 0;
    this.used.length = 0;
    this.chosen = [];
    this.count = tree.eligibleCountTotal;
    for (const node of used) {
      if (this.isBarred(node)) continue;
      this.used.push(node);
      this.bar(node);
    }
    for (const node of excluded) this.bar(node);
    if (metadataBytes > 0) targets.forEachWithout(metadataBytes, this.#bar);
  }

  readonly #bar = (node: NodeSlot): void => this.bar(node);

  /** Takes a node out of the candidates, wherever it is. */
  bar(node: NodeSlot): void {
    if (this.isBarred(node)) return;
    this.#barredBy[node] = this.#number;
    const { tree } = this.#parts;
    if (!tree.isEligible(node)) return;
    const rack = tree.rackOf(node);
    this.#barred.push(node);
    this.#barredOnRack[rack] = this.#barredCountOn(rack) + 1;
    this.#rackTouchedBy[rack] = this.#number;
    this.count--;
  }

  isCandidate(node: NodeSlot): boolean {
    return !this.isBarred(node) && this.#parts.tree.isEligible(node);
  }

  /** Candidates that are left on a rack. */
  countOn(rack: number): number {
    return this.#parts.tree.eligibleCount(rack) - this.#barredCountOn(rack);
  }

  /** Any candidate on `rack` or, with NONE, on any rack but `excludedRacks`; each as likely as the others.
   * NONE when there is none. */
  draw(rack: number, excludedRacks: readonly number[]): NodeSlot | typeof NONE {
    const { tree, random, counters } = this.#parts;
    const scope = this.#scope;
    scope.rack = rack;
    scope.excludedRacks = excludedRacks;
    counters.datanodeChooseAttemptCount++;
    return tree.draw(scope, random);
  }

  /** The same without `node`, which was drawn on the rack before. */
  drawOther(rack: number, node: NodeSlot): NodeSlot | typeof NONE {
    this.#barred.push(node);
    const other = this.draw(rack, NO_RACKS);
    this.#barred.pop();
    return other;
  }

  take(node: NodeSlot): void {
    this.#parts.counters.datanodeChooseSuccessCount++;
    this.bar(node);
    this.chosen.push(node);
  }

  /** Whether it was used, excluded, without the metadata space, or is chosen by now. */
  isBarred(node: NodeSlot): boolean {
    return this.#barredBy[node] === this.#number;
  }

  #barredCountOn(rack: number): number {
    return this.#rackTouchedBy[rack] === this.#number ? (this.#barredOnRack[rack] as number) : 0;
  }
}
