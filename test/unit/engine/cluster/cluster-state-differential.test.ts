import assert from "node:assert/strict";
import { test } from "node:test";
import { parseReplication, ratis } from "../../../../engine/cluster/containers/replication-config.js";
import type { Operation, OperationNumber, SessionStamp } from "../../../../engine/cluster/operation.js";
import { NO_SESSION, OPERATION } from "../../../../engine/cluster/operation.js";
import {
  errorOfResult,
  readFailedContainerIds,
  readImportCounts,
  readReservation,
  readSessionId,
} from "../../../../engine/cluster/operation-result.js";
import type { OperationResult } from "../../../../engine/cluster/state-machine.js";
import { TurnBatch } from "../../../../engine/cluster/turn-batch.js";
import { CONTAINER_EVENT, CONTAINER_STATE, OPERATIONAL_STATE } from "../../../../engine/core/enums.js";
import { SeededRandom } from "../../../../engine/core/random.js";
import { AppliedState, flush, MemoryStateStore } from "../../../support/cluster/applied-state.js";
import {
  containerRecord,
  importBatch,
  pipelineRecord,
  seedCluster,
  suppressContainers,
  uuidOf,
} from "../../../support/cluster/builders.js";
import type { NaiveResult } from "../../../support/cluster/naive-cluster.js";
import { NaiveCluster, sorted } from "../../../support/cluster/naive-cluster.js";

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];
const TURNS = 250;

