import assert from "node:assert/strict";
import { test } from "node:test";
import type { TopologySchema } from "../../../../../engine/cluster/topology/schema.js";
import { DEFAULT_SCHEMA, NODEGROUP_SCHEMA } from "../../../../../engine/cluster/topology/schema.js";
import type { ClientPlace, DrawScope } from "../../../../../engine/cluster/topology/topology.js";
import { DISTANCE_MAX, NONE, Topology } from "../../../../../engine/cluster/topology/topology.js";
import { type NodeSlot, nodeSlot } from "../../../../../engine/core/ids.js";
import { SeededRandom } from "../../../../../engine/core/random.js";
import { eachSeed } from "../../../../support/each-seed.js";
import { NaiveTopology } from "../../../../support/topology/naive-topology.js";

const slots = (...numbers: number[]): NodeSlot[] => numbers.map(nodeSlot);
const ANYWHERE: DrawScope = { rack: NONE, excludedRacks: [], excluded: [] };

function treeOf(schema: TopologySchema, ...locations: string[]): Topology {
  const tree = new Topology(schema, 100);
  for (const [number, location] of locations.entries()) {
    assert.equal(tree.place(nodeSlot(number), location), undefined);
    tree.setEligible(nodeSlot(number), true);
  }
  return tree;
}

test("distances of the default schema are 0, 2 on a rack and 4 between racks", () => {
  const tree = treeOf(DEFAULT_SCHEMA, "/rack1", "/rack1", "/rack10");
  const [a, b, c] = slots(0, 1, 2) as [NodeSlot, NodeSlot, NodeSlot];
  assert.deepEqual([tree.distance(a, a), tree.distance(a, b), tree.distance(a, c)], [0, 2, 4]);
  assert.equal(tree.distance(a, nodeSlot(9)), DISTANCE_MAX);
  assert.equal(tree.distance(nodeSlot(9), nodeSlot(9)), DISTANCE_MAX);
});

test("distances of the nodegroup schema count every level up to the common one", () => {
  const tree = treeOf(NODEGROUP_SCHEMA, "/rack1/ng1", "/rack1/ng1", "/rack1/ng2", "/rack2/ng1");
  const to = slots(0, 1, 2, 3).map((slot) => tree.distance(nodeSlot(0), slot));
  assert.deepEqual(to, [0, 2, 4, 6]);
});

test("a location that is no rack of the schema is refused and changes nothing", () => {
  const tree = treeOf(NODEGROUP_SCHEMA, "/rack1/ng1");
  assert.equal(
    tree.place(nodeSlot(1), "/default-rack"),
    "has 1 level(s), the topology 2: /<rack>/<nodegroup>",
  );
  assert.equal(tree.place(nodeSlot(0), "/a/b/c"), "has 3 level(s), the topology 2: /<rack>/<nodegroup>");
  assert.equal(tree.place(nodeSlot(0), "rack1/ng1"), "must start with /");
  assert.equal(tree.place(nodeSlot(0), "/rack1//ng1"), "holds an empty name");
  assert.equal(tree.locationOf(nodeSlot(0)), "/rack1/ng1");
  assert.equal(tree.place(nodeSlot(1), "/rack1/ng1/"), undefined);
  assert.equal(tree.leafCountTotal, 2);
  assert.equal(tree.rackCount, 1);
});

test("racks are made on demand, go with their last leaf, and their numbers come back", () => {
  const tree = treeOf(DEFAULT_SCHEMA, "/a", "/b", "/c");
  const [, b] = tree.racks();
  tree.remove(nodeSlot(1));
  assert.deepEqual([tree.rackAt("/b"), tree.rackCount, tree.root.children.size], [NONE, 2, 2]);
  tree.place(nodeSlot(1), "/d");
  assert.equal(tree.rackAt("/d"), b);
  assert.deepEqual([...tree.racks()], [0, 1, 2]);
  assert.equal(tree.isEligible(nodeSlot(1)), false);
});

test("a leaf that moves keeps its eligibility, a placed one is counted once", () => {
  const tree = treeOf(DEFAULT_SCHEMA, "/a", "/b");
  tree.place(nodeSlot(0), "/b");
  tree.place(nodeSlot(0), "/b/");
  const rack = tree.rackAt("/b");
  assert.deepEqual([tree.leafCount(rack), tree.eligibleCount(rack), tree.rackCount], [2, 2, 1]);
});

