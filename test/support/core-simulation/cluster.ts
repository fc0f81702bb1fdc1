import { AssertionError, assert } from "../../../engine/core/assert.js";
import { logIndex, term } from "../../../engine/core/ids.js";
import { SeededRandom } from "../../../engine/core/random.js";
import type { ConfState, HardState, NodeId } from "../../../engine/raft/types.js";
import { NO_NODE, nodeId } from "../../../engine/raft/types.js";
import { Checker } from "./checker.js";
import { EVENT, EventQueue, SimEvent, TICK_UNITS } from "./event-queue.js";
import { LogDisk } from "./log-disk.js";
import { CoreNetwork, ID_LIMIT } from "./network.js";
import type { CoreSimOptions } from "./options.js";
import { Replica } from "./replica.js";
import { EMPTY_IMAGE, NO_CONF, type StateImage } from "./state-machine.js";
import { CoreTrace } from "./trace.js";

const WORLD = { id: 0, life: 0 };
/** Longest delay that the queue takes. */
const DELAY_MAX = 16_000;

/** The first members begin with a state, as after a snapshot: an empty newcomer gets theirs. */
const FIRST = { index: logIndex(1), term: term(1) };
const FIRST_HARD_STATE: HardState = { term: FIRST.term, vote: NO_NODE, commit: FIRST.index };
const EMPTY_HARD_STATE: HardState = { term: term(0), vote: NO_NODE, commit: logIndex(0) };

/** Replicas, the network between them, virtual time, and the checker that looks on. */
export class Cluster {
  readonly queue = new EventQueue();
  readonly trace: CoreTrace;
  readonly network: CoreNetwork;
  readonly checker: Checker;
  readonly random: SeededRandom;
  readonly #diskRandom: SeededRandom;
  readonly #coreRandom: SeededRandom;
  readonly #byId: (Replica | undefined)[] = [];
  readonly #replicas: Replica[] = [];
  #options: CoreSimOptions;
  #nextId = 1;
  onSync: (replica: Replica, stage: "begin" | "end") => void = () => {};

  constructor(seed: number, options: CoreSimOptions, onLine?: (line: string) => void) {
    this.random = new SeededRandom(seed);
    this.#diskRandom = this.random.stream("disk");
    this.#coreRandom = this.random.stream("core");
    this.#options = options;
    this.trace = new CoreTrace(this.queue, onLine);
    this.network = new CoreNetwork(this.queue, this.random.stream("net"), options);
    const voters = Array.from({ length: options.voterCount }, (_, i) => nodeId(i + 1));
    const confState: ConfState = { ...NO_CONF, voters };
    this.checker = new Checker({ ...FIRST, confState });
    this.checker.diskOf = (id) => this.#byId[id]?.disk;
    const image: StateImage = { ...EMPTY_IMAGE, applied: FIRST, confState, confIndex: FIRST.index };
    for (let i = 0; i < options.voterCount; i++) this.#add(image, FIRST_HARD_STATE);
  }

  get options(): CoreSimOptions {
    return this.#options;
  }

  /** From now on time and messages are as `options` say. */
  change(options: CoreSimOptions): void {
    this.#options = options;
    this.network.change(options);
  }

  get replicas(): readonly Replica[] {
    return this.#replicas;
  }

  replica(id: number): Replica {
    const replica = this.#byId[id];
    assert(replica !== undefined, `there is no replica ${id}`);
    return replica;
  }

  get electionTimeoutUnits(): number {
    return this.#options.electionTimeoutTicks * TICK_UNITS;
  }

  /** A machine that has never been a member; undefined when there have been too many. */
  addReplica(): Replica | undefined {
    if (this.#nextId >= ID_LIMIT) return undefined;
    return this.#add(EMPTY_IMAGE, EMPTY_HARD_STATE);
  }

  /** The leader of the highest term among those that think they lead. */
  leader(): Replica | undefined {
    let leader: Replica | undefined;
    for (const replica of this.#replicas) {
      if (replica.isLeader && replica.officeTerm > (leader?.officeTerm ?? 0)) leader = replica;
    }
    return leader;
  }

  /** Runs `task` after `delay` units. */
  after(delay: number, task: () => void): void {
    this.queue.push(Math.min(delay, DELAY_MAX), new SimEvent(EVENT.WORLD, WORLD, undefined, task));
  }

  /** Runs `task` again and again, `rate` times in 1,000 ticks on average, while `isOn`. */
  repeat(rate: number, random: SeededRandom, task: () => void): void {
    if (rate === 0) return;
    const again = (): void => {
      const delay = 1 + Math.floor((-Math.log(1 - random.fraction()) * 1_000 * TICK_UNITS) / rate);
      if (delay > DELAY_MAX) {
        this.after(DELAY_MAX, again);
        return;
      }
      this.after(delay, () => {
        if (!this.isCalm) {
          task();
          again();
        }
      });
    };
    again();
  }

  /** No more trouble and no more requests. */
  isCalm = false;

  /** Runs the next event up to `until`; false when there was none. */
  step(until: number): boolean {
    const event = this.queue.pop(until);
    if (event === undefined) return false;
    const { id, life } = event;
    if (id === 0) {
      event.task?.();
      return true;
    }
    const replica = this.#byId[id];
    if (replica !== undefined && (life === 0 || life === replica.life)) replica.take(event);
    return true;
  }

  /** Runs for `ticks`. */
  run(ticks: number): void {
    const until = this.queue.now + ticks * TICK_UNITS;
    while (this.step(until));
  }

  /** Runs until `condition` holds at the end of a tick; throws when it does not within `limitTicks`. Returns
   * the ticks it took. */
  runUntil(what: string, condition: () => boolean, limitTicks: number): number {
    for (let ticks = 0; ticks <= limitTicks; ticks++) {
      if (condition()) return ticks;
      this.run(1);
    }
    throw new AssertionError(`not within ${limitTicks} ticks: ${what}`);
  }

  #add(image: StateImage, hardState: HardState): Replica {
    const id = nodeId(this.#nextId++) as NodeId;
    const cluster = this;
    const replica = new Replica({
      id,
      get options() {
        return cluster.#options;
      },
      isAsync: this.#diskRandom.fraction() < this.#options.asyncShare,
      disk: new LogDisk(image, hardState, this.#options.markInterval),
      queue: this.queue,
      network: this.network,
      checker: this.checker,
      trace: this.trace,
      random: this.#diskRandom,
      coreRandom: this.#coreRandom,
      onSync: (who, stage) => this.onSync(who, stage),
    });
    this.#byId[id] = replica;
    this.#replicas.push(replica);
    return replica;
  }
}
