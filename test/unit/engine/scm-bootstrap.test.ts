import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig } from "../../../engine/config/load.js";
import { StrataError } from "../../../engine/core/errors.js";
import { SeededRandom } from "../../../engine/core/random.js";
import type { Uuid } from "../../../engine/core/uuid.js";
import { type BootstrapParts, bootstrap, type GroupClient } from "../../../engine/scm-bootstrap.js";
import { storageDirectories } from "../../../engine/storage/directories.js";
import { initialize } from "../../../engine/storage/initialize.js";
import { recover } from "../../../engine/storage/recovery.js";
import { readVersionFile } from "../../../engine/storage/version-file.js";
import type { RequestOf, ResponseOf } from "../../../protocol/schema/messages.js";
import { uuidOf } from "../../support/cluster/builders.js";
import { LONE_CONF_STATE } from "../../support/raft/lone-voter.js";
import { SimDisk } from "../../support/simulation/sim-disk.js";
import { ManualClock, NO_STEP } from "../../support/storage/log-fixture.js";
import { MemoryState } from "../../support/storage/memory-state.js";

const DIRECTORIES = storageDirectories({ metadataDir: "/data" });
const CLUSTER = `CID-${uuidOf(1)}`;
const PRIMARY = uuidOf(9);

function configOf(...more: string[]) {
  const addresses = ["a", "b", "c"].map((name) => `ozone.scm.address.s.${name}=${name}.example.org`);
  const service = ["ozone.scm.service.ids=s", "ozone.scm.nodes.s=a,b,c", ...addresses];
  const own = ["ozone.metadata.dirs=/data", "ozone.scm.node.id=b", "ozone.scm.ratis.port.s.b=9900"];
  const host = { hostName: "b.example.org", addresses: [], coreCount: 2 };
  return loadConfig({ env: {}, host, overrides: [...service, ...own, ...more] });
}

/** The running group with the SCM's disk and clock. */
class World {
  readonly disk = new SimDisk();
  readonly clock = new ManualClock();
  clusterId = CLUSTER;
  readonly members = new Map<Uuid, number>();
  readonly requests: RequestOf<"addScm">[] = [];
  readonly asked: string[] = [];
  readonly waits: string[] = [];
  closedCount = 0;
  /** Thrown instead of the answer, first to last. */
  readonly failures: { scmInfo: Error[]; addScm: Error[] } = { scmInfo: [], addScm: [] };
  /** The answers of these calls get lost. */
  lostAnswers = 0;

  run(seed = 1, clusterId?: string, config = configOf()) {
    const parts: BootstrapParts = {
      disk: this.disk,
      directories: DIRECTORIES,
      clock: this.clock,
      random: new SeededRandom(seed),
      connect: (endpoints, timeoutMs) => {
        this.asked.push(endpoints.map(({ host, port }) => `${host}:${port}`).join(" "));
        return this.#client(timeoutMs);
      },
      onWaiting: (text) => this.waits.push(text),
    };
    return bootstrap(parts, config, clusterId);
  }

  #client(timeoutMs: number): GroupClient {
    const failed = (failure: Error) => {
      this.clock.nowMs += timeoutMs;
      throw failure;
    };
    return {
      scmInfo: async () => {
        const failure = this.failures.scmInfo.shift();
        if (failure !== undefined) failed(failure);
        return { clusterId: this.clusterId } as ResponseOf<"scmInfo">;
      },
      addScm: async (request) => {
        const failure = this.failures.addScm.shift();
        if (failure !== undefined) failed(failure);
        this.requests.push(request);
        const { scmId } = request.scm;
        const nodeId = this.members.get(scmId) ?? this.members.size + 2;
        this.members.set(scmId, nodeId);
        if (this.lostAnswers-- > 0) failed(timedOut());
        return { nodeId, clusterId: this.clusterId, primaryScmId: PRIMARY, configVersion: 5 };
      },
      scmRoles: async () => {
        const peers = [...this.members.keys()].map((scmId) => ({ scmId }));
        return { peers, term: 3, configVersion: 5, isJoint: false } as unknown as ResponseOf<"scmRoles">;
      },
      close: () => this.closedCount++,
    };
  }
}

function timedOut(): StrataError {
  return new StrataError("NO_ANSWER", { timeoutMs: 5000 }, { cause: new Error("nobody is there") });
}

test("an SCM joins with the number that the group gives it, and begins with an empty log", async () => {
  const world = new World();
  const joined = await world.run();
  assert.deepEqual(joined, { clusterId: CLUSTER, scmId: joined.scmId, isNew: true });
  assert.equal(world.asked[0], "a.example.org:9865 c.example.org:9865", "the others, in their order");
  const { clusterId, scm } = world.requests[0] as RequestOf<"addScm">;
  assert.deepEqual(
    [clusterId, scm.scmId, scm.name, scm.host, scm.raftPort, scm.strataPort],
    [CLUSTER, joined.scmId, "b", "b.example.org", 9900, 9865],
  );
  const state = new MemoryState();
  const found = await recover(world.disk, DIRECTORIES, state, NO_STEP);
  assert.deepEqual(found.identity, { clusterId: CLUSTER, scmId: joined.scmId, nodeId: 2 });
  assert.deepEqual([found.last.index, found.hardState.term, found.floors.given], [0, 0, false]);
  assert.deepEqual(state.confState, LONE_CONF_STATE, "the founder alone, as every log begins");
  assert.equal(readVersionFile(world.disk, DIRECTORIES.versionFile).primaryScmId, PRIMARY);
  assert.equal(world.closedCount, world.asked.length);
});

