import type { Peers, PeersHandler } from "../../../engine/consensus/peers.js";
import type { RaftHostOptions } from "../../../engine/consensus/raft-host-options.js";
import { assert } from "../../../engine/core/assert.js";
import type { Message } from "../../../engine/raft/message.js";
import { nodeId } from "../../../engine/raft/types.js";
import { makeConfState } from "../raft/make-message.js";
import { emptyLogDisk, type LogDisk } from "./fake-log-thread.js";
import { emptyStateDisk, type StateDisk } from "./fake-state-thread.js";
import { HostRig } from "./host-rig.js";
import { ManualScheduler } from "./manual-scheduler.js";

interface Place {
  readonly id: number;
  readonly logDisk: LogDisk;
  readonly stateDisk: StateDisk;
  rig: HostRig | undefined;
  handler: PeersHandler | undefined;
  /** Its log thread does nothing. */
  isStalled: boolean;
  /** A synced write takes so many rounds. */
  syncRounds: number;
  /** Its state thread does nothing. */
  isStateStalled: boolean;
}

/** Several hosts with one clock and a network that delivers in the next round, or not. */
export class HostGroup {
  readonly scheduler = new ManualScheduler();
  readonly #places: readonly Place[];
  readonly #options: Partial<RaftHostOptions>;
  readonly #voters: readonly number[];
  readonly #cuts = new Set<string>();
  #underWay: Message[] = [];
  /** Of messages on their way, besides those that are cut off. */
  isLost: (message: Message) => boolean = () => false;

  constructor(count: number, options: Partial<RaftHostOptions> = {}) {
    this.#options = options;
    this.#voters = Array.from({ length: count }, (_, i) => i + 1);
    this.#places = this.#voters.map((id) => ({
      id,
      logDisk: emptyLogDisk(),
      stateDisk: emptyStateDisk(),
      rig: undefined,
      handler: undefined,
      isStalled: false,
      syncRounds: 1,
      isStateStalled: false,
    }));
    for (const id of this.#voters) this.start(id);
  }

  rig(id: number): HostRig {
    const { rig } = this.#place(id);
    assert(rig !== undefined, `${id} is down`);
    return rig;
  }

  /** Those who serve. */
  get leaders(): number[] {
    return this.#places.filter(({ rig }) => rig?.host.leadership.leaderReady === true).map(({ id }) => id);
  }

  start(id: number): void {
    const place = this.#place(id);
    place.rig = new HostRig({
      host: this.#options,
      logDisk: place.logDisk,
      stateDisk: place.stateDisk,
      member: {
        nodeId: nodeId(id),
        confState: makeConfState({ voters: this.#voters.map(nodeId) }),
        scheduler: this.scheduler,
      },
      peers: (handler) => this.#connect(place, handler),
    });
    place.rig.host.start();
  }

  /** Its process ends; the others see its connections close when `isSeen`. */
  kill(id: number, isSeen = false): void {
    const place = this.#place(id);
    place.rig?.host.stop(0, () => {});
    place.rig = undefined;
    place.handler = undefined;
    if (!isSeen) return;
    for (const { handler } of this.#places) handler?.onGone(nodeId(id));
  }

  /** To `id` it seems that the process of `other` has ended. */
  gone(id: number, other: number): void {
    this.#place(id).handler?.onGone(nodeId(other));
  }

  /** `message` arrives now, in the middle of a turn, whoever may have sent it. */
  deliver(message: Message): void {
    this.#place(message.to).handler?.onMessage(message);
  }

  /** Messages from `from` do not reach `to`. */
  cut(from: number, to: number): void {
    this.#cuts.add(`${from}>${to}`);
  }

  heal(): void {
    this.#cuts.clear();
  }

  stallDisk(id: number): void {
    this.#place(id).isStalled = true;
  }

  /** A synced write takes so many milliseconds from now on. */
  slowDisk(id: number, syncMs: number): void {
    this.#place(id).syncRounds = syncMs;
  }

  /** The disk of the state alone. */
  stallState(id: number, isStalled = true): void {
    this.#place(id).isStateStalled = isStalled;
  }

  /** One round of everything, a millisecond each, until `isDone`. */
  until(isDone: () => boolean, limitMs = 20_000): void {
    for (let ms = 0; ms < limitMs; ms++) {
      if (isDone()) return;
      this.#round();
      this.scheduler.advance(1);
    }
    assert(false, "it does not come to that");
  }

  pass(ms: number): void {
    const endMs = this.scheduler.monotonicMs() + ms;
    this.until(() => this.scheduler.monotonicMs() >= endMs);
  }

  /** The one leader, when there is one that serves. */
  elect(): number {
    this.until(() => this.leaders.length === 1);
    return this.leaders[0] as number;
  }

  #round(): void {
    this.scheduler.turn();
    for (const { rig, isStalled, syncRounds, isStateStalled } of this.#places) {
      if (rig === undefined) continue;
      // What comes while a slow disk syncs waits for the next time.
      if (syncRounds === 1) rig.log.take();
      if (!isStalled && this.scheduler.monotonicMs() % syncRounds === 0) rig.log.sync();
      if (syncRounds > 1 && this.scheduler.monotonicMs() % syncRounds === 0) rig.log.take();
      rig.log.link.deliver();
      rig.state.take();
      if (!isStateStalled) rig.state.write();
      rig.state.link.deliver();
      rig.host.checkInvariants();
    }
    const messages = this.#underWay;
    this.#underWay = [];
    for (const message of messages) {
      if (this.#cuts.has(`${message.from}>${message.to}`) || this.isLost(message)) continue;
      this.#places.find(({ id }) => id === message.to)?.handler?.onMessage(message);
    }
    this.scheduler.turn();
  }

  #connect(place: Place, handler: PeersHandler): Peers {
    place.handler = handler;
    return {
      setPeers: () => {},
      send: (message) => this.#underWay.push(message),
      flush: () => {},
      close: () => Promise.resolve(),
    };
  }

  #place(id: number): Place {
    return this.#places[id - 1] as Place;
  }
}
