import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SeededRandom } from "../../../../engine/core/random.js";
import { storageDirectories, storageState } from "../../../../engine/storage/directories.js";
import { type InitializeOptions, initialize } from "../../../../engine/storage/initialize.js";
import { recover } from "../../../../engine/storage/recovery.js";
import { SimDisk } from "../../../support/simulation/sim-disk.js";
import { ManualClock, NO_STEP } from "../../../support/storage/log-fixture.js";
import { MemoryState } from "../../../support/storage/memory-state.js";

const DIRECTORIES = storageDirectories({ metadataDir: "/data" });
const CLUSTER = "0c1d2e3f-0000-4000-8000-000000000001";

function init(disk: SimDisk, options: InitializeOptions = {}, seed = 1) {
  const environment = { clock: new ManualClock(), random: new SeededRandom(seed) };
  return initialize(disk, DIRECTORIES, environment, options);
}

describe("--init", () => {
  test("makes a cluster id with prefix, or takes the given one as it is", async () => {
    assert.match((await init(new SimDisk())).clusterId, /^CID-[0-9a-f-]{36}$/);
    for (const clusterId of [CLUSTER, `CID-${CLUSTER}`]) {
      assert.equal((await init(new SimDisk(), { clusterId })).clusterId, clusterId);
    }
    await assert.rejects(init(new SimDisk(), { clusterId: "mine" }), { code: "INVALID_ARGUMENT" });
  });

  test("moves the storage from non-existent to initialised", async () => {
    const disk = new SimDisk();
    assert.equal(storageState(disk, DIRECTORIES), "NON_EXISTENT");
    disk.makeDirectory(DIRECTORIES.root);
    assert.equal(storageState(disk, DIRECTORIES), "NOT_INITIALIZED");
    await init(disk);
    assert.equal(storageState(disk, DIRECTORIES), "INITIALIZED");
  });

  test("a second time tells the ids and changes nothing", async () => {
    const disk = new SimDisk();
    const first = await init(disk, {}, 1);
    disk.beforeWrite = () => assert.fail("something was written");
    assert.deepEqual(await init(disk, {}, 2), { ...first, isNew: false });
    assert.equal((await init(disk, { clusterId: first.clusterId })).scmId, first.scmId);
    const bare = first.clusterId.replace("CID-", "");
    assert.equal((await init(disk, { clusterId: bare })).clusterId, first.clusterId);
    await assert.rejects(init(disk, { clusterId: CLUSTER }), { code: "CLUSTER_ID_MISMATCH" });
  });

  test("works while an SCM runs when there is nothing to do, else finds the lock taken", async () => {
    const disk = new SimDisk();
    await init(disk);
    await disk.lock(DIRECTORIES.lock);
    assert.equal((await init(disk)).isNew, false);
    const other = new SimDisk();
    await other.lock(DIRECTORIES.lock);
    await assert.rejects(init(other), { code: "STORAGE_LOCKED" });
  });

  test("fixes the floors for good", async () => {
    const disk = new SimDisk();
    const floors = { localIdFloor: 2n ** 60n, termFloor: 41 };
    await init(disk, floors);
    const found = await recover(disk, DIRECTORIES, new MemoryState(), NO_STEP);
    assert.deepEqual(found.floors, { localIdFloor: 2n ** 60n, termFloor: 41, given: true });
    assert.equal(found.hardState.term, 41);
    assert.equal((await init(disk, floors)).isNew, false);
    await assert.rejects(init(disk, { ...floors, termFloor: 42 }), { code: "INVALID_ARGUMENT" });
    const without = new SimDisk();
    await init(without);
    await assert.rejects(init(without, floors), { code: "INVALID_ARGUMENT" });
  });

  test("refuses half of the floors, and floors out of range", async () => {
    for (const floors of [
      { localIdFloor: 1n },
      { termFloor: 1 },
      { localIdFloor: 2n ** 64n, termFloor: 1 },
      { localIdFloor: -1n, termFloor: 1 },
      { localIdFloor: 1n, termFloor: 2 ** 53 },
    ]) {
      await assert.rejects(init(new SimDisk(), floors), { code: "INVALID_ARGUMENT" });
    }
  });

  test("refuses a current/ that holds something else", async () => {
    const disk = new SimDisk();
    disk.makeDirectory(DIRECTORIES.current);
    disk.writeFile(`${DIRECTORIES.current}/VERSION.tmp`, new Uint8Array(1));
    assert.equal(storageState(disk, DIRECTORIES), "NOT_INITIALIZED");
    disk.writeFile(`${DIRECTORIES.current}/version`, new Uint8Array(1));
    await assert.rejects(init(disk), { code: "VERSION_FILE_CORRUPT" });
  });

  test("goes on after a crash at any step, with the ids that were chosen first", async () => {
    for (let step = 0; ; step++) {
      const disk = new SimDisk();
      let left = step;
      disk.beforeWrite = () => {
        if (left-- === 0) throw new Error("power loss");
      };
      const isComplete = await init(disk, {}, 1).then(
        () => true,
        () => false,
      );
      disk.beforeWrite = () => {};
      disk.crash(new SeededRandom(step));
      const again = await init(disk, {}, 2);
      const found = await recover(disk, DIRECTORIES, new MemoryState(), NO_STEP);
      assert.equal(found.identity.scmId, again.scmId);
      assert.equal(found.identity.clusterId, again.clusterId);
      if (isComplete) {
        assert.ok(step >= 4, "no step was crashed");
        return;
      }
    }
  });

  test("puts raft and state where the configuration says", () => {
    const options = { metadataDir: "/data", raftDir: "/fast/raft", stateDir: "/large/state" };
    const directories = storageDirectories(options);
    assert.equal(directories.raft, "/fast/raft");
    assert.equal(directories.state, "/large/state");
    assert.equal(directories.versionFile, "/data/scm/current/VERSION");
  });
});
