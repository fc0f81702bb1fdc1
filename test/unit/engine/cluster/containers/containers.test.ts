import assert from "node:assert/strict";
import { test } from "node:test";
import { STRIPE_BYTES } from "../../../../../engine/cluster/containers/container-table.js";
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
  assert.deepEqual(store.list(500_000, {}, 2), { containers: [], nextContainerId: 0 });
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
    [{ replicationFactor: 5 }, []],
    [{ state: "CLOSED", replicationType: "RATIS", suppressed: true }, [2]],
  ];
  for (const [filter, expected] of cases) {
    assert.deepEqual(idsOf(store, filter, 2).ids, expected, JSON.stringify(filter));
  }
});

test("the work of one call is bounded, found or not", () => {
  const { containers: store } = containers();
  for (const id of [1, 3 * LIST_ROWS_MAX]) store.add(containerRecord(id));
  for (let stripe = 1; stripe < 3; stripe++) store.add(containerRecord(stripe * 65_536));
  const { ids, calls } = idsOf(store, { state: "OPEN" }, 10);
  assert.deepEqual(ids, []);
  assert.ok(calls >= 3, `${calls} calls`);
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
