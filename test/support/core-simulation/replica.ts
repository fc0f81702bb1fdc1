import { assert } from "../../../engine/core/assert.js";
import type { Random } from "../../../engine/core/random.js";
import type { Message } from "../../../engine/raft/message.js";
import type { RawNode } from "../../../engine/raft/raw-node.js";
import type { HardState, NodeId, SoftState } from "../../../engine/raft/types.js";
import { ROLE } from "../../../engine/raft/types.js";
import type { ChainedLog } from "./chained-log.js";
import type { Checker } from "./checker.js";
import { EVENT, type EventQueue, SimEvent, TICK_UNITS } from "./event-queue.js";
import type { LogDisk } from "./log-disk.js";
import type { LogThread } from "./log-thread.js";
import type { CoreNetwork } from "./network.js";
import type { CoreSimOptions } from "./options.js";
import { recover } from "./recovery.js";
import { ReplicaLife } from "./replica-life.js";
import type { StateMachine } from "./state-machine.js";
import { type CoreTrace, messageText } from "./trace.js";

export interface ReplicaParts {
  readonly id: NodeId;
  readonly options: CoreSimOptions;
  /** Storage is written by others; else by the replica itself between `ready` and `advance`. */
  readonly isAsync: boolean;
  readonly disk: LogDisk;
  readonly queue: EventQueue;
  readonly network: CoreNetwork;
  readonly checker: Checker;
  readonly trace: CoreTrace;
  /** For everything that takes time on its disk. */
  readonly random: Random;
  /** What its core draws. */
  readonly coreRandom: Random;
  /** A write begins, or has just become durable. */
  onSync(replica: Replica, stage: "begin" | "end"): void;
}

/** `refused`: recovery found its disk harmed. `retired`: no member any more, and shut down. */
export type ReplicaState = "down" | "up" | "refused" | "retired";

/** One member: the core and a host around it, which keeps the rules of raft.md §6 and §12 on a fake disk and
 * a fake network. Its disk outlives its crashes. */
export class Replica {
  readonly parts: ReplicaParts;
  readonly id: NodeId;
  readonly disk: LogDisk;
  state: ReplicaState = "down";
  /** Counts its starts and ends. */
  life = 0;
  /** As handed out last. */
  hardState: HardState;
  softState: SoftState = NO_LEADER;
  /** The term that it leads; 0 = none. */
  officeTerm = 0;
  /** Until then its process stands still, its log thread hangs, and so on; in units. */
  pausedUntil = 0;
  applyStalledUntil = 0;
  slowClockUntil = 0;
  /** The present or the last one; absent before the first one. */
  #newest: ReplicaLife | undefined;

  constructor(parts: ReplicaParts) {
    this.parts = parts;
    this.id = parts.id;
    this.disk = parts.disk;
    this.hardState = parts.disk.hardState;
  }

  get isUp(): boolean {
    return this.state === "up";
  }

  get isLeader(): boolean {
    return this.isUp && this.softState.role === ROLE.LEADER;
  }

  get isPaused(): boolean {
    return this.pausedUntil > this.parts.queue.now;
  }

  /** Something of it hangs. */
  get isSlow(): boolean {
    const until = Math.max(this.pausedUntil, this.thread.stalledUntil, this.applyStalledUntil);
    return until > this.parts.queue.now;
  }

  get core(): RawNode {
    return this.#last.core;
  }

  /** Everything handed out for writing. */
  get log(): ChainedLog {
    return this.#last.log;
  }

  get machine(): StateMachine {
    return this.#last.machine;
  }

  get thread(): LogThread {
    return this.#last.thread;
  }

  /** A snapshot was handed out for writing: the log begins after it, the state is still an older one. */
  get isInstalling(): boolean {
    return this.isUp && this.#last.isInstalling;
  }

  /** Rule H4 (raft.md §7): the oldest append has waited for an election timeout. */
  get isStalled(): boolean {
    return this.thread.waitingUnits > this.parts.options.electionTimeoutTicks * TICK_UNITS;
  }

  start(): void {
    assert(this.state === "down", "it is started once a life");
    const { trace, checker, disk } = this.parts;
    const recovery = recover(disk);
    checker.onRecovery(this, recovery);
    if (recovery.kind === "refused") {
      this.state = "refused";
      trace.words(this.id, `refuses to run: ${recovery.reason}`);
      return;
    }
    this.state = "up";
    this.life++;
    this.hardState = recovery.hardState;
    this.softState = NO_LEADER;
    this.#newest = new ReplicaLife(this, recovery);
  }

  /** Loss of power. */
  crash(): void {
    if (this.state !== "up") return;
    this.parts.trace.words(this.id, "crashes");
    this.disk.crash(this.parts.random);
    this.#forget("down");
  }

  retire(): void {
    this.parts.trace.words(this.id, "is shut down for good");
    this.#forget("retired");
  }

  /** Takes an event that is meant for this life. */
  take(event: SimEvent): void {
    if (this.isUp) this.#last.take(event);
  }

  pause(units: number): void {
    this.pausedUntil = this.parts.queue.now + units;
    this.parts.queue.push(units, new SimEvent(EVENT.RESUME, this, undefined, undefined));
  }

  /** Appends `payloads` when this is the leader. `numbers` are the proposals'. */
  propose(payloads: readonly Uint8Array[], numbers: readonly number[]): void {
    if (!this.isStalled) this.#last.propose(payloads, numbers);
  }

  /** Runs `task` on the main thread, as a client's request does. */
  ask(task: () => void): void {
    this.take(new SimEvent(EVENT.CLIENT, this, undefined, task));
  }

  /** Among members that keep the rules no message is a violation of them. */
  stepCore(message: Message): void {
    const result = this.core.step(message);
    assert(result !== "violation", `${this.id} takes ${messageText(message)} for a violation`);
  }

  get #last(): ReplicaLife {
    return this.#newest as ReplicaLife;
  }

  #forget(state: ReplicaState): void {
    this.state = state;
    this.softState = NO_LEADER;
    this.officeTerm = 0;
    this.pausedUntil = 0;
    this.applyStalledUntil = 0;
    this.slowClockUntil = 0;
    this.life++;
  }
}

const NO_LEADER: SoftState = { leader: 0 as NodeId, role: ROLE.FOLLOWER };
