import assert from "node:assert/strict";
import { ClusterState } from "../../../engine/cluster/cluster-state.js";
import { STRIPE_BYTES } from "../../../engine/cluster/containers/container-stripe.js";
import { type HistoryEntry, readHistoryRow } from "../../../engine/cluster/history/history-row.js";
import { encodeChangeContext } from "../../../engine/cluster/members/change-context.js";
import type { Member } from "../../../engine/cluster/members/member.js";
import { OPERATION, type Operation } from "../../../engine/cluster/operation.js";
import { writeOperation } from "../../../engine/cluster/operation-codec.js";
import { readSessionId } from "../../../engine/cluster/operation-result.js";
import { TABLE } from "../../../engine/cluster/tables.js";
import { TurnBatch } from "../../../engine/cluster/turn-batch.js";
import { ByteWriter } from "../../../engine/core/byte-writer.js";
import { ERRORS, type ErrorCode } from "../../../engine/core/errors.js";
import { logIndex } from "../../../engine/core/ids.js";
import type { SeededRandom } from "../../../engine/core/random.js";
import type { ConfState } from "../../../engine/raft/types.js";
import { LONE_CONF_STATE } from "../raft/lone-voter.js";
import { memberOf, seedCluster } from "./builders.js";
import { NaiveCluster } from "./naive-cluster.js";
import { OperationSource } from "./operation-source.js";
import { assertSameContent } from "./same-content.js";
import { type LivesOptions, StateLives } from "./state-lives.js";

function newCluster(): ClusterState {
  return new ClusterState({
    allocateStripe: () => new SharedArrayBuffer(STRIPE_BYTES),
    onReplicationConfig: () => undefined,
    onContainerChanged: () => undefined,
    onNodeIntent: () => undefined,
    onPipelineChanged: () => undefined,
  });
}

const IN_HISTORY: ReadonlySet<number> = new Set([
  OPERATION.seedCluster,
  OPERATION.importBatch,
  OPERATION.endImport,
  OPERATION.suppressContainers,
  OPERATION.setNodeIntent,
  OPERATION.setMember,
  OPERATION.newGroup,
  OPERATION.resurrectContainer,
]);
const IN_HISTORY_WHEN_ASKED: ReadonlySet<number> = new Set([
  OPERATION.transitionContainer,
  OPERATION.createPipeline,
  OPERATION.setPipelineState,
  OPERATION.closePipeline,
  OPERATION.createContainers,
]);
const LONG_BYTES = 128;

/** What the history must say, from the model. */
class ExpectedHistory {
  readonly #model: NaiveCluster;
  readonly entries: HistoryEntry[] = [];
  #seen = 0;

  constructor(model: NaiveCluster) {
    this.#model = model;
  }

  /** The model has carried out the entry at `index`. */
  note(index: number): void {
    for (const { operation, timeMs, error } of this.#model.history.slice(this.#seen)) {
      const isAsked = IN_HISTORY_WHEN_ASKED.has(operation.kind) && operation.session.sessionId > 0;
      if (!IN_HISTORY.has(operation.kind) && !isAsked) continue;
      this.entries.push({
        number: this.entries.length + 1,
        index: logIndex(index),
        timeMs,
        kind: operation.kind,
        session: operation.session,
        error: error === undefined ? 0 : ERRORS[error as ErrorCode].wire,
        operation: bytesOf(operation) > LONG_BYTES ? undefined : operation,
      });
    }
    this.#seen = this.#model.history.length;
  }
}

function bytesOf(operation: Operation): number {
  const writer = new ByteWriter();
  writeOperation(writer, operation);
  return writer.length;
}

/** Adds a learner, makes one of them a voter, or removes one. */
function changedMembers(before: ConfState, added: Member | undefined, random: SeededRandom): ConfState {
  if (added !== undefined) return { ...before, learners: [...before.learners, added.nodeId] };
  const [oldest, ...others] = before.learners;
  if (oldest === undefined) return before;
  const voters = random.below(2) === 0 ? before.voters : [...before.voters, oldest];
  return { ...before, voters, learners: others };
}

/** `turnCount` turns of random operations, flushes, changes of membership and crashes against the naive
 * model; the lives are stopped at the end. */
export async function liveAsCluster(
  options: Omit<LivesOptions<ClusterState>, "create">,
  turnCount: number,
  random: SeededRandom,
): Promise<StateLives<ClusterState>["counters"]> {
  const lives = await StateLives.start({ ...options, create: newCluster });
  const source = new OperationSource(random.stream("operations"));
  const model = new NaiveCluster();
  const history = new ExpectedHistory(model);
  const undisturbed = newCluster();
  undisturbed.loaded(LONE_CONF_STATE);
  const batch = new TurnBatch();
  let nowMs = 1_750_000_000_000;
  let confState: ConfState = LONE_CONF_STATE;
  for (let turn = 0; turn < turnCount; turn++) {
    const index = logIndex(lives.machine.appliedIndex + 1);
    if (random.below(12) === 0) {
      const added = random.below(2) === 0 ? memberOf(model.nextNodeId) : undefined;
      confState = changedMembers(confState, added, random);
      // Nobody adds an SCM that is a member by its id, as one of those who told their address may be.
      const isTaken = [...model.members.values()].some(({ scmId }) => scmId === added?.scmId);
      const context = encodeChangeContext(isTaken || random.below(4) === 0 ? undefined : added);
      lives.applyConfChange(confState, context);
      undisturbed.applyConfChange(index, lives.machine.appliedTerm, confState, context);
      const group = [...confState.voters, ...confState.learners];
      model.changeGroup(index, group, context.length === 0 ? undefined : added);
    } else {
      nowMs += random.below(2000) - 300;
      const operations = turn === 0 ? [seedCluster()] : source.turn();
      for (const operation of operations) batch.add(operation);
      const payload = batch.take(nowMs);
      const results = lives.apply(payload, () => []);
      undisturbed.apply(index, lives.machine.appliedTerm, payload, undefined);
      model.apply(nowMs, operations);
      history.note(index);
      for (const [position, { kind }] of operations.entries()) {
        const result = results[position];
        if (kind === OPERATION.openSession && result?.error === 0) source.opened(readSessionId(result.body));
      }
    }
    assert.equal(lives.machine.hash(), undisturbed.hash(), `turn ${turn}`);
    for (let i = random.below(10); i > 0; i--) await lives.step();
    if (random.below(20) === 0) {
      await lives.crash();
      assert.deepEqual(lives.machine.confState, confState);
      lives.machine.checkInvariants();
      assertSameContent(lives.machine, model);
      const found = lives.scanAll(TABLE.history, 10).flatMap(({ key, value }) => readHistoryRow(key, value));
      assert.equal(found.length, history.entries.length, `history in turn ${turn}`);
      for (const [i, entry] of found.entries()) assert.deepEqual(entry, history.entries[i]);
    }
  }
  await lives.stop();
  return lives.counters;
}
