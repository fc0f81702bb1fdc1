import { assert } from "../core/assert.js";
import { ByteReader } from "../core/byte-reader.js";
import { StrataError } from "../core/errors.js";
import type { LogIndex, Term } from "../core/ids.js";
import { isCount, logIndex } from "../core/ids.js";
import type { Uuid } from "../core/uuid.js";
import type { ConfState } from "../raft/types.js";
import { ClusterMeta, readStateHead } from "./cluster-meta.js";
import { Containers } from "./containers/containers.js";
import type { ReplicationConfig } from "./containers/replication-config.js";
import { Executor } from "./executor.js";
import type { FlushPart } from "./flush-part.js";
import { DrainTarget } from "./flush-part.js";
import type { HashSum } from "./hash-sum.js";
import { History } from "./history/history.js";
import { decodeChangeContext } from "./members/change-context.js";
import { MemberTable } from "./members/member-table.js";
import { IntentTable } from "./nodes/intent-table.js";
import type { NodeIntent } from "./nodes/node-types.js";
import { OPERATION_HEADER_BYTES } from "./operation-codec.js";
import { PipelineTable } from "./pipelines/pipeline-table.js";
import { SequenceTable } from "./sequence/sequence-table.js";
import { Session } from "./sessions/session.js";
import { SessionTable } from "./sessions/session-table.js";
import type {
  FlushSink,
  FlushSource,
  OperationResult,
  ReloadTarget,
  ResultSink,
  StateHead,
  StateMachine,
  Tail,
  TailSource,
} from "./state-machine.js";
import { TABLE } from "./tables.js";
import { BATCH_HEADER_BYTES } from "./turn-batch.js";

export interface ClusterStateOptions {
  /** Memory of a stripe of the container table, zeroed, STRIPE_ROWS × 64 bytes. Called in `apply` and at
   * load, before the first row of that stripe is written; main posts it to the shards. */
  allocateStripe(stripe: number): SharedArrayBuffer;
  /** A number of the dictionary of replication configurations was given: in `apply` before the first
   * container has it, at boot in `loaded`. */
  onReplicationConfig(number: number, config: ReplicationConfig): void;
  /** A container was created, or entered another state, by `apply`. */
  onContainerChanged(id: number): void;
  /** An intent was applied, or loaded: for `NodeManager.applyIntent`. */
  onNodeIntent(uuid: Uuid, intent: NodeIntent): void;
  /** A pipeline was created, entered another state or was removed, by `apply`; undefined: a snapshot has
   * taken the place of all. */
  onPipelineChanged(id: Uuid | undefined): void;
}

/** All replicated state: tables, `apply`, hash, flush and load. A pure function of the log (architecture §3):
 * what `apply` answers and changes depends on the state and the entry alone. */
export class ClusterState implements StateMachine, FlushSource, TailSource, ReloadTarget {
  readonly containers: Containers;
  readonly pipelines: PipelineTable;
  readonly sequences = new SequenceTable();
  readonly intents = new IntentTable();
  readonly #sessions = new SessionTable();
  readonly history = new History();
  readonly members = new MemberTable();
  readonly #meta = new ClusterMeta(this.history, this.members);
  readonly #options: ClusterStateOptions;
  readonly #executor: Executor;
  readonly #parts: readonly FlushPart[];
  #nextPart = 0;
  #frozenMeta: Uint8Array | undefined;
  #loadedHash: string | undefined;
  #hasLoadedRows = false;
  #isReloading = false;
  readonly headKey = Uint8Array.of(TABLE.meta);
  /** Of the operation in hand; reused. */
  readonly #stamp = { sessionId: 0, sequence: 0, ackedSequence: 0 };
  readonly #use = { nowMs: 0, useNumber: 0 };
  /** Of the log entry in hand; reused. */
  readonly #place = { index: logIndex(0), timeMs: 0 };

