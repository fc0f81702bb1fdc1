import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ClusterState } from "../../../engine/cluster/cluster-state.js";
import { encodeChangeContext } from "../../../engine/cluster/members/change-context.js";
import type { Member } from "../../../engine/cluster/members/member.js";
import { changesToLoneVoter } from "../../../engine/cluster/members/new-group.js";
import { NO_SESSION, OPERATION, type Operation } from "../../../engine/cluster/operation.js";
import { readReservation } from "../../../engine/cluster/operation-result.js";
import type { SequenceName } from "../../../engine/cluster/sequence/sequence-table.js";
import { TurnBatch } from "../../../engine/cluster/turn-batch.js";
import { StrataError } from "../../../engine/core/errors.js";
import { logIndex } from "../../../engine/core/ids.js";
import { SeededRandom } from "../../../engine/core/random.js";
import { changeConfState } from "../../../engine/raft/conf-change.js";
import { encodeConfChange } from "../../../engine/raft/conf-change-codec.js";
import {
  CONF_CHANGE,
  CONF_CHANGE_TRANSITION,
  type ConfState,
  ENTRY_TYPE,
  type Entry,
  type NodeId,
  nodeId,
} from "../../../engine/raft/types.js";
import { forceNewGroup, type NewGroupOptions } from "../../../engine/scm-new-group.js";
import { storageDirectories } from "../../../engine/storage/directories.js";
import { initialize } from "../../../engine/storage/initialize.js";
import { makeJoinedStores } from "../../../engine/storage/join.js";
import { recover } from "../../../engine/storage/recovery.js";
import { STRIPE_ROWS } from "../../../workers/shared/container-layout.js";
import {
  containerRecord,
  importBatch,
  memberOf,
  seedCluster,
  uuidOf,
} from "../../support/cluster/builders.js";
import { initializeDisk, StoredScm } from "../../support/consensus/stored-scm.js";
import { SimDisk } from "../../support/simulation/sim-disk.js";
import {
  appendEntry,
  hardStateOf,
  ManualClock,
  NO_STEP,
  openLog,
} from "../../support/storage/log-fixture.js";

const DIRECTORIES = storageDirectories({ metadataDir: "/data" });
const CLUSTER = "CID-0c1d2e3f-0000-4000-8000-000000000001";
const YES: NewGroupOptions = { clusterId: CLUSTER, acceptsLoss: false };
const SKIPPED_TERMS = 2 ** 20;
const TERM = 7;
/** Entries of `logOf` that are known to be committed, and all of them. */
const COMMITTED = 7;
const LAST = 9;

function emptyState(): ClusterState {
  return new ClusterState({
    allocateStripe: () => new SharedArrayBuffer(STRIPE_ROWS * 64),
    onReplicationConfig: () => undefined,
    onContainerChanged: () => undefined,
    onNodeIntent: () => undefined,
    onPipelineChanged: () => undefined,
  });
}

function operations(...list: readonly Operation[]): Pick<Entry, "type" | "payload"> {
  const batch = new TurnBatch();
  for (const operation of list) batch.add(operation);
  return { type: ENTRY_TYPE.NORMAL, payload: batch.take(1_750_000_000_000) };
}

function memberChange(
  type: (typeof CONF_CHANGE)[keyof typeof CONF_CHANGE],
  id: number,
  added?: Member,
): Pick<Entry, "type" | "payload"> {
  const steps = [{ type, nodeId: nodeId(id) }];
  const context = encodeChangeContext(added);
  const payload = encodeConfChange({ transition: CONF_CHANGE_TRANSITION.AUTO, steps, context });
  return { type: ENTRY_TYPE.CONF_CHANGE_V2, payload };
}

