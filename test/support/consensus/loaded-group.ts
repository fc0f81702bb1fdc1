import assert from "node:assert/strict";
import type { GroupCallback, ProposalCallback } from "../../../engine/consensus/consensus.js";
import type { RaftHost } from "../../../engine/consensus/raft-host.js";
import type { ReadBarrierCallback } from "../../../engine/consensus/read-queue.js";
import { StrataError } from "../../../engine/core/errors.js";
import type { SeededRandom } from "../../../engine/core/random.js";
import { CONF_CHANGE, CONF_CHANGE_TRANSITION, nodeId } from "../../../engine/raft/types.js";
import { note } from "./counting-state.js";
import { HostGroup } from "./host-group.js";

const CLIENT_COUNTS = [1, 20, 64, 200];
/** A client comes back at once this often, of ten times; otherwise it thinks. */
const AT_ONCE = 9;
const THINKING_MS = 30;
/** After so many operations clients think longer: what is left shows without load, and costs no memory. */
const LOAD_COUNT = 10_000;
const TIRED_MS = 300;
const LEARNER = nodeId(9);
/** A read is compared with so many of the last acknowledged operations. */
const CHECKED_BY_READ = 300;
/** By then everybody has an outcome, once all faults are over. */
const OUTCOMES_MS = 15_000;
const AGREEMENT_MS = 5_000;
/** What an operation may have done whose outcome its client does not know. */
const UNKNOWN = ["OUTCOME_UNKNOWN", "SHUTTING_DOWN"];

/** A group of hosts that serves clients, one operation of each at a time, while much of it fails. Each
 * question has one answer, what was acknowledged is there once and is seen by every later read, and what was
 * refused is not there. */
export class LoadedGroup {
  readonly #random: SeededRandom;
  readonly #group: HostGroup;
  readonly #ids: readonly number[];
  /** Either the processes of members end, or the membership changes: a removed member has no fake process. */
  readonly #hasChanges: boolean;
  readonly #down = new Set<number>();
  /** Asked, without answer. */
  readonly #open = new Set<string>();
  /** By operation: "done", or the code of the refusal. */
  readonly #outcomes = new Map<number, string>();
  readonly #acknowledged: number[] = [];
  #askedCount = 0;
  #lastId = 0;
  #hasLearner = false;
  #isOver = false;

  constructor(random: SeededRandom) {
    this.#random = random;
    const size = 3 + 2 * random.below(2);
    this.#ids = Array.from({ length: size }, (_, i) => i + 1);
    this.#hasChanges = random.below(2) === 0;
    const isStateSlow = random.below(2) === 0;
    this.#group = new HostGroup(size, isStateSlow ? { dirtyBytesMax: 30_000, flushBytes: 10_000 } : {});
    this.#group.elect();
    const clientCount = this.#pick(CLIENT_COUNTS);
    for (let i = 0; i < clientCount; i++) this.#ask();
  }

  get acknowledgedCount(): number {
    return this.#acknowledged.length;
  }

