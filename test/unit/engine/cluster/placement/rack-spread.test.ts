import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import {
  ALL_RACKS,
  ANY_RACK,
  type RackRules,
  TWO_RACKS,
} from "../../../../../engine/cluster/placement/rack-rules.js";
import { RackSpread } from "../../../../../engine/cluster/placement/rack-spread.js";
import { nodeSlot } from "../../../../../engine/core/ids.js";

/** Nodes 0, 1, 2 … are on these racks; −1 = not in the tree. `kept`: locations of nodes that left it. */
function spreadOf(rules: RackRules, rackCount: number, rackOfNode: readonly number[], kept: string[] = []) {
  return new RackSpread({
    tree: {
      rackCount,
      rackOf: (node) => rackOfNode[node] ?? -1,
      rackAt: (location) => {
        const rack = Number(/^\/r(\d+)$/.exec(location)?.[1] ?? -1);
        return rack < rackCount ? rack : -1;
      },
    },
    rules,
    keptLocationOf: (node) => kept[node],
  });
}

function validate(rules: RackRules, rackCount: number, rackOfNode: readonly number[], replicaCount: number) {
  const holders = rackOfNode.map((_, node) => nodeSlot(node));
  return spreadOf(rules, rackCount, rackOfNode).validate(holders, replicaCount);
}

suite("RackSpread.validate", () => {
  test("of 3 replicas on 2 racks, 2 + 1 is satisfied and 3 + 0 is not (spec 03 §19.7)", () => {
    assert.equal(validate(TWO_RACKS, 2, [0, 0, 1], 3).isSatisfied, true);
    assert.deepEqual(validate(TWO_RACKS, 2, [0, 0, 0], 3), {
      isSatisfied: false,
      rackCount: 1,
      expectedRackCount: 2,
      misReplicationCount: 1,
    });
  });

  test("of 5 replicas of EC 3-2 on 3 racks, a rack may have 2 (spec 03 §19.7)", () => {
    assert.equal(validate(ALL_RACKS, 3, [0, 0, 1, 1, 2], 5).isSatisfied, true);
    assert.equal(validate(ALL_RACKS, 3, [0, 0, 0, 1, 2], 5).misReplicationCount, 1);
    assert.equal(validate(ALL_RACKS, 3, [0, 0, 0, 1, 1], 5).misReplicationCount, 1);
  });

  test("copies beyond the expected ones do not look wrong", () => {
    assert.equal(validate(TWO_RACKS, 2, [0, 0, 0, 1], 3).isSatisfied, true);
    assert.equal(validate(ALL_RACKS, 3, [0, 0, 1, 2], 3).isSatisfied, true);
    assert.equal(validate(ALL_RACKS, 3, [0, 0, 0, 1, 2], 3).isSatisfied, true);
    assert.equal(validate(ALL_RACKS, 3, [0, 0, 0, 1], 3).isSatisfied, false);
  });

  test("without racks, or where one is enough, any replica satisfies", () => {
    const nodes = [nodeSlot(0)];
    const one = { isSatisfied: true, rackCount: 1, expectedRackCount: 1, misReplicationCount: 0 };
    for (const [rules, rackCount] of [
      [ANY_RACK, 9],
      [TWO_RACKS, 1],
      [ALL_RACKS, 0],
    ] as const) {
      assert.deepEqual(spreadOf(rules, rackCount, [-1]).validate(nodes, 3), one);
    }
    assert.deepEqual(spreadOf(ALL_RACKS, 5, [4]).validate(nodes, 1), one);
    assert.equal(spreadOf(ANY_RACK, 9, []).validate([], 3).isSatisfied, false);
  });

  test("no rack at all divides nothing by zero (spec 03 §19.11)", () => {
    for (const rules of [ANY_RACK, ALL_RACKS]) assert.equal(rules.maxPerRack(5, 0), 5);
    assert.equal(TWO_RACKS.requiredRacks(3, 0), 0);
  });

  test("a node that left the tree counts where its location is kept, and nowhere else", () => {
    const nodes = [0, 1, 2].map(nodeSlot);
    assert.equal(spreadOf(TWO_RACKS, 2, [0, 0, -1]).validate(nodes, 3).rackCount, 1);
    assert.equal(spreadOf(TWO_RACKS, 2, [0, 0, -1], ["", "", "/r1"]).validate(nodes, 3).rackCount, 2);
    assert.equal(spreadOf(TWO_RACKS, 2, [0, 0, -1], ["", "", "/r0"]).validate(nodes, 3).rackCount, 1);
    assert.equal(spreadOf(TWO_RACKS, 2, [0, 0, -1], ["", "", "/gone"]).validate(nodes, 3).rackCount, 2);
  });

  test("is what the specification's formulas say", () => {
    const rules = fc.constantFrom<RackRules>(TWO_RACKS, ALL_RACKS);
    const racks = fc.array(fc.integer({ min: -1, max: 4 }), { maxLength: 9 });
    fc.assert(
      fc.property(
        rules,
        fc.integer({ min: 5, max: 7 }),
        racks,
        fc.integer({ min: 2, max: 9 }),
        (r, total, on, n) => {
          const isScatter = r === ALL_RACKS;
          const required = Math.min(isScatter ? Math.min(total, n) : 2, n);
          const most = isScatter ? Math.ceil(n / required) : Math.max(n - 1, 1);
          const cap = most + Math.max(0, on.length - n);
          const sizes = [0, 1, 2, 3, 4].map((rack) => on.filter((other) => other === rack).length);
          const current = sizes.filter((size) => size > 0).length;
          const expected = Math.min(required, total);
          const isSatisfied = current >= expected && sizes.every((size) => size <= cap);
          const tooMany = sizes.map((size) => Math.max(0, size - cap)).reduce((a, b) => a + b);
          assert.deepEqual(validate(r, total, on, n), {
            isSatisfied,
            rackCount: current,
            expectedRackCount: expected,
            misReplicationCount: isSatisfied ? 0 : Math.max(expected - current, tooMany),
          });
        },
      ),
    );
  });
});

