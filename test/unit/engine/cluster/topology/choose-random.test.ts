import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChooseRequest, TreeScope } from "../../../../../engine/cluster/topology/choose-random.js";
import { DEFAULT_SCHEMA, NODEGROUP_SCHEMA } from "../../../../../engine/cluster/topology/schema.js";
import { NONE, Topology } from "../../../../../engine/cluster/topology/topology.js";
import { StrataError } from "../../../../../engine/core/errors.js";
import { type NodeSlot, nodeSlot } from "../../../../../engine/core/ids.js";
import { SeededRandom } from "../../../../../engine/core/random.js";
import { eachSeed } from "../../../../support/each-seed.js";
import { NaiveTopology } from "../../../../support/topology/naive-topology.js";

/** Leaves 0 … 7: racks of 3, 1, 2 and 2. Its names are each other's prefixes. */
const LOCATIONS = ["/r1/n1", "/r1/n1", "/r1/n1", "/r1/n10", "/r10/n1", "/r10/n1", "/r10/n10", "/r10/n10"];

function world(locations: readonly string[] = LOCATIONS, schema = NODEGROUP_SCHEMA) {
  const tree = new Topology(schema, 1000);
  const model = new NaiveTopology(schema.levels.map(({ cost }) => cost));
  for (const [number, location] of locations.entries()) {
    assert.equal(tree.place(nodeSlot(number), location), undefined);
    model.leaves.set(nodeSlot(number), { location, isEligible: false });
  }
  return { tree, model };
}

/** All that many choices give. */
function chosen(request: object): string {
  const { tree } = world();
  const random = new SeededRandom(1);
  const seen = new Set<number>();
  for (let i = 0; i < 300; i++) seen.add(tree.chooseRandom(request as ChooseRequest, random));
  return [...seen].sort((a, b) => a - b).join(" ");
}

const CASES: readonly [string, object, string][] = [
  ["everything", {}, "0 1 2 3 4 5 6 7"],
  ["a scope", { scope: "/r1" }, "0 1 2 3"],
  ["a deeper scope", { scope: "/r10/n1/" }, "4 5"],
  ["a leaf", { scope: 5 }, "5"],
  ["everything but a scope", { scope: "~/r1" }, "4 5 6 7"],
  ["excluded leaves", { scope: "/r1", excluded: [0, 2, 2, 7, 99] }, "1 3"],
  ["excluded scopes", { excludedScopes: ["/r1", "/r10/n10", "/no/where"] }, "4 5"],
  ["an excluded leaf as scope", { scope: "/r1/n1", excludedScopes: [1, 99] }, "0 2"],
  ["an excluded scope that covers the scope", { scope: "/r1/n1", excludedScopes: ["/r1"] }, "-1"],
  ["an excluded scope that covers a leaf", { scope: 0, excludedScopes: ["/r1"] }, "-1"],
  ["a leaf that is excluded", { scope: 0, excluded: [0] }, "-1"],
  ["a generation of excluded leaves", { excluded: [0, 4], generation: 1 }, "3 6 7"],
  ["two generations of excluded leaves", { excluded: [0], generation: 2 }, "4 5 6 7"],
  ["the root's generation", { excluded: [0], generation: 3 }, "-1"],
  ["affinity alone", { affinity: 3 }, "0 1 2 4 5 6 7"],
  ["the affinity's rack", { affinity: 0, generation: 1, excluded: [1] }, "2"],
  ["the affinity's rack within a scope", { affinity: 0, generation: 1, scope: "/r1" }, "1 2"],
  ["a scope within the affinity's ancestor", { affinity: 0, generation: 2, scope: "/r1/n10" }, "3"],
  ["a scope beside the affinity's ancestor", { affinity: 0, generation: 1, scope: "/r10" }, "-1"],
  ["a leaf within the affinity's rack", { affinity: 0, generation: 1, scope: 1 }, "1"],
  ["affinity where nobody else is", { affinity: 3, generation: 1 }, "-1"],
];