  constructor(options: ClusterStateOptions) {
    this.#options = options;
    this.containers = new Containers(options);
    this.pipelines = new PipelineTable((id) => options.onPipelineChanged(id));
    this.#executor = new Executor({
      containers: this.containers,
      pipelines: this.pipelines,
      sequences: this.sequences,
      intents: this.intents,
      members: this.members,
      sessions: this.#sessions,
      meta: this.#meta,
      hash: () => this.hash(),
      onNodeIntent: (uuid, intent) => options.onNodeIntent(uuid, intent),
    });
    this.#parts = [
      this.containers.table.pages,
      this.#sessions.dirty,
      this.sequences.rows.dirty,
      this.intents.rows.dirty,
      this.pipelines.rows.dirty,
      this.containers.owners.rows.dirty,
      this.containers.replications.rows.dirty,
      this.members.rows.dirty,
      this.history.table,
    ];
  }

  get appliedIndex(): LogIndex {
    return this.#meta.appliedIndex;
  }

  get appliedTerm(): Term {
    return this.#meta.appliedTerm;
  }

  /** Epoch ms of the latest batch; never falls. */
  get nowMs(): number {
    return this.#meta.nowMs;
  }

  /** Operations ever applied, refused ones included. */
  get operationCount(): number {
    return this.#meta.operationCount;
  }

  /** Empty until the cluster is seeded. */
  get clusterId(): string {
    return this.#meta.clusterId;
  }

  /** The floors of the old cluster were given at `--init`, and the import has not ended. */
  get importAllowed(): boolean {
    return this.#meta.importAllowed;
  }

  /** No container with this id exists, nor can one appear that exists already: this cluster gave the id out
   * and knows every container that it ever had. Not so while containers may be imported, nor after a forced
   * new group, which passes over ids that the group before may have used. An id above the sequence was given
   * out by somebody else, be it a later leader of whom this SCM has not heard. */
  isContainerGone(containerId: number): boolean {
    const { importAllowed, lostItsGroup } = this.#meta;
    if (importAllowed || lostItsGroup || this.containers.table.state(containerId) !== 0) return false;
    return containerId <= Number(this.sequences.last("containerId"));
  }

  /** No pipeline with this id exists, nor can one be imported that exists already. What the group before a
   * forced new one had is gone with it: a datanode that drops its Raft group keeps the data. */
  isPipelineGone(id: Uuid): boolean {
    return !this.#meta.importAllowed && this.pipelines.get(id) === undefined;
  }

  get confState(): ConfState {
    return this.#meta.confState;
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  apply(index: LogIndex, term: Term, payload: Uint8Array, onResult: ResultSink | undefined): void {
    this.#checkPlace(index, term);
    if (payload.length > 0) {
      corruptUnless("LOG_CORRUPT", `entry ${index}`, () => this.#applyBatch(index, payload, onResult));
    }
    this.#moveTo(index, term);
  }

  applyConfChange(index: LogIndex, term: Term, confState: ConfState, context: Uint8Array): void {
    this.#checkPlace(index, term);
    corruptUnless("LOG_CORRUPT", `entry ${index}`, () => {
      this.members.change(index, confState, decodeChangeContext(context));
    });
    this.#meta.confState = confState;
    this.#moveTo(index, term);
  }

  hash(): string {
    return this.#hashSum().toString();
  }

  checkInvariants(): void {
    const { containers, pipelines, sequences, intents } = this;
    const problem =
      containers.problem() ??
      pipelines.problem() ??
      sequences.problem() ??
      intents.problem() ??
      this.members.problem(this.confState) ??
      this.#sessions.problem() ??
      (sequences.last("containerId") < BigInt(containers.table.highestId)
        ? "a container lies above its sequence"
        : undefined);
    if (problem !== undefined) throw new StrataError("INVARIANT_BROKEN", { reason: problem });
  }

  dirtyBytes(): number {
    let bytes = 0;
    for (const part of this.#parts) bytes += part.dirtyBytes();
    return bytes;
  }

  freeze(): number {
    assert(this.#frozenMeta === undefined, "the flush before is not drained");
    assert(!this.#isReloading, "nothing is flushed while the tables are loaded");
    let count = 1;
    for (const part of this.#parts) count += part.freeze();
    this.#frozenMeta = this.#meta.write(this.hash());
    this.#nextPart = 0;
    return count;
  }

  drain(sink: FlushSink, bytesMax: number): boolean {
    assert(this.#frozenMeta !== undefined, "nothing is frozen");
    const target = new DrainTarget(sink, bytesMax);
    for (; this.#nextPart < this.#parts.length; this.#nextPart++) {
      if (!(this.#parts[this.#nextPart] as FlushPart).drain(target)) return false;
    }
    if (!target.put(TABLE.meta, NO_KEY, this.#frozenMeta)) return false;
    this.#frozenMeta = undefined;
    return true;
  }

  flushed(): void {
    this.history.table.flushed();
  }

  tail(table: number, from: Uint8Array, to: Uint8Array | undefined, rowCountMax: number): Tail {
    assert(table === TABLE.history, `table ${table} is not disk-resident`);
    return this.history.table.tail(from, to, rowCountMax);
  }

  get isReloading(): boolean {
    return this.#isReloading;
  }

  readHead(value: Uint8Array): StateHead {
    let head: StateHead | undefined;
    corruptUnless("STATE_CORRUPT", "meta row", () => {
      head = readStateHead(value);
    });
    return head as StateHead;
  }

  /** The place in the log stays until the meta row, the first one, says where the state stands now. */
  beginReload(): void {
    assert(!this.#isReloading, "one reload at a time");
    this.#isReloading = true;
    this.#hasLoadedRows = false;
    this.#loadedHash = undefined;
    this.#frozenMeta = undefined;
    this.containers.beginReload();
    this.pipelines.clear();
    this.sequences.rows.clear();
    this.intents.rows.clear();
    this.#sessions.clear();
    this.history.table.clear();
    this.members.rows.clear();
  }

  clearStep(): boolean {
    return this.containers.table.clearStep();
  }

  load(table: number, key: Uint8Array, value: Uint8Array): void {
    this.#hasLoadedRows = true;
    corruptUnless("STATE_CORRUPT", `table ${table}`, () => this.#loadRow(table, key, value));
  }

  loaded(firstMembers: ConfState): void {
    if (!this.#hasLoadedRows && !this.#isReloading) {
      this.#meta.confState = firstMembers;
      this.members.begin(firstMembers);
      return;
    }
    corruptUnless("STATE_CORRUPT", "all tables", () => {
      this.containers.loaded();
      this.pipelines.loaded();
      this.#sessions.loaded({
        nextSessionId: this.#meta.nextSessionId,
        useNumber: this.#meta.operationCount,
      });
      if (this.#loadedHash === undefined) throw new RangeError("the meta row is missing");
      if (this.#loadedHash !== this.hash()) {
        throw new RangeError(`rows give hash ${this.hash()}, the meta row says ${this.#loadedHash}`);
      }
    });
    for (const [uuid, intent] of this.intents.rows.entries()) this.#options.onNodeIntent(uuid, intent);
    if (this.#isReloading) {
      this.members.onChanged();
      this.#options.onPipelineChanged(undefined);
    }
    this.#isReloading = false;
  }

  #checkPlace(index: LogIndex, term: Term): void {
    assert(!this.#isReloading, "nothing is applied while the tables are loaded");
    assert(index === this.#meta.appliedIndex + 1, "entries are applied in order");
    assert(term >= this.#meta.appliedTerm, "the term fell");
  }

  #moveTo(index: LogIndex, term: Term): void {
    this.#meta.appliedIndex = index;
    this.#meta.appliedTerm = term;
  }

  #loadRow(table: number, key: Uint8Array, value: Uint8Array): void {
    switch (table) {
      case TABLE.meta:
        this.#loadedHash = this.#meta.read(new ByteReader(value));
        return;
      case TABLE.containers:
        this.containers.table.loadPage(key, value);
        return;
      case TABLE.sessions:
        this.#sessions.load(key, value);
        return;
      case TABLE.sequences:
        this.sequences.rows.load(key, value);
        return;
      case TABLE.nodeIntents:
        this.intents.rows.load(key, value);
        return;
      case TABLE.pipelines:
        this.pipelines.rows.load(key, value);
        return;
      case TABLE.owners:
        this.containers.owners.rows.load(key, value);
        return;
      case TABLE.replicationConfigs:
        this.containers.replications.rows.load(key, value);
        return;
      case TABLE.members:
        this.members.rows.load(key, value);
        return;
      default:
        throw new RangeError("no such table");
    }
  }

  #hashSum(): HashSum {
    const sum = this.#meta.hash();
    sum.add(this.containers.table.hash);
    sum.add(this.containers.owners.rows.hash);
    sum.add(this.containers.replications.rows.hash);
    sum.add(this.pipelines.rows.hash);
    sum.add(this.sequences.rows.hash);
    sum.add(this.intents.rows.hash);
    sum.add(this.members.rows.hash);
    sum.add(this.#sessions.hash);
    return sum;
  }

  /** Throws RangeError on bytes that no TurnBatch can have made. */
  #applyBatch(index: LogIndex, payload: Uint8Array, onResult: ResultSink | undefined): void {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    const nowMs = view.getFloat64(0, true);
    if (!isCount(nowMs)) throw new RangeError(`time ${nowMs}`);
    // A leader's clock may stand behind the one before: time in the state only rises.
    if (nowMs > this.#meta.nowMs) this.#meta.nowMs = nowMs;
    this.#use.nowMs = this.#meta.nowMs;
    this.#place.index = index;
    this.#place.timeMs = this.#meta.nowMs;
    const count = view.getUint32(8, true);
    let offset = BATCH_HEADER_BYTES;
    for (let position = 0; position < count; position++) {
      const length = view.getUint32(offset, true);
      offset += 4;
      if (length < OPERATION_HEADER_BYTES) throw new RangeError(`operation of ${length} bytes`);
      if (offset + length > payload.length) throw new RangeError(`operation ${position} is cut off`);
      this.#meta.operationCount++;
      this.#use.useNumber = this.#meta.operationCount;
      const result = this.#applyOnce(view, offset, length);
      onResult?.(position, result);
      offset += length;
    }
    this.history.endEntry();
    if (offset !== payload.length) throw new RangeError(`${payload.length - offset} bytes too many`);
  }

  /** Carries the operation out, unless its session has done so before. */
  #applyOnce(view: DataView, offset: number, length: number): OperationResult {
    const stamp = this.#stamp;
    stamp.sessionId = view.getFloat64(offset + 3, true);
    if (stamp.sessionId === 0) return this.#execute(view, offset, length);
    stamp.sequence = view.getFloat64(offset + 11, true);
    stamp.ackedSequence = view.getFloat64(offset + 19, true);
    const session = this.#sessions.begin(stamp);
    if (!(session instanceof Session)) return session;
    const result = this.#execute(view, offset, length);
    this.#sessions.finish(session, stamp, result, this.#use);
    return result;
  }

  #execute(view: DataView, offset: number, length: number): OperationResult {
    const bytes = new Uint8Array(view.buffer, view.byteOffset + offset, length);
    const result = this.#executor.execute(bytes, view, offset, this.#use);
    this.history.add(this.#place, bytes, result.error);
    return result;
  }
}

const NO_KEY = new Uint8Array(0);

function corruptUnless(code: "LOG_CORRUPT" | "STATE_CORRUPT", where: string, task: () => void): void {
  try {
    task();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new StrataError(code, { where, reason: error.message }, { cause: error });
  }
}
