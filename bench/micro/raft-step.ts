import { EntryCache } from "../../engine/consensus/entry-cache.js";
import { raftConfig } from "../../engine/consensus/raft-config.js";
import { DEFAULT_RAFT_HOST_OPTIONS } from "../../engine/consensus/raft-host-options.js";
import { assert } from "../../engine/core/assert.js";
import { logIndex, term } from "../../engine/core/ids.js";
import { SeededRandom } from "../../engine/core/random.js";
import { MESSAGE_KIND, type Message, type MessageKind } from "../../engine/raft/message.js";
import { RawNode } from "../../engine/raft/raw-node.js";
import type { Ready } from "../../engine/raft/ready.js";
import { SILENT_TRACE } from "../../engine/raft/trace.js";
import type { ConfState, Entry, NodeId } from "../../engine/raft/types.js";
import { NO_NODE, nodeId, ROLE } from "../../engine/raft/types.js";
import { CoreWait } from "../harness/thread-cpu.js";

/** Proposals that are on their way together. */
const PROPOSALS_IN_FLIGHT = 16;
const PAYLOAD = new Uint8Array(256);

/** What a core is given: the host's calls, messages of peers, and answers of its own storage. */
export type StepKind =
  | "proposal"
  | "tick"
  | "append"
  | "append answer"
  | "heartbeat"
  | "heartbeat answer"
  | "storage appended"
  | "storage applied";

const PEER_KINDS: Partial<Record<MessageKind, StepKind>> = {
  [MESSAGE_KIND.APP_REQ]: "append",
  [MESSAGE_KIND.APP_RESP]: "append answer",
  [MESSAGE_KIND.HEARTBEAT]: "heartbeat",
  [MESSAGE_KIND.HEARTBEAT_RESP]: "heartbeat answer",
};

/** Number of things of one kind, their time, and the bytes that they put on the heap. */
export interface StepTotal {
  count: number;
  ns: number;
  heapBytes: number;
  /** Those during which the collector did not run. */
  heapCount: number;
}

export type StepTotals = Map<StepKind, StepTotal>;

interface Member {
  readonly id: NodeId;
  readonly core: RawNode;
  readonly view: EntryCache;
  /** From peers. */
  inbox: Message[];
  /** To itself, when storage is done. */
  appended: Message[];
  applied: Message[];
  totals: StepTotals;
}

/** A group in which the first member leads and replicates: proposals, appends, their answers, commits,
 * heartbeats. Storage is written by others, as in the host, and is done at once. Each message counts with the
 * Ready that follows it; what a host does with that Ready does not. */
export class RaftGroup {
  readonly #members: readonly Member[];
  readonly #payloads: readonly Uint8Array[];
  readonly #coreWait = new CoreWait();
  #isMeasuringHeap = false;