  /** Lets some time pass, mostly little, then does something to the group, and reads. */
  step(): void {
    const random = this.#random;
    this.#pass(random.below(4) === 0 ? 200 + random.below(1800) : 1 + random.below(60));
    const at = this.#asked();
    const one = this.#pick(this.#ids);
    const other = this.#pick(this.#ids);
    const acts: readonly (() => void)[] = [
      () => this.#host(at)?.transferLeadership(nodeId(one), this.#answered("transfer")),
      () => this.#cut(one, other),
      () => this.#isolate(at),
      () => this.#heal(),
      () => this.#heal(),
      () => this.#kill(one),
      () => this.#startAll(),
      () => this.#group.slowDisk(one, 1 + random.below(12)),
      () => (this.#group.isLost = () => random.below(10) === 0),
      () => this.#group.stallState(one, random.below(2) === 0),
      () => this.#changeMembers(at),
    ];
    this.#pick(acts)();
    for (const id of this.#ids) this.#read(id);
  }

  /** Ends all faults, waits for every answer and for the members to agree, and compares. */
  finish(): void {
    const group = this.#group;
    this.#isOver = true;
    this.#heal();
    for (const id of this.#ids) {
      group.slowDisk(id, 1);
      group.stallState(id, false);
    }
    this.#startAll();
    group.until(() => this.#open.size === 0, OUTCOMES_MS);
    const { machine } = group.rig(group.elect());
    group.until(
      () => this.#ids.every((id) => group.rig(id).machine.appliedIndex === machine.appliedIndex),
      AGREEMENT_MS,
    );
    for (const [id, outcome] of this.#outcomes) {
      const count = machine.counts.get(id) ?? 0;
      if (outcome === "done") assert.equal(count, 1, `operation ${id} was acknowledged`);
      else if (UNKNOWN.includes(outcome)) assert.ok(count <= 1, `operation ${id} was done twice`);
      else assert.equal(count, 0, `operation ${id} was refused with ${outcome}`);
    }
  }

  /** One operation of a client, who asks again. */
  #ask(): void {
    if (this.#isOver) return;
    const host = this.#host(this.#asked());
    if (host === undefined) {
      this.#askLater(10);
      return;
    }
    // Even, since a note of an odd one may be refused.
    this.#lastId += 2;
    const id = this.#lastId;
    const onOutcome: ProposalCallback = (outcome) => {
      this.#outcomes.set(id, outcome instanceof StrataError ? outcome.code : "done");
      if (!(outcome instanceof StrataError)) this.#acknowledged.push(id);
      const isTired = this.acknowledgedCount > LOAD_COUNT;
      const isAtOnce = !(outcome instanceof StrataError || isTired) && this.#random.below(10) < AT_ONCE;
      if (isAtOnce) this.#ask();
      else this.#askLater(1 + this.#random.below(isTired ? TIRED_MS : THINKING_MS));
    };
    host.propose(note(id), this.#once(`operation ${id}`, onOutcome));
  }

  #askLater(delayMs: number): void {
    this.#group.scheduler.after(delayMs, () => this.#ask());
  }

  /** On any member, also one that does not lead. */
  #read(at: number): void {
    const due = this.#acknowledged.slice(-CHECKED_BY_READ);
    const onReady: ReadBarrierCallback = (refusal) => {
      if (refusal !== undefined || this.#down.has(at)) return;
      const { counts } = this.#group.rig(at).machine;
      for (const id of due) assert.ok(counts.has(id), `a stale read: it does not see operation ${id}`);
    };
    this.#host(at)?.whenCaughtUp(this.#once("read", onReady));
  }

  #changeMembers(at: number): void {
    if (!this.#hasChanges) return;
    const wanted = !this.#hasLearner;
    const type = wanted ? CONF_CHANGE.ADD_LEARNER : CONF_CHANGE.REMOVE;
    const change = {
      transition: CONF_CHANGE_TRANSITION.AUTO,
      steps: [{ type, nodeId: LEARNER }],
      context: new Uint8Array(0),
    };
    const onOutcome: GroupCallback = (refusal) => {
      // Of an unknown outcome the next attempt finds out.
      this.#hasLearner = refusal === undefined ? wanted : this.#random.below(2) === 0;
    };
    this.#host(at)?.changeMembers(change, this.#once("change", onOutcome));
  }

  #cut(from: number, to: number): void {
    if (from !== to) this.#group.cut(from, to);
  }

  /** Nobody hears `id`, or hears from it, either. */
  #isolate(id: number): void {
    for (const other of this.#ids) {
      this.#cut(id, other);
      if (this.#random.below(2) === 0) this.#cut(other, id);
    }
  }

  #heal(): void {
    this.#group.heal();
    this.#group.isLost = () => false;
  }

  #kill(id: number): void {
    if (this.#hasChanges || this.#down.has(id) || this.#down.size >= (this.#ids.length - 1) / 2) return;
    this.#down.add(id);
    this.#group.kill(id, this.#random.below(2) === 0);
  }

  #startAll(): void {
    for (const id of this.#down) this.#group.start(id);
    this.#down.clear();
  }

  #pass(ms: number): void {
    const STEP_MS = 20;
    for (let left = ms; left > 0; left -= STEP_MS) {
      this.#group.pass(Math.min(STEP_MS, left));
      // Only the last is ever read again; the others would fill the memory.
      for (const id of this.#ids) {
        if (this.#down.has(id)) continue;
        const { disk } = this.#group.rig(id).state;
        disk.versions = disk.versions.slice(-1);
      }
    }
  }

  /** Whom somebody asks now: a leader, when there is one. */
  #asked(): number {
    const { leaders } = this.#group;
    return this.#pick(leaders.length > 0 ? leaders : this.#ids);
  }

  #host(id: number): RaftHost | undefined {
    return this.#down.has(id) ? undefined : this.#group.rig(id).host;
  }

  #answered(name: string): GroupCallback {
    return this.#once(name, () => {});
  }

  /** Notes that a question is open, and that it is answered once. */
  #once<T>(name: string, onAnswer: (answer: T) => void): (answer: T) => void {
    const key = `${name}, question ${++this.#askedCount}`;
    this.#open.add(key);
    return (answer) => {
      assert.ok(this.#open.delete(key), `${key} was answered twice`);
      onAnswer(answer);
    };
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#random.below(items.length)] as T;
  }
}