test("a draw gives none when nothing remains, and excludes what is named twice only once", () => {
  const tree = treeOf(DEFAULT_SCHEMA, "/rack1", "/rack1", "/rack10");
  const random = new SeededRandom(1);
  const excluded = slots(0, 0, 2, 77, 0);
  for (let i = 0; i < 50; i++) {
    assert.equal(tree.draw({ ...ANYWHERE, excluded }, random), 1);
    assert.equal(tree.draw({ rack: tree.rackAt("/rack1"), excludedRacks: [], excluded }, random), 1);
    const excludedRacks = [tree.rackAt("/rack1"), tree.rackAt("/rack1"), 55, NONE];
    assert.equal(tree.draw({ ...ANYWHERE, excludedRacks }, random), 2);
    assert.equal(tree.draw({ ...ANYWHERE, excludedRacks, excluded }, random), NONE);
    assert.equal(tree.draw({ rack: tree.rackAt("/rack1"), excludedRacks, excluded: [] }, random), NONE);
  }
  assert.equal(tree.draw({ rack: 55, excludedRacks: [], excluded: [] }, random), NONE);
  assert.equal(new Topology(DEFAULT_SCHEMA, 1).draw(ANYWHERE, random), NONE);
});

test("what is left after exclusions is drawn uniformly", () => {
  // Racks of 1, 10 and 89 leaves: a draw of a rack first would favour the small one.
  const tree = treeOf(
    DEFAULT_SCHEMA,
    ...Array.from({ length: 100 }, (_, i) => (i === 0 ? "/rack1" : i <= 10 ? "/rack10" : "/rack100")),
  );
  tree.setEligible(nodeSlot(99), false);
  const excluded = slots(3, 4, 50, 51, 50, 99);
  const small = tree.rackAt("/rack10");
  const scopes: DrawScope[] = [
    ANYWHERE,
    { ...ANYWHERE, excluded },
    { rack: small, excludedRacks: [], excluded },
    { rack: NONE, excludedRacks: [small], excluded },
  ];
  const random = new SeededRandom(20_240_817);
  for (const scope of scopes) {
    const left = slots(...Array(99).keys()).filter(
      (slot) =>
        !scope.excluded.includes(slot) &&
        !scope.excludedRacks.includes(tree.rackOf(slot)) &&
        (scope.rack === NONE || tree.rackOf(slot) === scope.rack),
    );
    const counts = new Map(left.map((slot) => [slot, 0]));
    const expected = 2_000;
    for (let i = 0; i < expected * left.length; i++) {
      const drawn = tree.draw(scope, random);
      assert(drawn !== NONE);
      counts.set(drawn, (counts.get(drawn) ?? Number.NaN) + 1);
    }
    const chiSquare = [...counts.values()].reduce(
      (sum, count) => sum + (count - expected) ** 2 / expected,
      0,
    );
    const freedom = left.length - 1;
    // Mean plus four standard deviations of the distribution.
    assert(chiSquare < freedom + 4 * Math.sqrt(2 * freedom), `chi-square ${chiSquare}, freedom ${freedom}`);
  }
});

test("sorting puts near ones first, and all orders of equally near ones are as likely", () => {
  const tree = treeOf(DEFAULT_SCHEMA, "/a", "/a", "/a", "/b", "/b");
  const random = new SeededRandom(7);
  const orders = new Map<string, number>();
  for (let i = 0; i < 12_000; i++) {
    const order = slots(4, 3, 2, 1, 0);
    tree.sort(order, { leaf: nodeSlot(1) }, random);
    orders.set(order.join(), (orders.get(order.join()) ?? 0) + 1);
  }
  assert.deepEqual([...orders.keys()].sort(), ["1,0,2,3,4", "1,0,2,4,3", "1,2,0,3,4", "1,2,0,4,3"]);
  for (const count of orders.values()) assert(Math.abs(count - 3_000) < 200, `${count} of 3000`);
});

const SCHEMAS = [DEFAULT_SCHEMA, NODEGROUP_SCHEMA, withCosts(NODEGROUP_SCHEMA, [5, 0, 2, 0])];

function withCosts(schema: TopologySchema, costs: readonly number[]): TopologySchema {
  return { ...schema, levels: schema.levels.map((level, i) => ({ ...level, cost: costs[i] ?? 0 })) };
}