/** Draws operations that mostly make sense, so that every branch is met. */
class OperationSource {
  readonly #random: SeededRandom;
  readonly #sessions: { id: number; next: number; acked: number }[] = [];
  #highestId = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  opened(id: number): void {
    this.#sessions.push({ id, next: 1, acked: 0 });
  }

  turn(): Operation[] {
    return Array.from({ length: 1 + this.#random.below(6) }, () => this.#one());
  }

  #one(): Operation {
    const session = this.#stamp();
    const pick = this.#random.below(100);
    if (pick < 40) return suppressContainers(this.#ids(), this.#random.below(2) === 0, session);
    if (pick < 55) return this.#import(session);
    if (pick < 80) return this.#transition(session);
    if (pick < 86) return { kind: OPERATION.openSession, session: NO_SESSION, clientName: "client ü" };
    if (pick < 92) {
      return {
        kind: OPERATION.setNodeIntent,
        session,
        uuid: uuidOf(this.#random.below(5)),
        operationalState: this.#nameOf(OPERATIONAL_STATE),
        expirySeconds: this.#random.below(3),
      };
    }
    if (pick < 98) return { kind: OPERATION.reserveSequence, session, sequence: "localId", count: 1000 };
    return { kind: OPERATION.hashAt, session };
  }

  /** Fresh, repeated, skipped, unknown: whatever a retrying client may send. */
  #stamp(): SessionStamp {
    const session = this.#sessions[this.#random.below(this.#sessions.length + 1)];
    if (session === undefined) return NO_SESSION;
    const pick = this.#random.below(20);
    if (pick === 0) return { sessionId: 999_999, sequence: 1, ackedSequence: 0 };
    if (pick === 1)
      return { sessionId: session.id, sequence: session.next + 2000, ackedSequence: session.acked };
    if (pick < 5) {
      const sequence = this.#random.below(session.next + 1);
      return { sessionId: session.id, sequence, ackedSequence: session.acked };
    }
    if (pick < 8) session.next += this.#random.below(20);
    if (pick < 14) session.acked = Math.max(session.acked, session.next - 1 - this.#random.below(30));
    return { sessionId: session.id, sequence: session.next++, ackedSequence: session.acked };
  }

  #ids(): number[] {
    return Array.from({ length: 1 + this.#random.below(4) }, () => this.#id());
  }

  #id(): number {
    return 1 + this.#random.below(this.#highestId + 3);
  }

  #import(session: SessionStamp): Operation {
    let id = this.#random.below(3) === 0 ? this.#id() : this.#highestId;
    if (this.#random.below(10) === 0) id += 70_000;
    if (this.#random.below(25) === 0) id += 5_000_000;
    const containers = Array.from({ length: this.#random.below(5) }, () => {
      id += 1 + this.#random.below(3);
      return containerRecord(id, {
        state: this.#nameOf(CONTAINER_STATE),
        owner: `om${this.#random.below(3)}`,
        replication: this.#random.below(4) === 0 ? parseReplication("rs-3-2-1024k") : ratis(3),
        suppressed: this.#random.below(4) === 0,
        ...(this.#random.below(2) === 0 ? {} : { pipelineId: uuidOf(1_000_000 + this.#random.below(12)) }),
      });
    });
    const pipelines = Array.from({ length: this.#random.below(3) }, () => {
      return pipelineRecord(this.#random.below(12), this.#random.below(6) === 0 ? { state: "CLOSED" } : {});
    });
    if (id < this.#highestId + 100_000) this.#highestId = Math.max(this.#highestId, id);
    return importBatch(containers, pipelines, session);
  }

  #transition(session: SessionStamp): Operation {
    return {
      kind: OPERATION.transitionContainer,
      session,
      containerId: this.#id(),
      event: this.#nameOf(CONTAINER_EVENT),
      sequenceId: this.#random.below(300),
      usedBytes: this.#random.below(1_000_000),
      keyCount: this.#random.below(100),
    };
  }

  #nameOf<T extends Readonly<Record<string, number>>>(table: T): keyof T & string {
    const names = Object.keys(table);
    return names[this.#random.below(names.length)] as string;
  }
}

/** The real result in the model's terms. */
function plain(kind: OperationNumber | undefined, result: OperationResult): NaiveResult {
  const error = errorOfResult(result);
  if (error !== undefined) return { error: error.code };
  assert.ok(kind !== undefined, "the model refused");
  return { kind, value: decoded(kind, result) };
}

function decoded(kind: OperationNumber, { body }: OperationResult): unknown {
  switch (kind) {
    case OPERATION.openSession:
      return readSessionId(body);
    case OPERATION.importBatch:
      return readImportCounts(body);
    case OPERATION.suppressContainers:
      return readFailedContainerIds(body);
    case OPERATION.reserveSequence:
      return readReservation(body).first;
    case OPERATION.hashAt:
      return "hash";
    default:
      assert.equal(body.length, 0);
      return undefined;
  }
}

function assertSameContent({ state }: AppliedState, model: NaiveCluster): void {
  assert.equal(state.containers.table.count, model.containers.size);
  for (const [id, container] of model.containers) {
    const record = state.containers.get(id);
    assert.ok(record !== undefined);
    assert.equal(sorted(record), sorted(container));
  }
  assert.equal(state.pipelines.count, model.pipelines.size);
  for (const [id, pipeline] of model.pipelines) {
    assert.deepEqual(state.pipelines.get(id as PipelineId), pipeline);
  }
  assert.deepEqual(new Map(state.intents.rows.entries()), model.intents);
  assert.deepEqual(new Map(state.sequences.rows.entries()), model.sequences);
  assert.equal(state.sessionCount, model.sessions.size);
  assert.equal(state.operationCount, model.operationCount);
  assert.equal(state.nowMs, model.nowMs);
}
type PipelineId = Parameters<AppliedState["state"]["pipelines"]["get"]>[0];

/** A flush that may be under way while operations are applied: freeze, some drains, commit, and sometimes a
 * restart from what was committed. */
class Flusher {
  readonly #random: SeededRandom;
  readonly store = new MemoryStateStore();
  #isFrozen = false;
  /** Payloads that a restart must replay: those after the last committed flush. */
  #tail: Uint8Array[] = [];
  #sinceFreeze: Uint8Array[] = [];
  committedHash: string | undefined;
  #frozenHash: string | undefined;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  applied(payload: Uint8Array): void {
    this.#tail.push(payload);
    if (this.#isFrozen) this.#sinceFreeze.push(payload);
  }

  step({ state }: AppliedState): void {
    if (!this.#isFrozen && this.#random.below(8) === 0) {
      state.freeze();
      this.#isFrozen = true;
      this.#sinceFreeze = [];
      this.#frozenHash = state.hash();
    } else if (this.#isFrozen && this.#random.below(3) === 0) {
      this.store.room = this.#random.below(4) === 0 ? this.#random.below(3) : Number.POSITIVE_INFINITY;
      if (!state.drain(this.store, 1 + this.#random.below(4000))) return;
      this.store.commit();
      state.flushed();
      this.#isFrozen = false;
      this.#tail = this.#sinceFreeze;
      this.committedHash = this.#frozenHash;
    }
  }

  /** What a crash and a new start make of it. */
  restart(): AppliedState {
    const loaded = this.store.load();
    loaded.state.checkInvariants();
    assert.equal(loaded.state.hash(), this.committedHash ?? new AppliedState().state.hash());
    for (const payload of this.#tail) loaded.applyPayload(payload);
    this.#isFrozen = false;
    this.store.crash();
    return loaded;
  }
}

for (const seed of SEEDS) {
  test(`random operations, flushes and restarts end as in a naive model, seed ${seed}`, () => {
    const random = new SeededRandom(seed);
    const source = new OperationSource(random.stream("operations"));
    const flusher = new Flusher(random.stream("flushes"));
    const restarts = random.stream("restarts");
    const clock = random.stream("clock");
    const model = new NaiveCluster();
    const batch = new TurnBatch();
    let applied = new AppliedState();
    const undisturbed = new AppliedState();
    let nowMs = 1_750_000_000_000;
    for (let turn = 0; turn < TURNS; turn++) {
      nowMs += clock.below(2000) - 300;
      const operations = turn === 0 ? [seedCluster()] : source.turn();
      for (const operation of operations) batch.add(operation);
      const payload = batch.take(nowMs);
      const results = applied.applyPayload(payload);
      const expected = model.apply(nowMs, operations);
      for (const [position, operation] of operations.entries()) {
        const result = results[position];
        assert.ok(result !== undefined);
        const wanted = expected[position] as NaiveResult;
        const kind = "kind" in wanted ? wanted.kind : undefined;
        assert.deepEqual(plain(kind, result), wanted);
        if (operation.kind === OPERATION.openSession && result.error === 0)
          source.opened(readSessionId(result.body));
      }
      assert.deepEqual(undisturbed.applyPayload(payload), results);
      flusher.applied(payload);
      flusher.step(applied);
      if (restarts.below(12) === 0) {
        const before = applied.state.hash();
        applied = flusher.restart();
        assert.equal(applied.state.hash(), before);
      }
      assert.equal(applied.state.hash(), undisturbed.state.hash(), `turn ${turn}`);
    }
    applied.state.checkInvariants();
    assertSameContent(applied, model);
    assert.ok(model.containers.size > 20);
    flush(undisturbed.state, new MemoryStateStore());
  });
}