/** Two voters and a learner; the last containers are not known to be committed. */
function logOf(): Pick<Entry, "type" | "payload">[] {
  return [
    operations({ ...seedCluster(), clusterId: CLUSTER } as Operation),
    operations({ kind: OPERATION.setMember, session: NO_SESSION, member: memberOf(1) }),
    memberChange(CONF_CHANGE.ADD_LEARNER, 2, memberOf(2)),
    memberChange(CONF_CHANGE.ADD_VOTER, 2),
    memberChange(CONF_CHANGE.ADD_LEARNER, 3, memberOf(3)),
    operations({ kind: OPERATION.openSession, session: NO_SESSION, clientName: "client" }),
    operations(importBatch([1, 2, 3].map((id) => containerRecord(id)))),
    operations(importBatch([4].map((id) => containerRecord(id)))),
    operations(importBatch([5].map((id) => containerRecord(id)))),
  ];
}

/** The directories of member `own` of that group, stopped. */
async function stopped(own = 1): Promise<SimDisk> {
  const disk = new SimDisk();
  const clock = new ManualClock();
  if (own === 1) {
    const random = new SeededRandom(1);
    await initialize(disk, DIRECTORIES, { clock, random }, { clusterId: CLUSTER });
  } else {
    disk.makeDirectory(DIRECTORIES.root);
    const ticket = { scmId: uuidOf(2_000_000 + own), clusterId: CLUSTER };
    const place = { nodeId: nodeId(own), primaryScmId: uuidOf(2_000_001) };
    await makeJoinedStores(disk, DIRECTORIES, ticket, place, clock);
  }
  const log = await openLog(disk, DIRECTORIES.raft, clock);
  for (const [i, { type, payload }] of logOf().entries()) {
    appendEntry(log, { index: logIndex(i + 1), term: hardStateOf(TERM, 0, 0).term, type, payload });
    log.setHardState(hardStateOf(TERM, 2, COMMITTED));
    log.commit();
  }
  await log.close();
  return disk;
}

function force(disk: SimDisk, options: NewGroupOptions) {
  const parts = { disk, directories: DIRECTORIES, clock: new ManualClock(), onStep: NO_STEP };
  return forceNewGroup({ ...parts, state: emptyState() }, options);
}

/** As a start finds it. */
async function started(disk: SimDisk) {
  const state = emptyState();
  const found = await recover(disk, DIRECTORIES, state, NO_STEP);
  state.checkInvariants();
  return { state, found };
}

const SEQUENCES = ["localId", "delTxnId", "containerId", "CertificateId"] as const;

/** The number, once it is there. */
function reserved(scm: StoredScm, sequence: SequenceName): { id: bigint } {
  const answer = { id: 0n };
  scm.host.propose(
    { kind: OPERATION.reserveSequence, session: NO_SESSION, sequence, count: 1 },
    (outcome) => {
      assert.ok(!(outcome instanceof StrataError), String(outcome));
      answer.id = readReservation(outcome.body).first;
    },
  );
  return answer;
}

function votersOf({ voters, votersOutgoing, learners, learnersNext }: ConfState): readonly NodeId[] {
  assert.deepEqual([...votersOutgoing, ...learners, ...learnersNext], []);
  return voters;
}

function containerIds({ containers }: ClusterState): number[] {
  return [1, 2, 3, 4, 5, 6].filter((id) => containers.table.state(id) !== 0);
}