suite("RackSpread.copySet", () => {
  const copySet = (rules: RackRules, rackCount: number, on: number[], isCopyable = (_: number) => true) =>
    spreadOf(rules, rackCount, on).copySet(
      on.map((_, node) => nodeSlot(node)),
      isCopyable,
    );

  test("takes what is too much from the fullest racks, the first copyable ones", () => {
    assert.deepEqual(copySet(TWO_RACKS, 3, [1, 1, 1]), [0]);
    assert.deepEqual(copySet(ALL_RACKS, 5, [2, 2, 2, 0, 1]), [0, 1]);
    assert.deepEqual(
      copySet(ALL_RACKS, 5, [2, 2, 2, 0, 1], (index) => index > 1),
      [2],
    );
    assert.deepEqual(copySet(TWO_RACKS, 2, [0, 1, 1, 0]), [], "two of four are in their place");
  });

  test("the placement is satisfied when each copied replica goes to a rack of its own", () => {
    const rules = fc.constantFrom<RackRules>(TWO_RACKS, ALL_RACKS);
    const racks = fc.array(fc.nat(3), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(rules, racks, (r, on) => {
        // Enough racks that each copied replica finds an empty one.
        const rackCount = 4 + on.length;
        const copied = copySet(r, rackCount, on);
        const after = on.map((rack, index) => (copied.includes(index) ? 4 + copied.indexOf(index) : rack));
        const { isSatisfied } = validate(r, rackCount, after, on.length);
        assert.equal(isSatisfied, true, `${on} → ${after}`);
        if (validate(r, rackCount, on, on.length).isSatisfied) assert.deepEqual(copied, []);
      }),
    );
  });
});

suite("RackSpread.removalSet", () => {
  test("takes each surplus copy from the rack that is fullest then", () => {
    // Rack 0 has three replicas, rack 1 two, rack 2 one.
    const on = [0, 0, 0, 1, 1, 2];
    const holders = on.map((_, node) => nodeSlot(node));
    const spread = spreadOf(ALL_RACKS, 3, on);
    // Index 2, on racks 0 and 1, loses the one on rack 0; index 1, on racks 1 and 2, the one on rack 1.
    assert.deepEqual(spread.removalSet(holders, [3, 2, 4, 1, 2, 1], 1), [1, 3]);
    // Four copies of index 1 go first: then racks 0 and 1 have one replica each, and rack 2 one.
    assert.deepEqual(spread.removalSet(holders, [2, 1, 1, 1, 1, 2], 1), [1, 2, 3, 0]);
    assert.deepEqual(spread.removalSet(holders, [0, 0, 0, 0, 0, 0], 3).length, 3);
    assert.deepEqual(spread.removalSet(holders, [1, 2, 3, 4, 5, 6], 1), []);
  });

  test("leaves as many copies of each index as are wanted, as a plain greedy choice does", () => {
    const replica = fc.record({ rack: fc.nat(3), index: fc.integer({ min: 1, max: 3 }) });
    fc.assert(
      fc.property(fc.array(replica, { maxLength: 10 }), fc.integer({ min: 1, max: 3 }), (replicas, k) => {
        const on = replicas.map(({ rack }) => rack);
        const indexes = replicas.map(({ index }) => index);
        const holders = on.map((_, node) => nodeSlot(node));
        const removed = spreadOf(ALL_RACKS, 4, on).removalSet(holders, indexes, k);
        const stay = replicas.map((replica) => replica);
        for (const place of removed) {
          // Each removal is from a rack with the most replicas of those that have the index.
          const { rack, index } = replicas[place] as (typeof replicas)[number];
          const sizeOf = (other: number) => stay.filter((each) => each.rack === other).length;
          const racksOfIndex = stay.filter((each) => each.index === index).map((each) => each.rack);
          assert.equal(sizeOf(rack), Math.max(...racksOfIndex.map(sizeOf)));
          stay.splice(stay.indexOf(replicas[place] as (typeof replicas)[number]), 1);
        }
        for (const index of [1, 2, 3]) {
          const had = indexes.filter((other) => other === index).length;
          assert.equal(stay.filter((each) => each.index === index).length, Math.min(had, k));
        }
      }),
    );
  });
});