/** Random changes of a tree, and after each some questions, beside the model. */
class Play {
  readonly #random: SeededRandom;
  readonly #tree: Topology;
  readonly #model: NaiveTopology;
  readonly #nodeCount: number;
  readonly #locations: readonly string[];
  readonly #pathOfRack = (rack: number): string | undefined => {
    const [first] = this.#tree.leafCount(rack) > 0 ? [this.#tree.leafAt(rack, 0)] : [];
    return first === undefined ? undefined : this.#model.leaves.get(first)?.location;
  };

  constructor(random: SeededRandom, nodeCount: number, rackCount: number) {
    const schema = SCHEMAS[random.below(SCHEMAS.length)] as TopologySchema;
    this.#random = random;
    this.#nodeCount = nodeCount;
    this.#tree = new Topology(schema, nodeCount);
    this.#model = new NaiveTopology(schema.levels.map(({ cost }) => cost));
    this.#locations = Array.from({ length: rackCount }, (_, i) =>
      schema.levels.length === 3 ? `/rack${i}` : `/rack${i % 11}/ng${Math.floor(i / 11)}`,
    );
  }

  #anySlot(): NodeSlot {
    return nodeSlot(this.#random.below(this.#nodeCount));
  }

  fill(): void {
    for (let i = 0; i < this.#nodeCount; i++) this.#place(nodeSlot(i));
  }

  change(): void {
    const slot = this.#anySlot();
    const choice = this.#random.below(10);
    if (choice < 4) this.#place(slot);
    else if (choice < 6) {
      this.#tree.remove(slot);
      this.#model.leaves.delete(slot);
    } else {
      const isEligible = this.#random.below(3) > 0;
      this.#tree.setEligible(slot, isEligible);
      const leaf = this.#model.leaves.get(slot);
      if (leaf !== undefined) leaf.isEligible = isEligible;
    }
  }

  #place(slot: NodeSlot): void {
    const location = this.#locations[this.#random.below(this.#locations.length)] as string;
    assert.equal(this.#tree.place(slot, location), undefined);
    const isEligible = this.#model.leaves.get(slot)?.isEligible ?? false;
    this.#model.leaves.set(slot, { location, isEligible });
  }

  draw(): void {
    const { racks } = { racks: this.#tree.racks() };
    const anyRack = (): number => racks[this.#random.below(Math.max(1, racks.length))] ?? NONE;
    const scope: DrawScope = {
      rack: this.#random.below(2) === 0 ? anyRack() : NONE,
      excludedRacks: Array.from({ length: this.#random.below(4) }, anyRack),
      excluded: Array.from({ length: this.#random.below(12) }, () => this.#anySlot()),
    };
    const candidates = this.#model.candidates(scope, this.#pathOfRack);
    const drawn = this.#tree.draw(scope, this.#random);
    if (drawn === NONE) assert.equal(candidates.size, 0, "draws nothing though something is left");
    else assert(candidates.has(drawn), `draws ${drawn}, which is excluded`);
  }

  sort(): void {
    const order = [...new Set(Array.from({ length: this.#random.below(20) }, () => this.#anySlot()))];
    const client: ClientPlace =
      this.#random.below(2) === 0
        ? { leaf: this.#anySlot() }
        : { rack: this.#tree.racks()[0] ?? this.#random.below(5) };
    const sorted = [...order];
    this.#tree.sort(sorted, client, this.#random);
    assert.deepEqual(new Set(sorted), new Set(order));
    const distances = sorted.map((slot) => this.#model.distanceTo(client, slot, this.#pathOfRack));
    assert.deepEqual(
      distances,
      [...distances].sort((a, b) => a - b),
    );
    const [a, b] = [this.#anySlot(), this.#anySlot()];
    assert.equal(this.#tree.distance(a, b), this.#model.distance(a, b));
  }

  compare(): void {
    const tree = this.#tree;
    const model = this.#model;
    assert.equal(tree.leafCountTotal, model.leaves.size);
    assert.deepEqual(
      tree
        .racks()
        .map((rack) => String(this.#pathOfRack(rack)))
        .sort(),
      model.racks(),
    );
    assert.deepEqual(
      [...tree.racks()],
      [...tree.racks()].sort((a, b) => a - b),
    );
    let eligibleCount = 0;
    for (const rack of tree.racks()) {
      const expected = new Set(model.onRack(String(this.#pathOfRack(rack))));
      const leaves = Array.from({ length: tree.leafCount(rack) }, (_, i) => tree.leafAt(rack, i));
      assert.deepEqual(new Set(leaves), expected);
      assert.equal(leaves.length, expected.size);
      for (const [place, slot] of leaves.entries()) {
        const { location, isEligible } = model.leaves.get(slot) ?? {};
        assert.equal(tree.isEligible(slot), isEligible);
        assert.equal(place < tree.eligibleCount(rack), isEligible);
        assert.equal(tree.locationOf(slot), location);
        assert.equal(tree.rackOf(slot), rack);
      }
      eligibleCount += tree.eligibleCount(rack);
    }
    assert.equal(tree.eligibleCountTotal, eligibleCount);
    for (let i = 0; i < this.#nodeCount; i++) {
      assert.equal(tree.rackOf(nodeSlot(i)) === NONE, !model.leaves.has(nodeSlot(i)));
    }
  }
}

test("a tree is what the naive model says after random changes", async () => {
  await eachSeed(60, async (random) => {
    const play = new Play(random, 1 + random.below(60), 1 + random.below(14));
    for (let step = 0; step < 300; step++) {
      play.change();
      play.draw();
      play.sort();
      if (step % 10 === 0) play.compare();
    }
    play.compare();
  });
});

test("a tree of 10,000 nodes is what the naive model says", async () => {
  await eachSeed(3, async (random) => {
    const play = new Play(random, 10_000, 1 + random.below(2) * 150);
    play.fill();
    for (let step = 0; step < 10_000; step++) play.change();
    play.compare();
    for (let step = 0; step < 100; step++) {
      play.change();
      play.draw();
      play.sort();
    }
    play.compare();
  });
});
