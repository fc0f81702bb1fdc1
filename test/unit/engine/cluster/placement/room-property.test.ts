import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import type { Reservation } from "../../../../../engine/cluster/placement/pending-containers.js";
import type { Placement, PlacementOptions } from "../../../../../engine/cluster/placement/placement.js";
import { StrataError } from "../../../../../engine/core/errors.js";
import { containerId, type NodeSlot, nodeSlot } from "../../../../../engine/core/ids.js";
import { PlacementRig } from "../../../../support/placement/placement-rig.js";

const NODE_COUNT = 7;
const ALGORITHMS = "org.apache.hadoop.hdds.scm.container.placement.algorithms";

const NODES = fc.array(fc.record({ rack: fc.nat(2), slots: fc.nat(3) }), {
  minLength: NODE_COUNT,
  maxLength: NODE_COUNT,
});

const CHOOSE = fc.record({
  kind: fc.constant("choose" as const),
  policy: fc.constantFrom("containers" as const, "ec" as const, "pipelines" as const),
  required: fc.integer({ min: 1, max: 5 }),
  favoured: fc.array(fc.nat(NODE_COUNT - 1).map(nodeSlot), { maxLength: 2 }),
});
const SETTLE = fc.record({ kind: fc.constant("settle" as const), isDone: fc.boolean() });
const SHOW = fc.record({ kind: fc.constant("show" as const), at: fc.nat(20) });
const REPORT = fc.record({
  kind: fc.constant("report" as const),
  node: fc.nat(NODE_COUNT - 1),
  slots: fc.nat(4),
});
const STEPS = fc.array(
  fc.oneof({ weight: 5, arbitrary: CHOOSE }, { weight: 3, arbitrary: SETTLE }, SHOW, REPORT),
  { maxLength: 30, size: "max" },
);
type Choice = typeof CHOOSE extends fc.Arbitrary<infer T> ? T : never;
type Step = typeof STEPS extends fc.Arbitrary<(infer T)[]> ? T : never;

/** Containers on the way to one datanode each: those that are being created have no id. */
interface OnTheWay {
  readonly node: NodeSlot;
  id: number | undefined;
}

/** Placement beside a list of what was promised (spec 01 §11). */
class Play {
  readonly #placement: Placement;
  readonly #rig: PlacementRig;
  readonly #slots: number[];
  #promised: OnTheWay[] = [];
  readonly #open: { readonly reservation: Reservation; readonly promised: readonly OnTheWay[] }[] = [];
  #lastId = 0;

  constructor(plans: readonly { rack: number; slots: number }[], options: Partial<PlacementOptions>) {
    this.#rig = new PlacementRig(plans, options);
    this.#placement = this.#rig.placement;
    this.#slots = plans.map(({ slots }) => slots);
  }

  step(step: Step): void {
    if (step.kind === "choose") {
      this.#choose(step);
    } else if (step.kind === "settle") {
      this.#settle(step.isDone);
    } else if (step.kind === "report") {
      this.#slots[step.node] = step.slots;
      this.#rig.change(step.node, { slots: step.slots });
    } else {
      const shown = this.#promised.filter(({ id }) => id !== undefined)[step.at];
      if (shown === undefined) return;
      this.#promised = this.#promised.filter((promised) => promised !== shown);
      this.#placement.pending.confirm(shown.node, shown.id as number);
    }
  }

  #slotsLeft(node: NodeSlot): number {
    return (this.#slots[node] as number) - this.#promised.filter((promised) => promised.node === node).length;
  }

  #choose({ policy, required, favoured }: Choice): void {
    const chosen = this.#chosen(policy, required, favoured);
    for (const node of chosen) assert.ok(this.#slotsLeft(node) > 0, `node ${node} has no slot left`);
    const reservation = this.#placement.pending.reserve(chosen, 0);
    assert.ok(reservation !== undefined, "who was chosen has room");
    const promised = chosen.map((node): OnTheWay => ({ node, id: undefined }));
    this.#promised.push(...promised);
    this.#open.push({ reservation, promised });
  }

  #chosen(policy: Choice["policy"], required: number, favoured: readonly NodeSlot[]): readonly NodeSlot[] {
    try {
      return this.#placement[policy].choose({ required, favoured, metadataBytes: 0 });
    } catch (error) {
      assert.ok(error instanceof StrataError, String(error));
      return [];
    }
  }

  #settle(isDone: boolean): void {
    const settled = this.#open.shift();
    if (settled === undefined) return;
    const { reservation, promised } = settled;
    if (isDone) {
      const id = ++this.#lastId;
      for (const one of promised) one.id = id;
      this.#placement.pending.bind(reservation, containerId(id));
    } else {
      this.#promised = this.#promised.filter((one) => !promised.includes(one));
      this.#placement.pending.release(reservation);
    }
  }
}

suite("room on datanodes", () => {
  const check = (options: Partial<PlacementOptions>): void => {
    fc.assert(
      fc.property(NODES, STEPS, (plans, steps) => {
        const play = new Play(plans, options);
        for (const step of steps) play.step(step);
      }),
      { numRuns: 1000 },
    );
  };

  test("the default policies choose nobody whose slots are promised to others", () => check({}));

  test("nor do Random and Capacity", () => {
    check({
      containerPolicy: `${ALGORITHMS}.SCMContainerPlacementRandom`,
      ecPolicy: `${ALGORITHMS}.SCMContainerPlacementCapacity`,
    });
  });
});
