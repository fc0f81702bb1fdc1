import assert from "node:assert/strict";
import { test } from "node:test";
import { readClusterTree } from "../../../../protocol/client/cluster-tree.js";
import type { RequestOf } from "../../../../protocol/schema/messages.js";
import { nodeOf, uuidOf } from "../../../support/records.js";

const LEVELS = [
  ["datacenter", 1],
  ["rack", 2],
  ["group", 3],
  ["node", 0],
].map(([id, cost]) => ({
  id: String(id),
  prefix: "",
  cost: Number(cost),
  defaultName: "",
}));

test("the tree is put together from all pages", async () => {
  const locations = ["/a/x", "/a/y", "/b/x", "/a/x", "/b/x"];
  const datanodes = locations.map((networkLocation, i) => ({ ...nodeOf(i + 1).details, networkLocation }));
  const asked: (string | undefined)[] = [];
  const root = await readClusterTree({
    getClusterTree: async ({ after }: RequestOf<"getClusterTree">) => {
      asked.push(after);
      const start = datanodes.findIndex(({ uuid }) => uuid === after) + 1;
      return { levels: LEVELS, datanodes: datanodes.slice(start, start + 2), more: start + 2 < 5 };
    },
  });
  assert.deepEqual(asked, [undefined, uuidOf(2), uuidOf(4)]);
  const [one, two, three, four, five] = datanodes;
  const group = (name: string, location: string, leaves: readonly (typeof one)[]) => ({
    name,
    location,
    cost: 3,
    level: 3,
    leafCount: leaves.length,
    children: new Map(leaves.map((leaf) => [leaf?.uuid, leaf])),
  });
  const a = new Map([
    ["x", group("x", "/a", [one, four])],
    ["y", group("y", "/a", [two])],
  ]);
  const b = new Map([["x", group("x", "/b", [three, five])]]);
  const rack = { cost: 2, level: 2, location: "/" };
  assert.deepEqual(root, {
    name: "",
    location: "",
    cost: 1,
    level: 1,
    leafCount: 5,
    children: new Map([
      ["a", { name: "a", ...rack, leafCount: 3, children: a }],
      ["b", { name: "b", ...rack, leafCount: 2, children: b }],
    ]),
  });
});

test("an empty cluster is a root alone", async () => {
  const getClusterTree = async () => ({ levels: LEVELS, datanodes: [], more: false });
  const root = await readClusterTree({ getClusterTree });
  assert.deepEqual([root.leafCount, root.children.size, root.level, root.cost], [0, 0, 1, 1]);
});