for (const [name, request, expected] of CASES) {
  test(`a random choice: ${name}`, () => assert.equal(chosen(request), expected));
}

test("a random choice refuses what is not in the tree, and generations that it has not", () => {
  const { tree } = world();
  const random = new SeededRandom(1);
  const refused = [
    [{ scope: "/r2" }, /^scope: \/r2 /],
    [{ scope: "~/r2" }, /^scope: ~\/r2 /],
    [{ scope: "~/r1", excludedScopes: [] }, /^scope: ~\/r1 /],
    [{ scope: 99 }, /^scope: 99 /],
    [{ generation: -1 }, /^generation: must be 0 to 3, is -1$/],
    [{ generation: 4 }, /^generation: /],
    [{ generation: 1.5 }, /^generation: /],
    [{ affinity: 99 }, /^affinity: /],
  ] as const;
  for (const [request, message] of refused) {
    const choose = () => tree.chooseRandom(request as unknown as ChooseRequest, random);
    assert.throws(choose, (error) => error instanceof StrataError && message.test(error.message));
  }
});

test("random choices are what the naive model allows, on random trees of both depths", async () => {
  await eachSeed(300, async (random) => {
    const isDeep = random.below(2) === 0;
    const schema = isDeep ? NODEGROUP_SCHEMA : DEFAULT_SCHEMA;
    const locations = Array.from({ length: 1 + random.below(30) }, () =>
      isDeep ? `/r${random.below(12)}/n${random.below(3)}` : `/r${random.below(12)}`,
    );
    const { tree, model } = world(locations, schema);
    const leaf = (): NodeSlot => nodeSlot(random.below(locations.length + 2));
    const part = (): TreeScope => {
      const path = (locations[random.below(locations.length)] ?? "").split("/");
      return random.below(4) === 0 ? leaf() : path.slice(0, 1 + random.below(path.length)).join("/");
    };
    const maybe = <T>(make: () => T): T | undefined => (random.below(2) === 0 ? make() : undefined);
    for (let i = 0; i < 20; i++) {
      const request = Object.fromEntries(
        Object.entries({
          scope: maybe(() => (random.below(5) === 0 ? `~${part()}` : part())),
          excludedScopes: maybe(() => Array.from({ length: random.below(3) }, part)),
          excluded: maybe(() => Array.from({ length: random.below(6) }, leaf)),
          affinity: maybe(leaf),
          generation: maybe(() => random.below(schema.levels.length + 1)),
        }).filter(([, value]) => value !== undefined),
      ) as ChooseRequest;
      const expected = model.choosable(request);
      const text = JSON.stringify({ locations, request });
      if (expected === "error") {
        assert.throws(() => tree.chooseRandom(request, random), { code: "INVALID_ARGUMENT" }, text);
        continue;
      }
      const slot = tree.chooseRandom(request, random);
      if (slot === NONE) assert.equal(expected.size, 0, text);
      else assert(expected.has(slot), text);
    }
  });
});

test("a random choice is uniform, whatever the racks' sizes", () => {
  const locations = Array.from({ length: 60 }, (_, i) => (i < 2 ? "/a" : i < 12 ? "/b" : "/c"));
  const { tree } = world(locations, DEFAULT_SCHEMA);
  const random = new SeededRandom(99);
  const request = { excluded: [nodeSlot(3), nodeSlot(40)] };
  const counts = new Map<number, number>();
  const expected = 1_000;
  for (let i = 0; i < 58 * expected; i++) {
    const slot = tree.chooseRandom(request, random);
    counts.set(slot, (counts.get(slot) ?? 0) + 1);
  }
  assert.equal(counts.size, 58);
  const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  // 57 degrees of freedom: mean plus four standard deviations.
  assert(chiSquare < 57 + 4 * Math.sqrt(2 * 57), `chi-square ${chiSquare}`);
});
