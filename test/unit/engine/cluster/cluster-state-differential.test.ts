import assert from "node:assert/strict";
import { test } from "node:test";
import { OPERATION, type OperationNumber } from "../../../../engine/cluster/operation.js";
import {
  errorOfResult,
  readCreatedPipeline,
  readFailedContainerIds,
  readFirstContainerId,
  readImportCounts,
  readReservation,
  readSessionId,
} from "../../../../engine/cluster/operation-result.js";
import type { OperationResult } from "../../../../engine/cluster/state-machine.js";
import { TurnBatch } from "../../../../engine/cluster/turn-batch.js";
import { SeededRandom } from "../../../../engine/core/random.js";
import { AppliedState, flush, MemoryStateStore } from "../../../support/cluster/applied-state.js";
import { seedCluster } from "../../../support/cluster/builders.js";
import type { NaiveResult } from "../../../support/cluster/naive-cluster.js";
import { NaiveCluster } from "../../../support/cluster/naive-cluster.js";
import { OperationSource } from "../../../support/cluster/operation-source.js";
import { assertSameContent } from "../../../support/cluster/same-content.js";

const SEEDS = [1, 2, 3, 4];
const TURNS = 250;

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
    case OPERATION.createPipeline:
      return readCreatedPipeline(body);
    case OPERATION.createContainers:
      return readFirstContainerId(body);
    case OPERATION.hashAt:
      return "hash";
    default:
      assert.equal(body.length, 0);
      return undefined;
  }
}

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
    assertSameContent(applied.state, model);
    assert.ok(model.containers.size > 20);
    flush(undisturbed.state, new MemoryStateStore());
  });
}
