import assert from "node:assert/strict";
import { test } from "node:test";
import { STRIPE_BYTES } from "../../../../../engine/cluster/containers/container-stripe.js";
import type { ContainerFilter } from "../../../../../engine/cluster/containers/containers.js";
import { Containers, LIST_ROWS_MAX } from "../../../../../engine/cluster/containers/containers.js";
import {
  parseReplication,
  ratis,
  standAlone,
} from "../../../../../engine/cluster/containers/replication-config.js";
import { beginRead } from "../../../../../workers/shared/version-word.js";
import { containerRecord } from "../../../../support/cluster/builders.js";

function containers(): { readonly containers: Containers; readonly stripes: Map<number, SharedArrayBuffer> } {
  const stripes = new Map<number, SharedArrayBuffer>();
  const allocateStripe = (stripe: number): SharedArrayBuffer => {
    const buffer = new SharedArrayBuffer(STRIPE_BYTES);
    stripes.set(stripe, buffer);
    return buffer;
  };
  const ignored = (): void => undefined;
  const options = { allocateStripe, onReplicationConfig: ignored, onContainerChanged: ignored };
  return { containers: new Containers(options), stripes };
}

function idsOf(
  store: Containers,
  filter: ContainerFilter,
  countMax: number,
): { ids: number[]; calls: number } {
  const ids: number[] = [];
  let calls = 0;
  for (let next = 1; next !== 0; calls++) {
    const page = store.list(next, filter, countMax);
    assert.ok(page.containers.length <= countMax);
    ids.push(...page.containers.map(({ containerId }) => containerId));
    next = page.nextContainerId;
  }
  return { ids, calls };
}

test("a list goes through all containers by id, page by page, across gaps and missing stripes", () => {
  const { containers: store } = containers();
  const expected = [1, 2, 5, 65_535, 65_536, 400_000, 400_001];
  for (const id of expected) store.add(containerRecord(id));
  for (const countMax of [1, 2, 100]) assert.deepEqual(idsOf(store, {}, countMax).ids, expected);
  assert.deepEqual(
    store.list(3, {}, 2).containers.map(({ containerId }) => containerId),
    [5, 65_535],
  );
  assert.deepEqual(store.list(500_000, {}, 2), { containers: [], nextContainerId: 0, matchCount: 0 });
});

test("filters fit alone and together", () => {
  const { containers: store } = containers();
  const ec = parseReplication("rs-3-2-1024k");
  store.add(containerRecord(1, { state: "OPEN" }));
  store.add(containerRecord(2, { suppressed: true }));
  store.add(containerRecord(3, { replication: ratis(1) }));
  store.add(containerRecord(4, { replication: standAlone(3), suppressed: true }));
  store.add(containerRecord(5, { replication: ec }));
  const cases: [ContainerFilter, number[]][] = [
    [{ state: "OPEN" }, [1]],
    [{ state: "CLOSED" }, [2, 3, 4, 5]],
    [{ suppressed: true }, [2, 4]],
    [{ suppressed: false }, [1, 3, 5]],
    [{ replicationType: "RATIS" }, [1, 2, 3]],
    [{ replicationType: "RATIS", replicationFactor: 3 }, [1, 2]],
    [{ replicationFactor: 3 }, [1, 2, 4]],
    [{ replicationType: "EC" }, [5]],
    [{ replication: ec }, [5]],
    [{ replication: parseReplication("rs-6-3-1024k") }, []],
    [{ replication: ratis(3), state: "CLOSED" }, [2]],
    [{ replicationFactor: 5 }, []],
    [{ state: "CLOSED", replicationType: "RATIS", suppressed: true }, [2]],
  ];
  for (const [filter, expected] of cases) {
    assert.deepEqual(idsOf(store, filter, 2).ids, expected, JSON.stringify(filter));
  }
});

test("the work of one call is bounded, found or not", () => {
  const { containers: store } = containers();
  const lastId = 3 * LIST_ROWS_MAX;
  for (let id = 64; id < lastId; id += 64) store.add(containerRecord(id));
  store.add(containerRecord(lastId, { replication: ratis(1) }));
  const { ids, calls } = idsOf(store, { replicationFactor: 1 }, 10);
  assert.deepEqual(ids, [lastId]);
  assert.ok(calls >= 3 && calls < 10, `${calls} calls`);
});

test("a state that few containers have is found at once, however many others lie between", () => {
  const { containers: store } = containers();
  const lastId = 10 * LIST_ROWS_MAX;
  const rare = [7, 70_000, lastId - 1];
  for (let id = 1; id <= lastId; id += id % 65_536 === 0 ? 1 : 97) {
    if (!rare.includes(id)) store.add(containerRecord(id));
  }
  for (const id of rare) store.add(containerRecord(id, { state: "OPEN", suppressed: true }));
  for (const filter of [
    { state: "OPEN" },
    { suppressed: true },
    { state: "OPEN", suppressed: true },
  ] as const) {
    const page = store.list(1, filter, 1000);
    assert.deepEqual(
      page.containers.map(({ containerId }) => containerId),
      rare,
      JSON.stringify(filter),
    );
    assert.equal(page.nextContainerId, 0);
  }
  assert.deepEqual(store.listIds(8, "OPEN", 1), { containerIds: [70_000], nextContainerId: lastId - 1 });
});

test("rows stand in shared memory, with an even version that moves with each change", () => {
  const { containers: store, stripes } = containers();
  store.add(containerRecord(7));
  const words = new Int32Array(stripes.get(0) as SharedArrayBuffer);
  const version = beginRead(words, 7 * 16);
  assert.equal(version % 2, 0);
  store.table.suppress(7, true);
  assert.equal(beginRead(words, 7 * 16), version + 2);
  store.table.suppress(7, true);
  assert.equal(beginRead(words, 7 * 16), version + 2);
});

test("dictionary numbers start at 1, are given in order of first use, and stay", () => {
  const { containers: store } = containers();
  store.add(containerRecord(1, { owner: "b" }));
  store.add(containerRecord(2, { owner: "a" }));
  store.add(containerRecord(3, { owner: "b" }));
  assert.equal(store.owners.numberOf("b"), 1);
  assert.equal(store.owners.numberOf("a"), 2);
  assert.equal(store.owners.numberOf("c"), undefined);
  assert.equal(store.owners.valueOf(2), "a");
  assert.deepEqual(store.replications.valueOf(1), ratis(3));
  assert.throws(() => store.owners.valueOf(3), /no dictionary entry/);
  assert.equal(store.owners.room, 65_533);
});
