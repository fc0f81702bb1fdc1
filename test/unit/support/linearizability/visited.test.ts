import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SeededRandom } from "../../../../engine/core/random.js";
import { CallSet, Visited } from "../../../support/linearizability/visited.js";

const CALLS = 200;
const SEED = Math.floor(Math.random() * 2 ** 31);

function setOf(calls: Iterable<number>): CallSet {
  const set = new CallSet(CALLS);
  for (const call of calls) set.add(call);
  return set;
}

/** Two sets with the same hash: of 33 numbers of 32 bits some cancel each other out. The last call is in both
 * so that their words are the same ones. */
function setsWithOneHash(): readonly [CallSet, CallSet] {
  const basis = new Map<number, { readonly hash: number; readonly calls: ReadonlySet<number> }>();
  for (let call = 0; call < CALLS - 1; call++) {
    let hash = setOf([call]).hash;
    const calls = new Set([call]);
    for (let bit = 31; bit >= 0 && hash !== 0; bit--) {
      if (((hash >>> bit) & 1) === 0) continue;
      const known = basis.get(bit);
      if (known === undefined) {
        basis.set(bit, { hash, calls });
        break;
      }
      hash ^= known.hash;
      for (const each of known.calls) if (!calls.delete(each)) calls.add(each);
    }
    if (hash === 0) return [setOf([...calls, CALLS - 1]), setOf([CALLS - 1])];
  }
  assert.fail("there is such a set");
}

describe("what a search has visited", () => {
  test(`is what a set of texts would be (seed ${SEED})`, () => {
    const random = new SeededRandom(SEED);
    const visited = new Visited({ bytesMax: 1e9 });
    const model = new Set<string>();
    const set = new CallSet(CALLS);
    const calls = new Set<number>();
    for (let i = 0; i < 20_000; i++) {
      const call = random.below(random.below(2) === 0 ? 40 : CALLS);
      if (calls.delete(call)) set.delete(call);
      else {
        calls.add(call);
        set.add(call);
      }
      // Back to few now and then, so that sets come again.
      if (random.below(30) === 0) {
        for (const each of calls) set.delete(each);
        calls.clear();
      }
      assert.equal(set.has(call), calls.has(call));
      const state = random.below(2);
      const text = `${state}: ${[...calls].sort((a, b) => a - b)}`;
      assert.equal(visited.add(set, state), !model.has(text), text);
      model.add(text);
    }
    assert.equal(visited.count, model.size);
    assert.ok(model.size > 5_000 && model.size < 19_900, `${model.size} different ones`);
  });

  test("does not take two for one because of their hash", () => {
    const [a, b] = setsWithOneHash();
    assert.equal(a.hash, b.hash);
    const visited = new Visited({ bytesMax: 1e9 });
    assert.ok(visited.add(a, 1));
    assert.ok(visited.add(b, 1));
    assert.ok(!visited.add(a, 1));
    assert.ok(visited.add(a, 2));
  });
});
