import assert from "node:assert/strict";
import { test } from "node:test";
import { getHeapStatistics } from "node:v8";
import { SeededRandom } from "../../../../engine/core/random.js";
import { ListPool } from "../../../../workers/shard/list-pool.js";
import { NodeLists } from "../../../../workers/shard/node-lists.js";

function listOf(lists: NodeLists, node: number, place: number): number[] {
  lists.locate(node, place);
  return [...lists.entries.subarray(lists.start, lists.start + lists.length)];
}

test("lists agree with sets over random insertions, removals and rewritten sections (seed 11)", () => {
  const random = new SeededRandom(11);
  const lists = new NodeLists();
  const model = new Map<string, Set<number>>();
  for (let step = 0; step < 30_000; step++) {
    const node = random.below(4) * 1000;
    const place = random.below(3) * 20;
    const key = `${node}/${place}`;
    const set = model.get(key) ?? new Set();
    model.set(key, set);
    const offset = random.below(random.below(2) === 0 ? 300 : 65_536);
    const kind = random.below(20);
    if (kind < 11) assert.equal(lists.insert(node, place, offset), !set.has(offset));
    else if (kind < 19) assert.equal(lists.remove(node, place, offset), set.has(offset));
    if (kind < 11) set.add(offset);
    else if (kind < 19) set.delete(offset);
    else rewrite(lists, { node, place, from: offset, end: offset + random.below(5000) }, set, random);
    if (step % 500 === 0) {
      lists.checkInvariants();
      assert.deepEqual(listOf(lists, node, place), sorted(set));
      assert.equal(lists.count(node), countOf(model, node));
    }
  }
  for (const [key, set] of model) {
    const [node, place] = key.split("/").map(Number) as [number, number];
    assert.deepEqual(listOf(lists, node, place), sorted(set));
  }
  lists.checkInvariants();
});

interface Section {
  readonly node: number;
  readonly place: number;
  readonly from: number;
  readonly end: number;
}

/** As a chunk of a report does: the section's entries become others. */
function rewrite(lists: NodeLists, section: Section, set: Set<number>, random: SeededRandom): void {
  const { node, place, from, end } = section;
  const fresh = new Set<number>();
  for (let i = random.below(200); i > 0; i--) fresh.add(from + random.below(end - from + 1));
  for (const offset of set) if (offset >= from && offset <= end) set.delete(offset);
  const offsets = sorted(fresh).filter((offset) => offset < 65_536);
  lists.locate(node, place);
  const at = lists.countBelow(from);
  const removeCount = lists.countBelow(end + 1) - at;
  lists.resize(node, place, { at, removeCount, insertCount: offsets.length });
  if (offsets.length > 0) lists.entries.set(offsets, lists.start + at);
  for (const offset of offsets) set.add(offset);
}

function sorted(set: ReadonlySet<number>): number[] {
  return [...set].sort((a, b) => a - b);
}

function countOf(model: ReadonlyMap<string, ReadonlySet<number>>, node: number): number {
  return [...model].reduce((sum, [key, set]) => (key.startsWith(`${node}/`) ? sum + set.size : sum), 0);
}

test("a list holds every container of a stripe", () => {
  const lists = new NodeLists();
  lists.resize(3, 0, { at: 0, removeCount: 0, insertCount: 65_536 });
  for (let offset = 0; offset < 65_536; offset++) lists.entries[lists.start + offset] = offset;
  lists.checkInvariants();
  lists.locate(3, 0);
  assert.equal(lists.countBelow(65_535), 65_535);
  lists.resize(3, 0, { at: 0, removeCount: 65_536, insertCount: 0 });
  lists.checkInvariants();
  assert.equal(lists.count(3), 0);
});

test("blocks are used again: growing and emptying lists for ever takes no more memory", () => {
  const lists = new NodeLists();
  const round = (): void => {
    for (let node = 0; node < 50; node++) {
      for (let offset = 0; offset < 300; offset++) lists.insert(node, 0, offset * 7);
    }
    for (let node = 0; node < 50; node++) {
      for (let offset = 0; offset < 300; offset++) lists.remove(node, 0, offset * 7);
    }
  };
  round();
  const { bytes } = lists;
  for (let i = 0; i < 10; i++) round();
  assert.equal(lists.bytes, bytes);
});

test("a size class wastes at most a quarter beyond 64 entries", () => {
  const pool = new ListPool();
  for (let count = 1; count <= 65_536; count += count < 2000 ? 1 : 97) {
    const capacity = pool.capacityOf(pool.classFor(count));
    assert.ok(capacity >= count);
    assert.ok(count < 64 || capacity <= count * 1.25 + 16, `${capacity} for ${count}`);
  }
});

test("memory of lists and of their index does not count towards V8's next collection", () => {
  const lists = new NodeLists();
  const before = getHeapStatistics().external_memory;
  for (let node = 0; node < 1500; node++) {
    for (let place = 0; place < 64; place++) {
      lists.resize(node, place, { at: 0, removeCount: 0, insertCount: 256 });
    }
  }
  assert.ok(lists.bytes >= 48 * 2 ** 20, `${lists.bytes} bytes of lists`);
  const counted = getHeapStatistics().external_memory - before;
  assert.ok(counted < 2 ** 20, `${counted} bytes count`);
});