test("a second time it tells the ids, and asks nobody to be added", async () => {
  const world = new World();
  const joined = await world.run(1);
  world.disk.beforeWrite = () => assert.fail("something was written");
  assert.deepEqual(await world.run(2), { ...joined, isNew: false });
  assert.equal(world.requests.length, 1);
});

test("a second time for one that was removed is refused", async () => {
  const world = new World();
  await world.run(1);
  world.members.clear();
  await assert.rejects(world.run(1), { code: "MEMBER_UNKNOWN" });
});

test("another cluster is refused, be it given, found, or that of the directories", async () => {
  const world = new World();
  await assert.rejects(world.run(1, uuidOf(77)), { code: "CLUSTER_ID_MISMATCH" });
  assert.equal(world.requests.length, 0);
  await world.run(1, CLUSTER.replace("CID-", ""));
  world.clusterId = `CID-${uuidOf(5)}`;
  await assert.rejects(world.run(), { code: "CLUSTER_ID_MISMATCH" });
  await assert.rejects(world.run(1, uuidOf(77)), { code: "CLUSTER_ID_MISMATCH" });
  const skipping = configOf("ozone.scm.skip.bootstrap.validation=true");
  assert.equal((await world.run(1, undefined, skipping)).clusterId, CLUSTER);
});

test("a cluster that was asked once is the only one that is asked again", async () => {
  const world = new World();
  world.failures.addScm.push(new StrataError("CHANGE_REFUSED", { change: "adding", reason: "a name" }));
  await assert.rejects(world.run(), { code: "CHANGE_REFUSED" });
  world.clusterId = `CID-${uuidOf(5)}`;
  await assert.rejects(world.run(), { code: "CLUSTER_ID_MISMATCH" });
});

test("it waits for an answer, says so, and gives up in the end", async () => {
  const world = new World();
  world.failures.scmInfo.push(timedOut(), timedOut());
  await world.run();
  assert.deepEqual(world.waits, [
    "no SCM of a.example.org:9865, c.example.org:9865 has taken this one in yet: nobody is there; " +
      "asking for 595s more",
    "no SCM of a.example.org:9865, c.example.org:9865 has taken this one in yet: nobody is there; " +
      "asking for 590s more",
  ]);
  const late = new World();
  late.failures.scmInfo.push(...Array.from({ length: 20 }, timedOut));
  const config = configOf("ozone.scm.info.wait.duration=12s");
  await assert.rejects(late.run(1, undefined, config), { code: "NO_ANSWER" });
  assert.equal(late.clock.nowMs, 12_000);
});

test("an answer that is lost does not make two members", async () => {
  const world = new World();
  world.lostAnswers = 2;
  const joined = await world.run();
  assert.deepEqual([...world.members], [[joined.scmId, 2]]);
  assert.equal(world.requests.length, 3);
});

test("a crash at any step does not make two members either", async () => {
  for (let step = 0; ; step++) {
    const world = new World();
    let left = step;
    world.disk.beforeWrite = () => {
      if (left-- === 0) throw new Error("power loss");
    };
    const isComplete = await world.run(1).then(
      () => true,
      () => false,
    );
    world.disk.beforeWrite = () => {};
    world.disk.crash(new SeededRandom(step));
    const again = await world.run(2);
    assert.deepEqual([...world.members.keys()], [again.scmId], `crashed at write ${step}`);
    const found = await recover(world.disk, DIRECTORIES, new MemoryState(), NO_STEP);
    assert.deepEqual(found.identity, { clusterId: CLUSTER, scmId: again.scmId, nodeId: 2 });
    if (!isComplete) continue;
    assert.ok(step >= 5, "no step was crashed");
    return;
  }
});

test("directories in which --init or --bootstrap has begun are not the other one's", async () => {
  const world = new World();
  world.failures.addScm.push(new StrataError("CHANGE_REFUSED", { change: "adding", reason: "a name" }));
  await assert.rejects(world.run());
  const init = (disk: SimDisk) =>
    initialize(disk, DIRECTORIES, { clock: world.clock, random: new SeededRandom(3) });
  await assert.rejects(init(world.disk), { code: "INVALID_ARGUMENT", message: /--bootstrap` has begun/ });
  const begun = new World();
  let left = 3;
  begun.disk.beforeWrite = () => {
    if (left-- === 0) throw new Error("power loss");
  };
  await assert.rejects(init(begun.disk));
  begun.disk.beforeWrite = () => {};
  begun.disk.crash(new SeededRandom(1));
  await assert.rejects(begun.run(), { code: "STORAGE_IDS_DIFFER" });
  assert.equal(begun.requests.length, 0);
});

test("without another SCM in the configuration there is nobody to ask", async () => {
  const world = new World();
  const alone = loadConfig({ env: {}, overrides: ["ozone.metadata.dirs=/data"] });
  await assert.rejects(world.run(1, undefined, alone), {
    code: "CONFIG_INVALID",
    message: /ozone.scm.service.ids: names no other SCM/,
  });
});

test("two at a time on the same directories are kept apart by their lock", async () => {
  const world = new World();
  await world.disk.lock(DIRECTORIES.lock);
  await assert.rejects(world.run(), { code: "STORAGE_LOCKED" });
});