  /** @param entriesPerProposal each of 256 bytes. */
  constructor(memberCount: number, entriesPerProposal: number) {
    const voters = Array.from({ length: memberCount }, (_, i) => nodeId(i + 1));
    const confState = { voters, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
    this.#members = voters.map((id) => newMember(id, confState));
    this.#payloads = new Array<Uint8Array>(entriesPerProposal).fill(PAYLOAD);
    this.#leader.core.campaign();
    this.#take(this.#leader, [this.#leader.core.ready()]);
    this.#settle();
    assert(this.#leader.core.status().softState.role === ROLE.LEADER, "the first member leads");
  }

  get lastIndex(): number {
    return this.#leader.core.status().lastIndex;
  }

  /** Up to here all members have applied. */
  get appliedIndex(): number {
    return Math.min(...this.#members.map(({ core }) => core.status().applied));
  }

  /** Rounds of proposals, of a heartbeat each; answers the totals of the leader and of the first follower. */
  run(roundCount: number, isMeasuringHeap: boolean): { leader: StepTotals; follower: StepTotals } {
    this.#isMeasuringHeap = isMeasuringHeap;
    for (const member of this.#members) member.totals = new Map();
    for (let round = 0; round < roundCount; round++) {
      this.#measure(this.#leader, "proposal", PROPOSALS_IN_FLIGHT, (core) => core.propose(this.#payloads));
      this.#settle();
      for (const member of this.#members) this.#measure(member, "tick", 1, (core) => core.tick());
      this.#settle();
    }
    const follower = this.#members[1];
    assert(follower !== undefined, "a group has a follower");
    return { leader: this.#leader.totals, follower: follower.totals };
  }

  close(): void {
    this.#coreWait.close();
  }

  get #leader(): Member {
    return this.#members[0] as Member;
  }

  /** Until nobody has anything to do. */
  #settle(): void {
    for (let isBusy = true; isBusy; ) {
      isBusy = false;
      for (const member of this.#members) {
        const { appended, applied, inbox } = member;
        if (appended.length + applied.length + inbox.length === 0) continue;
        isBusy = true;
        member.appended = [];
        member.applied = [];
        member.inbox = [];
        this.#step(member, "storage appended", appended);
        this.#step(member, "storage applied", applied);
        this.#stepInbox(member, inbox);
      }
    }
  }

  /** In order, those of one kind in a row together: one alone is too short for the clock. */
  #stepInbox(member: Member, inbox: readonly Message[]): void {
    for (let from = 0; from < inbox.length; ) {
      const { kind } = inbox[from] as Message;
      let to = from + 1;
      while (inbox[to]?.kind === kind) to++;
      this.#step(member, PEER_KINDS[kind], inbox.slice(from, to));
      from = to;
    }
  }

  /** Without a kind it is of the election, and not counted. */
  #step(member: Member, kind: StepKind | undefined, messages: readonly Message[]): void {
    if (messages.length === 0) return;
    this.#measure(member, kind, messages.length, (core, i) => core.step(messages[i] as Message));
  }

  #measure(
    member: Member,
    kind: StepKind | undefined,
    count: number,
    give: (core: RawNode, i: number) => void,
  ): void {
    const { core } = member;
    const readies: Ready[] = [];
    const heapBytes = this.#isMeasuringHeap ? process.memoryUsage().heapUsed : 0;
    const waitedUs = this.#coreWait.us();
    const startMs = performance.now();
    for (let i = 0; i < count; i++) {
      give(core, i);
      if (core.hasReady()) readies.push(core.ready());
    }
    const elapsedNs = (performance.now() - startMs) * 1e6;
    const hasWaited = this.#coreWait.us() > waitedUs;
    const heapGrowth = this.#isMeasuringHeap ? process.memoryUsage().heapUsed - heapBytes : 0;
    // What others took from this thread says nothing about the core.
    if (kind !== undefined && !hasWaited) note(member.totals, kind, count, elapsedNs, heapGrowth);
    this.#take(member, readies);
  }

  /** Does what storage and network do. */
  #take(member: Member, readies: readonly Ready[]): void {
    for (const { messages } of readies) for (const message of messages) this.#send(member, message);
  }

  #send(member: Member, message: Message): void {
    switch (message.kind) {
      case MESSAGE_KIND.STORAGE_APPEND:
        member.view.append(message.entries);
        this.#deliver(member.appended, member, message.responses);
        return;
      case MESSAGE_KIND.STORAGE_APPLY:
        member.view.release((message.entries.at(-1) as Entry).index);
        this.#deliver(member.applied, member, message.responses);
        return;
      default:
        (this.#members[message.to - 1] as Member).inbox.push(message);
    }
  }

  #deliver(own: Message[], member: Member, responses: readonly Message[]): void {
    for (const response of responses) {
      if (response.to === member.id) own.push(response);
      else this.#send(member, response);
    }
  }
}

function note(totals: StepTotals, kind: StepKind, count: number, ns: number, heapBytes: number): void {
  const total = totals.get(kind) ?? { count: 0, ns: 0, heapBytes: 0, heapCount: 0 };
  totals.set(kind, total);
  total.count += count;
  total.ns += ns;
  if (heapBytes <= 0) return;
  total.heapBytes += heapBytes;
  total.heapCount += count;
}

function newMember(id: NodeId, confState: ConfState): Member {
  const start = { index: logIndex(0), term: term(0), chain: 0 };
  const hardState = { term: term(0), vote: NO_NODE, commit: logIndex(0) };
  const log = { truncated: start, last: start, terms: [], tail: [], hardState };
  const options = DEFAULT_RAFT_HOST_OPTIONS;
  const { entryCacheBytesMax: bytesMax, fetchedBytesMax } = options;
  const view = new EntryCache(log, { bytesMax, fetchedBytesMax });
  const random = new SeededRandom(id);
  const state = { hardState, confState, applied: logIndex(0) };
  const config = raftConfig({ id, termFloor: term(0) }, options);
  const core = new RawNode(config, state, view, (bound) => random.below(bound), SILENT_TRACE);
  return { id, core, view, inbox: [], appended: [], applied: [], totals: new Map() };
}
