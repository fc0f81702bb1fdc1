import type { Operation } from "../../../engine/cluster/operation.js";
import type { OperationResult } from "../../../engine/cluster/state-machine.js";
import type { Peers, PeersHandler } from "../../../engine/consensus/peers.js";
import { RaftHost } from "../../../engine/consensus/raft-host.js";
import type { RaftHostOptions } from "../../../engine/consensus/raft-host-options.js";
import { DEFAULT_RAFT_HOST_OPTIONS } from "../../../engine/consensus/raft-host-options.js";
import { assert } from "../../../engine/core/assert.js";
import { StrataError } from "../../../engine/core/errors.js";
import { logIndex, term } from "../../../engine/core/ids.js";
import { SeededRandom } from "../../../engine/core/random.js";
import { parseUuid, type Uuid } from "../../../engine/core/uuid.js";
import { SILENT_TRACE } from "../../../engine/raft/trace.js";
import type { ConfState, Entry, NodeId } from "../../../engine/raft/types.js";
import { LONE_CONF_STATE, LONE_ID } from "../raft/lone-voter.js";
import { CountingState, note } from "./counting-state.js";
import type { LogDisk } from "./fake-log-thread.js";
import { emptyLogDisk, FakeLogThread } from "./fake-log-thread.js";
import type { StateDisk } from "./fake-state-thread.js";
import { emptyStateDisk, FakeStateThread } from "./fake-state-thread.js";
import { ManualScheduler } from "./manual-scheduler.js";
import { NO_PEERS } from "./no-peers.js";
import { NO_SNAPSHOTS } from "./no-snapshots.js";

export interface RigOptions {
  readonly host?: Partial<RaftHostOptions>;
  readonly ringBytes?: number;
  readonly logDisk?: LogDisk;
  readonly stateDisk?: StateDisk;
  /** Which of the state store's versions is found, counted from the durable one. */
  readonly stateVersion?: number;
  readonly termFloor?: number;
  /** Of a group of several; else it is a lone voter. */
  readonly member?: {
    readonly nodeId: NodeId;
    readonly confState: ConfState;
    readonly scheduler: ManualScheduler;
  };
  readonly peers?: (handler: PeersHandler) => Peers;
  /** Asked with the state as it is. */
  readonly seed?: (state: CountingState) => Operation | undefined;
}

const SCM_ID = parseUuid("11111111-2222-4333-8444-555555555555") as Uuid;

export type Outcome = number | string;

/** A host with fakes around it, restored from what the two disks hold. Nothing moves by itself. */
export class HostRig {
  readonly scheduler: ManualScheduler;
  readonly log: FakeLogThread;
  readonly state: FakeStateThread;
  readonly machine = new CountingState();
  readonly host: RaftHost;
  /** Of something else that the host cannot serve without. */
  waitingSinceMs: number | undefined;
  /** Outcomes in the order in which they came: id, then error number or code. */
  readonly outcomes: [number, Outcome][] = [];

  constructor(options: RigOptions = {}) {
    const { ringBytes = 1 << 16, logDisk = emptyLogDisk(), stateDisk = emptyStateDisk() } = options;
    const { nodeId = LONE_ID, confState = LONE_CONF_STATE } = options.member ?? {};
    this.scheduler = options.member?.scheduler ?? new ManualScheduler();
    this.log = new FakeLogThread(logDisk, ringBytes);
    this.state = new FakeStateThread(stateDisk, ringBytes);
    const { machine } = this;
    const recovered = recover(logDisk, stateDisk, options.stateVersion ?? 0, machine);
    const identity = { clusterId: "CID-test", scmId: SCM_ID, nodeId };
    const floors = { localIdFloor: 0n, termFloor: term(options.termFloor ?? 0), given: false };
    this.host = new RaftHost(
      {
        clock: this.scheduler,
        scheduler: this.scheduler,
        random: new SeededRandom(7 * nodeId),
        log: this.log.link,
        state: this.state.link,
        stateMachine: machine,
        recovered: { ...recovered, identity, confState, floors },
        trace: SILENT_TRACE,
        peers: options.peers ?? (() => NO_PEERS),
        snapshots: () => NO_SNAPSHOTS,
        seed: () => options.seed?.(machine),
        waitingSinceMs: () => this.waitingSinceMs,
      },
      { ...DEFAULT_RAFT_HOST_OPTIONS, entryBytesMax: 8192, batchBytesMax: 4096, ...options.host },
    );
  }

  propose(id: number): void {
    this.host.propose(note(id), (outcome) => this.outcomes.push([id, describe(outcome)]));
  }

  /** One round of everything: end of turn, both threads, their answers. */
  round(): void {
    this.scheduler.turn();
    this.log.take();
    this.log.sync();
    this.log.link.deliver();
    this.state.take();
    this.state.write();
    this.state.link.deliver();
    this.host.checkInvariants();
  }

  /** Rounds until `isDone`, letting a millisecond pass in each. */
  settle(isDone: () => boolean = () => this.host.inflightCount === 0 && !this.scheduler.hasEndOfTurn): void {
    for (let round = 0; round < 10_000; round++) {
      this.round();
      if (isDone()) return;
      this.scheduler.advance(1);
    }
    throw new Error("does not settle");
  }

  /** Lets time pass, a round each millisecond. */
  pass(ms: number): void {
    for (let i = 0; i < ms; i++) {
      this.round();
      this.scheduler.advance(1);
    }
    this.round();
  }

  /** Started and ready to serve. */
  static ready(options: RigOptions = {}): HostRig {
    const rig = new HostRig(options);
    rig.host.start();
    rig.settle(() => rig.host.leadership.leaderReady);
    return rig;
  }
}

function describe(outcome: OperationResult | StrataError): Outcome {
  return outcome instanceof StrataError ? outcome.code : outcome.error;
}

/** What recovery does: loads the state, applies what is committed, finds the tail. */
function recover(logDisk: LogDisk, stateDisk: StateDisk, stateVersion: number, machine: CountingState) {
  const version = stateDisk.versions[stateVersion];
  assert(version !== undefined, `no version ${stateVersion}`);
  stateDisk.versions = [version];
  machine.load(version.rows);
  assert(machine.appliedIndex === version.appliedIndex, "the meta row belongs to its flush");
  const { log } = logDisk;
  assert(log.truncated.index <= machine.appliedIndex, "the log was truncated behind the state");
  assert(machine.appliedIndex <= log.lastIndex, "the state is ahead of the log");
  const commit = logIndex(Math.max(logDisk.hardState.commit, machine.appliedIndex));
  const entries = (low: number, high: number) =>
    log.entries(logIndex(low), logIndex(high), Number.POSITIVE_INFINITY);
  for (const entry of entries(machine.appliedIndex + 1, commit + 1)) {
    machine.apply(entry.index, entry.term, entry.payload, undefined);
  }
  const terms = entries(log.truncated.index + 1, log.lastIndex + 1)
    .filter((entry: Entry, i, all) => entry.term !== all[i - 1]?.term)
    .map((entry) => ({ term: entry.term, firstIndex: entry.index }));
  return {
    hardState: { ...logDisk.hardState, commit },
    truncated: { ...log.truncated, chain: 0 },
    last: { index: log.lastIndex, term: log.term(log.lastIndex), chain: 0 },
    terms,
    tail: entries(commit + 1, log.lastIndex + 1),
  };
}
