import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import {
  PendingContainers,
  type Reservation,
} from "../../../../../engine/cluster/placement/pending-containers.js";
import { containerId, type NodeSlot, nodeSlot } from "../../../../../engine/core/ids.js";

const LIFETIME_MS = 1000;

function world(slots: readonly number[]) {
  const changed: NodeSlot[] = [];
  const pending = new PendingContainers({
    lifetimeMs: LIFETIME_MS,
    slotsOf: (node) => slots[node] ?? 0,
    onChanged: (node) => changed.push(node),
  });
  return { pending, changed };
}

interface Entry {
  readonly node: number;
  id: number;
  readonly of: object;
  readonly endMs: number;
}

/** Whether an entry whose container is known waits for the end of an older one. */
function isBehind(model: readonly Entry[], at: number, nowMs: number): boolean {
  return (
    (model[at] as Entry).id !== 0 && model.slice(0, at).some(({ id, endMs }) => id !== 0 && endMs > nowMs)
  );
}

const [A, B, C] = [nodeSlot(0), nodeSlot(1), nodeSlot(2)];

suite("PendingContainers", () => {
  test("room is taken on all nodes or on none", () => {
    const { pending, changed } = world([2, 1, 5]);
    assert.notEqual(pending.reserve([A, B], 0), undefined);
    changed.length = 0;
    assert.equal(pending.reserve([A, B, C], 0), undefined);
    assert.deepEqual(
      [A, B, C].map((node) => pending.countOf(node)),
      [1, 1, 0],
    );
    assert.deepEqual(changed, []);
    assert.equal(pending.counters.numSkippedFullNodeContainerAllocation, 1);
  });

  test("a node that nobody knows has no room", () => {
    const { pending } = world([2]);
    assert.equal(pending.reserve([A, B], 0), undefined);
    assert.equal(pending.countOf(A), 0);
  });

  test("each node's report gives back its own room", () => {
    const { pending } = world([1, 1]);
    const reservation = pending.reserve([A, B], 0);
    assert.ok(reservation !== undefined);
    pending.confirm(A, 7);
    assert.equal(pending.countOf(A), 1, "nobody knows yet that this is container 7");
    pending.bind(reservation, containerId(7));
    pending.confirm(A, 7);
    pending.confirm(A, 7);
    assert.deepEqual([pending.countOf(A), pending.countOf(B), pending.size], [0, 1, 1]);
    pending.confirm(B, 7);
    assert.deepEqual([pending.countOf(B), pending.size], [0, 0]);
  });

  test("an entry lives for its own time, however many come after it", () => {
    const { pending } = world([9]);
    pending.reserve([A], 0);
    pending.reserve([A], 400);
    pending.expire(LIFETIME_MS - 1);
    assert.equal(pending.countOf(A), 2);
    pending.expire(LIFETIME_MS);
    assert.equal(pending.countOf(A), 1);
    pending.expire(LIFETIME_MS + 400);
    assert.equal(pending.countOf(A), 0);
  });

  test("a container that was created after its reservation had ended takes no room", () => {
    const { pending } = world([1]);
    const reservation = pending.reserve([A], 0) as Reservation;
    pending.release(reservation);
    pending.bind(reservation, containerId(3));
    assert.equal(pending.countOf(A), 0);
    assert.equal(pending.awaitedCountOf(A), 0);
  });

  test("a replica on its way takes room also on a full node, once for each container", () => {
    const { pending } = world([0]);
    pending.record(A, containerId(3), 0);
    pending.record(A, containerId(3), 0);
    pending.record(A, containerId(4), 0);
    assert.equal(pending.countOf(A), 2);
    pending.clear();
    assert.deepEqual([pending.countOf(A), pending.awaitedCountOf(A)], [0, 0]);
  });

  test("counts are those of a plain list of entries", () => {
    const NODES = 4;
    const step = fc.record({
      what: fc.constantFrom("reserve", "bind", "release", "confirm", "record", "expire", "clear"),
      nodes: fc.uniqueArray(fc.nat(NODES - 1), { minLength: 1, maxLength: 3 }),
      which: fc.nat(9),
      id: fc.integer({ min: 1, max: 6 }),
      passMs: fc.nat(300),
    });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60, size: "max" }),
        fc.array(fc.nat(3), { minLength: NODES }),
        (steps, slots) => {
          const { pending } = world(slots);
          let model: Entry[] = [];
          const reservations: Reservation[] = [];
          const countOf = (node: number) => model.filter((entry) => entry.node === node).length;
          const holds = (node: number, id: number) =>
            model.some((entry) => entry.node === node && entry.id === id);
          let nowMs = 0;
          for (const { what, nodes, which, id, passMs } of steps) {
            nowMs += passMs;
            const node = nodes[0] as number;
            const endMs = nowMs + LIFETIME_MS;
            const reservation = reservations[which % Math.max(1, reservations.length)];
            switch (what) {
              case "reserve": {
                const made = pending.reserve(nodes.map(nodeSlot), nowMs);
                const fits = nodes.every((each) => countOf(each) < (slots[each] as number));
                assert.equal(made !== undefined, fits);
                if (made === undefined) break;
                reservations.push(made);
                model.push(...nodes.map((each) => ({ node: each, id: 0, of: made, endMs })));
                break;
              }
              case "bind":
                if (reservation === undefined) break;
                for (const entry of model.filter(({ of, id }) => of === reservation && id === 0)) {
                  model = model.filter((other) => other.node !== entry.node || other.id !== id);
                  model = [...model.filter((other) => other !== entry), entry];
                  entry.id = id;
                }
                pending.bind(reservation, containerId(id));
                break;
              case "release":
                if (reservation === undefined) break;
                model = model.filter((entry) => entry.of !== reservation || entry.id !== 0);
                pending.release(reservation);
                break;
              case "confirm":
                model = model.filter((entry) => entry.node !== node || entry.id !== id);
                pending.confirm(nodeSlot(node), id);
                break;
              case "record":
                if (!holds(node, id)) model.push({ node, id, of: {}, endMs });
                pending.record(nodeSlot(node), containerId(id), nowMs);
                break;
              case "expire":
                model = model.filter((entry, at) => entry.endMs > nowMs || isBehind(model, at, nowMs));
                pending.expire(nowMs);
                break;
              default:
                model = [];
                pending.clear();
            }
            for (let each = 0; each < NODES; each++) {
              assert.equal(pending.countOf(nodeSlot(each)), countOf(each), `${what}: node ${each}`);
              const awaited = model.filter((entry) => entry.node === each && entry.id !== 0);
              const ids: number[] = [];
              pending.forEachAwaited(nodeSlot(each), (found) => ids.push(found));
              assert.deepEqual(ids.sort(), awaited.map((entry) => entry.id).sort());
              assert.equal(pending.awaitedCountOf(nodeSlot(each)), ids.length);
            }
          }
          const { numPendingContainersAdded, numPendingContainersRemoved } = pending.counters;
          assert.equal(numPendingContainersAdded - numPendingContainersRemoved, model.length);
          assert.equal(pending.size, model.length);
        },
      ),
    );
  });
});
