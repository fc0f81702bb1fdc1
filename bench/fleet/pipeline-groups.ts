import { assert } from "../../engine/core/assert.js";
import type { Uuid } from "../../engine/core/uuid.js";

/** What datanodes tell each other about the Raft groups of their pipelines. Whatever changes replicas is in
 * the order of the leader's log, and each member carries out the same. */
export type GroupMessage =
  | {
      readonly kind: "joined";
      readonly pipelineId: Uuid;
      readonly member: Uuid;
      readonly members: readonly Uuid[];
      /** Parallel to `members`; none = all alike. */
      readonly priorities: readonly number[];
      /** Of the log, as far as the member knows it. */
      readonly lastIndex: number;
    }
  | { readonly kind: "left"; readonly pipelineId: Uuid; readonly member: Uuid }
  | GroupEntry;

/** An entry of a group's log. Its index is what replicas call their sequence id. */
export type GroupEntry = {
  readonly pipelineId: Uuid;
  readonly containerId: number;
  readonly index: number;
} & ({ readonly kind: "write"; readonly bytes: number } | { readonly kind: "close" });

/** A member whose process is here. */
export interface GroupMember {
  readonly uuid: Uuid;
  /** The leader asks before it takes a write: a replica that is not open refuses it. */
  mayWrite(containerId: number): boolean;
  apply(entry: GroupEntry): void;
}

export type WriteOutcome = "written" | "closed" | "notLeader";

interface Group {
  readonly members: readonly Uuid[];
  readonly priorities: readonly number[];
  readonly joined: Set<Uuid>;
  /** All members had it once: only then somebody leads. */
  isFormed: boolean;
  lastIndex: number;
}

/** The Raft groups of simulated datanodes, as those of one process see them: who has joined, who leads, and
 * what the leader's log brings. Datanodes of other processes take part by messages. */
export class PipelineGroups {
  readonly #groups = new Map<Uuid, Group>();
  readonly #here = new Map<Uuid, GroupMember>();
  readonly #down = new Set<Uuid>();
  /** What members that are down have missed. */
  readonly #missed = new Map<Uuid, GroupEntry[]>();
  readonly #send: (message: GroupMessage) => void;

  /** @param send tells the other processes, in order */
  constructor(send: (message: GroupMessage) => void = () => {}) {
    this.#send = send;
  }

  /** From another process. */
  receive(message: GroupMessage): void {
    if (message.kind === "joined") this.#join(message);
    else if (message.kind === "left") this.#leave(message);
    else this.#append(message);
  }

  /** A datanode of this process. */
  addMember(member: GroupMember): void {
    this.#here.set(member.uuid, member);
  }

  /** The member has created the group. */
  join(message: Extract<GroupMessage, { kind: "joined" }>): void {
    this.#join(message);
    this.#send(message);
  }

  leave(pipelineId: Uuid, member: Uuid): void {
    const message = { kind: "left", pipelineId, member } as const;
    this.#leave(message);
    this.#send(message);
  }

  has(pipelineId: Uuid, member: Uuid): boolean {
    return this.#groups.get(pipelineId)?.joined.has(member) === true;
  }

  /** The present member with the highest priority, the first of several, once all have it and as long as a
   * majority is there. */
  leaderOf(pipelineId: Uuid): Uuid | undefined {
    const group = this.#groups.get(pipelineId);
    if (group === undefined || !group.isFormed) return undefined;
    const { members, priorities, joined } = group;
    let presentCount = 0;
    let leader: Uuid | undefined;
    let highest = -1;
    members.forEach((member, index) => {
      if (!joined.has(member) || this.#down.has(member)) return;
      presentCount++;
      const priority = priorities[index] ?? 0;
      if (priority <= highest) return;
      [leader, highest] = [member, priority];
    });
    return presentCount > members.length / 2 ? leader : undefined;
  }

  /** A client writes a block through the leader, when that is here. */
  write(pipelineId: Uuid, containerId: number, bytes: number): WriteOutcome {
    const leader = this.#leaderHere(pipelineId);
    if (leader === undefined) return "notLeader";
    if (!leader.mayWrite(containerId)) return "closed";
    this.#propose({ kind: "write", pipelineId, containerId, bytes });
    return "written";
  }

  /** Closes a container on all members; only the leader can. */
  close(pipelineId: Uuid, containerId: number, by: Uuid): void {
    if (this.leaderOf(pipelineId) === by) this.#propose({ kind: "close", pipelineId, containerId });
  }

  /** The member's process ends or starts. It catches up with what it missed in groups that it is still in. */
  setUp(member: Uuid, isUp: boolean): void {
    if (!isUp) {
      this.#down.add(member);
      return;
    }
    this.#down.delete(member);
    const missed = this.#missed.get(member) ?? [];
    this.#missed.delete(member);
    for (const entry of missed) {
      if (this.has(entry.pipelineId, member)) this.#here.get(member)?.apply(entry);
    }
  }

  #leaderHere(pipelineId: Uuid): GroupMember | undefined {
    const leader = this.leaderOf(pipelineId);
    return leader === undefined ? undefined : this.#here.get(leader);
  }

  #propose(entry: NewEntry): void {
    const group = this.#groups.get(entry.pipelineId);
    assert(group !== undefined, "a group with a leader is known");
    const appended: GroupEntry = { ...entry, index: group.lastIndex + 1 };
    this.#append(appended);
    this.#send(appended);
  }

  #append(entry: GroupEntry): void {
    const group = this.#groups.get(entry.pipelineId);
    if (group === undefined) return;
    group.lastIndex = Math.max(group.lastIndex, entry.index);
    for (const uuid of group.members) {
      const member = this.#here.get(uuid);
      if (member === undefined || !group.joined.has(uuid)) continue;
      if (this.#down.has(uuid)) this.#miss(uuid, entry);
      else member.apply(entry);
    }
  }

  #miss(member: Uuid, entry: GroupEntry): void {
    const missed = this.#missed.get(member);
    if (missed === undefined) this.#missed.set(member, [entry]);
    else missed.push(entry);
  }

  #join({ pipelineId, member, members, priorities, lastIndex }: Extract<GroupMessage, { kind: "joined" }>) {
    let group = this.#groups.get(pipelineId);
    if (group === undefined) {
      group = { members, priorities, joined: new Set(), isFormed: false, lastIndex: 0 };
      this.#groups.set(pipelineId, group);
    }
    if (!group.members.includes(member)) return;
    group.joined.add(member);
    group.lastIndex = Math.max(group.lastIndex, lastIndex);
    group.isFormed ||= group.joined.size === group.members.length;
  }

  #leave({ pipelineId, member }: { readonly pipelineId: Uuid; readonly member: Uuid }): void {
    const group = this.#groups.get(pipelineId);
    group?.joined.delete(member);
    if (group?.joined.size === 0) this.#groups.delete(pipelineId);
  }
}

type NewEntry = GroupEntry extends infer E ? (E extends GroupEntry ? Omit<E, "index"> : never) : never;