describe("--force-new-group", () => {
  test("keeps every entry, removes the others, passes over ids they may have given out", async () => {
    const disk = await stopped();
    const report = await force(disk, YES);
    assert.deepEqual(
      [report.isDone, report.lastIndex, report.uncommittedCount, report.loss],
      [true, LAST, LAST - COMMITTED, undefined],
    );
    assert.deepEqual(
      report.removed.map(({ nodeId: id, row }) => [id, row?.name]),
      [
        [2, "scm2"],
        [3, "scm3"],
      ],
    );
    const { state, found } = await started(disk);
    assert.deepEqual(votersOf(state.confState), [1]);
    assert.deepEqual(found.tail, []);
    assert.deepEqual(containerIds(state), [1, 2, 3, 4, 5]);
    assert.equal(found.hardState.term, TERM + SKIPPED_TERMS);
    assert.equal(found.hardState.vote, 1);
    for (const id of [2, 3]) assert.equal(state.members.get(nodeId(id))?.isRemoved, true);
    assert.equal(state.members.nextNodeId, 4 + 1000);
    assert.equal(state.sequences.last("localId"), (1n << 57n) + 2n ** 48n);
    assert.equal(state.sequences.last("containerId"), 5n + 2n ** 20n);
    assert.equal(state.sequences.last("delTxnId"), 2n ** 40n);
    assert.equal(state.sequences.last("CertificateId"), 2n + 2n ** 32n);
    assert.equal(state.sessionCount, 1);
  });

  test("may be done again, on a lone SCM too: its directory may be a copy", async () => {
    const disk = await stopped();
    await force(disk, YES);
    const { removed, oldTerm } = await force(disk, YES);
    assert.deepEqual(removed, []);
    assert.equal(oldTerm, TERM + SKIPPED_TERMS);
    const { state } = await started(disk);
    assert.equal(state.members.nextNodeId, 4 + 2000);
  });

  test("without a confirmation writes nothing and tells the same", async () => {
    const disk = await stopped();
    const content = () => [
      ...["log", "meta"].map((column) => new Map(disk.rows(DIRECTORIES.raft, column))),
      disk.readFile(`${DIRECTORIES.raft}/durable.mark`),
    ];
    const before = content();
    const dry = await force(disk, { clusterId: undefined, acceptsLoss: true });
    assert.deepEqual(content(), before);
    assert.equal(dry.isDone, false);
    assert.deepEqual({ ...(await force(disk, YES)), isDone: false }, dry);
  });

  test("a learner makes itself a voter first", async () => {
    const disk = await stopped(3);
    await force(disk, YES);
    const { state } = await started(disk);
    assert.deepEqual(votersOf(state.confState), [3]);
    assert.equal(state.members.get(nodeId(3))?.isRemoved, false);
  });

  test("refuses what it cannot stand for", async () => {
    await assert.rejects(force(new SimDisk(), YES), { code: "STORAGE_NOT_INITIALIZED" });
    const disk = await stopped();
    const lock = await disk.lock(DIRECTORIES.lock);
    await assert.rejects(force(disk, YES), { code: "STORAGE_LOCKED" });
    await lock.release();
    await assert.rejects(force(disk, { ...YES, clusterId: "CID-other" }), { code: "CLUSTER_ID_MISMATCH" });
    // One that has joined and does not know it yet.
    await assert.rejects(force(await stopped(4), YES), { code: "MEMBER_UNKNOWN" });
    const removed = await stopped(2);
    const log = await openLog(removed, DIRECTORIES.raft, new ManualClock());
    const { type, payload } = memberChange(CONF_CHANGE.REMOVE, 2);
    appendEntry(log, { index: logIndex(LAST + 1), term: hardStateOf(TERM, 0, 0).term, type, payload });
    log.commit();
    await log.close();
    await assert.rejects(force(removed, YES), { code: "MEMBER_REMOVED" });
  });

  test("goes on without lost entries only when that is said", async () => {
    const disk = await stopped();
    disk.loseBatches(DIRECTORIES.raft, 2);
    await assert.rejects(force(disk, YES), { code: "LOG_BEHIND_WATERMARK" });
    const dry = await force(disk, { clusterId: undefined, acceptsLoss: false });
    assert.equal(dry.loss?.code, "LOG_BEHIND_WATERMARK");
    await assert.rejects(started(disk), { code: "LOG_BEHIND_WATERMARK" });
    await force(disk, { ...YES, acceptsLoss: true });
    const { state } = await started(disk);
    assert.deepEqual(votersOf(state.confState), [1]);
    assert.deepEqual(containerIds(state), [1, 2, 3]);
  });

  test("a lost term counts, too", async () => {
    const disk = await stopped();
    const log = await openLog(disk, DIRECTORIES.raft, new ManualClock());
    log.setHardState(hardStateOf(TERM + 50, 3, COMMITTED));
    await log.close();
    disk.loseBatches(DIRECTORIES.raft, 1);
    await assert.rejects(force(disk, YES), { code: "LOG_CORRUPT" });
    await force(disk, { ...YES, acceptsLoss: true });
    assert.equal((await started(disk)).found.hardState.term, TERM + 50 + SKIPPED_TERMS);
  });

  for (const lostCount of [0, 2]) {
    test(`a crash at any write leaves all or nothing, ${lostCount} entries lost before`, async () => {
      const options = { ...YES, acceptsLoss: true };
      const crashes = new Set<string>();
      for (let step = 0; ; step++) {
        const disk = await stopped();
        disk.loseBatches(DIRECTORIES.raft, lostCount);
        let left = step;
        disk.beforeWrite = (path) => {
          if (left-- !== 0) return;
          crashes.add(path);
          throw new Error("power loss");
        };
        const isComplete = await force(disk, options).then(
          () => true,
          () => false,
        );
        disk.beforeWrite = () => {};
        disk.crash(new SeededRandom(step));
        const after = await started(disk).catch((error: Error & { code?: string }) => error.code);
        if (typeof after !== "object") {
          // What is lost is not forgotten before the new group is there.
          assert.ok(lostCount > 0 && !isComplete, `step ${step}: ${after}`);
        } else if (after.state.confState.voters.length > 1) {
          assert.ok(lostCount === 0 && !isComplete, `step ${step}`);
          assert.equal(after.found.last.index, LAST);
          assert.equal(after.found.hardState.term, TERM);
        } else {
          assert.deepEqual(votersOf(after.state.confState), [1]);
          assert.ok(after.state.members.nextNodeId >= 1004);
        }
        if (isComplete) break;
        await force(disk, options);
        const { state } = await started(disk);
        assert.deepEqual(votersOf(state.confState), [1]);
        assert.deepEqual(containerIds(state), [1, 2, 3, 4, 5].slice(0, 5 - lostCount));
      }
      for (const name of ["", "/durable.mark"]) assert.ok(crashes.has(DIRECTORIES.raft + name), name);
    });
  }

  test("a copy of a directory gives out nothing that was given out after the copy was made", async () => {
    const original = new SimDisk();
    await initializeDisk(original, 3);
    // The log is cut many times, and the state flushed.
    const options = { flushIntervalMs: 20, logEntryCountMax: 64, logBytesMax: 16_384, flushBytes: 4096 };
    const given = new Set<string>();
    const live = async (disk: SimDisk, seed: number) => {
      const scm = await StoredScm.start(disk, seed, options);
      for (let i = 0; i < 200; i++) {
        const answers = SEQUENCES.map((sequence) => reserved(scm, sequence));
        await scm.world.scheduler.runUntil("ids are reserved", () => answers.every(({ id }) => id > 0n));
        for (const [at, { id }] of answers.entries()) {
          const name = `${SEQUENCES[at]} ${id}`;
          assert.ok(!given.has(name), `${name} was given twice`);
          given.add(name);
        }
      }
      await scm.stop();
      return scm;
    };
    await live(original, 1);
    const copy = original.clone();
    const old = await live(original, 2);
    const { clusterId } = old.recovered.identity;
    await force(copy, { clusterId, acceptsLoss: false });
    const restored = await live(copy, 4);
    assert.ok(restored.recovered.truncated.index > 0, "the log was cut");
    assert.ok(restored.host.leadership.term > old.host.leadership.term + SKIPPED_TERMS / 2);
    assert.equal(given.size, 3 * 200 * SEQUENCES.length);
  });

  test("from a joint membership the way is legal step by step", () => {
    const ids = (...numbers: number[]) => numbers.map(nodeId);
    let members: ConfState = {
      voters: ids(1, 2, 4),
      votersOutgoing: ids(1, 2, 3),
      learners: ids(5),
      learnersNext: ids(3),
      autoLeave: false,
    };
    for (const change of changesToLoneVoter(members, nodeId(4)) ?? []) {
      const after = changeConfState(members, change);
      assert.ok(after !== undefined);
      members = after;
    }
    assert.deepEqual(votersOf(members), [4]);
  });
});
