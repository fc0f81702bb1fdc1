import assert from "node:assert/strict";
import type { Message, MessageKind } from "../../../engine/raft/message.js";
import type { RaftConfig } from "../../../engine/raft/types.js";
import { Member, type MemberOptions } from "./member.js";

/** Several members and a network between them that does only what it is told: what is sent is delivered in
 * the order of sending, unless it is cut off, ignored or held. */
export class Group {
  readonly members: readonly Member[];
  readonly #cuts = new Set<string>();
  readonly #ignored = new Set<MessageKind>();
  #isHeld: (message: Message) => boolean = () => false;
  /** Under way until `release`. */
  readonly held: Message[] = [];
  readonly #underWay: Message[] = [];

  constructor(members: readonly Member[]) {
    this.members = members;
  }

  /** `count` voters with empty logs; `options` are those of each. */
  static of(count: number, options: Omit<MemberOptions, "voters"> = {}): Group {
    const voters = Array.from({ length: count }, (_, i) => i + 1);
    return new Group(voters.map((id) => new Member(id, { voters, ...options })));
  }

  /** Voters 1, 2, …, one for each log. */
  static withLogs(logs: readonly (readonly number[])[], config: Partial<RaftConfig> = {}): Group {
    const voters = logs.map((_, i) => i + 1);
    return new Group(logs.map((log, i) => new Member(i + 1, { voters, log, config })));
  }

  member(id: number): Member {
    const member = this.members.find((other) => other.id === id);
    assert.ok(member !== undefined, `no member ${id}`);
    return member;
  }

  /** Those who believe to lead. */
  get leaders(): number[] {
    return this.members.filter((member) => member.isLeader).map((member) => member.id);
  }

  /** Everybody works and everything is delivered until nothing is left. Rounds are bounded: two members
   * that answer each other for ever are a bug. */
  settle(): this {
    for (let round = 0; round < 1000; round++) {
      for (const member of this.members) this.#collect(member);
      const batch = this.#underWay.splice(0);
      if (batch.length === 0) return this;
      for (const message of batch) this.#deliver(message);
    }
    assert.fail("the group does not come to rest");
  }

  /** Delivers one message and settles. */
  send(message: Message): this {
    this.#deliver(message);
    return this.settle();
  }

  /** Makes `id` campaign and win. */
  elect(id: number): Member {
    this.campaign(id);
    const member = this.member(id);
    assert.ok(member.isLeader, `${id} leads`);
    return member;
  }

  campaign(id: number): void {
    this.member(id).node.campaign();
    this.settle();
  }

  /** `count` times: everybody, or those of `ids`, ticks once, then all messages are delivered. */
  tick(count = 1, ids: readonly number[] = this.members.map((member) => member.id)): this {
    for (let i = 0; i < count; i++) {
      for (const id of ids) this.member(id).tick();
      this.settle();
    }
    return this;
  }

  /** Nothing passes between the two. */
  cut(one: number, other: number): void {
    this.drop(one, other);
    this.drop(other, one);
  }

  /** Nothing passes in this direction. */
  drop(from: number, to: number): void {
    this.#cuts.add(`${from}>${to}`);
  }

  isolate(id: number): void {
    for (const other of this.members) if (other.id !== id) this.cut(id, other.id);
  }

  /** Messages of these kinds are lost. */
  ignore(...kinds: readonly MessageKind[]): void {
    for (const kind of kinds) this.#ignored.add(kind);
  }

  /** Messages that are `chosen` stay under way until `release`. */
  hold(chosen: (message: Message) => boolean): void {
    this.#isHeld = chosen;
  }

  /** Delivers what was held, in the order of sending or in that of `messages`. */
  release(messages: readonly Message[] = this.held): this {
    this.#isHeld = () => false;
    const late = [...messages];
    this.held.length = 0;
    for (const message of late) this.#deliver(message);
    return this.settle();
  }

  /** Nothing is cut off or ignored any more. */
  heal(): this {
    this.#cuts.clear();
    this.#ignored.clear();
    return this;
  }

  #collect(member: Member): void {
    member.settle();
    for (const message of member.outbox.splice(0)) {
      if (this.#isHeld(message)) this.held.push(message);
      else this.#underWay.push(message);
    }
  }

  #deliver(message: Message): void {
    const { from, to, kind } = message;
    if (this.#cuts.has(`${from}>${to}`) || this.#ignored.has(kind)) return;
    // Somebody who is not of this world gets nothing.
    this.members.find((member) => member.id === to)?.step(message);
  }
}
