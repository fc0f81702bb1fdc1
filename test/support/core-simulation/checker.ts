import { assert } from "../../../engine/core/assert.js";
import type { LogIndex } from "../../../engine/core/ids.js";
import { decodeConfChange } from "../../../engine/raft/conf-change-codec.js";
import type { Message } from "../../../engine/raft/message.js";
import { MESSAGE_KIND } from "../../../engine/raft/message.js";
import type { ConfState, Entry, NodeId, ReadState } from "../../../engine/raft/types.js";
import { CONF_CHANGE, ENTRY_TYPE, ROLE } from "../../../engine/raft/types.js";
import { proposalNumber } from "./chain.js";
import { quorumsOverlap } from "./quorums.js";
import type { Recovery } from "./recovery.js";
import type { Replica } from "./replica.js";

/** The invariants R1–R10 of verification.md §7, and those of reads, proposals and membership beside them.
 *
 * It only looks at what a step changed: a Ready tells term, vote, commit index, role and entries, so what is
 * not in it is as it was checked before. */
export class Checker {
  /** Messages, ticks, answers of storage and requests that a core has taken. */
  steps = 0;
  /** Who led a term, by term. */
  readonly #leaders = new Map<number, { readonly id: NodeId; readonly life: number; replica: Replica }>();
  /** By index: term, chain, term, chain … of all entries that ever stood there. */
  readonly #seen: number[][] = [];
  /** By index: chain of the committed entry, and the term in which it was first known to be committed. */
  readonly #committedChains: number[] = [];
  readonly #commitTerms: number[] = [];
  /** By index: hash of the state after it, and the proposal in it. */
  readonly #stateHashes: number[] = [];
  readonly #proposals: number[] = [];
  /** Memberships, by the index of the change that made them. */
  readonly #confs = new Map<number, ConfState>();
  #newestConfIndex = 0;
  #commit = 0;
  /** Floors of reads under way, by context. */
  readonly #readFloors = new Map<number, number>();
  acknowledgedCount = 0;
  readCount = 0;
  promotionCount = 0;

  /** `first` is the state that the first members begin with. */
  constructor(first: { readonly index: number; readonly term: number; readonly confState: ConfState }) {
    for (let index = 0; index <= first.index; index++) {
      this.#committedChains.push(0);
      this.#commitTerms.push(first.term);
      this.#stateHashes.push(0);
      this.#proposals.push(0);
    }
    this.#commit = first.index;
    this.#newestConfIndex = first.index;
    this.#confs.set(first.index, first.confState);
  }

  /** The highest index that any replica has known to be committed. */
  get commit(): number {
    return this.#commit;
  }

  get newestConf(): ConfState {
    return this.#confs.get(this.#newestConfIndex) as ConfState;
  }

  get newestConfIndex(): number {
    return this.#newestConfIndex;
  }

  /** R1, R4. */
  onLeader(replica: Replica): void {
    const { id, life, hardState, log } = replica;
    const { term } = hardState;
    const other = this.#leaders.get(term);
    assert(
      other === undefined || (other.id === id && other.life === life),
      `R1: ${id} leads term ${term}, and so did ${other?.id}${other?.id === id ? " in an earlier life" : ""}`,
    );
    this.#leaders.set(term, { id, life, replica });
    // A leader of an old term, elected late, need not have what later ones have committed meanwhile.
    let index = this.#commit;
    while (index > 0 && (this.#commitTerms[index] as number) >= term) index--;
    if (index < log.truncated.index) return;
    assert(
      log.lastIndex >= index,
      `R4: leader ${id} of term ${term} ends at ${log.lastIndex} before ${index}`,
    );
    assert(
      log.chain(index) === this.#committedChains[index],
      `R4: leader ${id} of term ${term} has another entry at ${index}`,
    );
  }

  /** R2, R9: before `entries` take their place in the log. */
  beforeAppend(replica: Replica, entries: readonly Entry[]): void {
    const { id, hardState, officeTerm, log } = replica;
    const first = entries[0] as Entry;
    assert(
      officeTerm !== hardState.term || first.term !== officeTerm || first.index === log.lastIndex + 1,
      `R2: leader ${id} of term ${officeTerm} replaces its entry ${first.index}`,
    );
  }

  /** R3, R9. */
  afterAppend(replica: Replica, entries: readonly Entry[]): void {
    const { id, log } = replica;
    for (const entry of entries) {
      const { index, term, type } = entry;
      const chain = log.chain(index);
      let seen = this.#seen[index];
      if (seen === undefined) {
        seen = [];
        this.#seen[index] = seen;
      }
      let at = 0;
      while (at < seen.length && seen[at] !== term) at += 2;
      if (at === seen.length) {
        seen.push(term, chain);
        if (type !== ENTRY_TYPE.NORMAL) this.#onConfEntry(replica, entry);
      }
      assert(seen[at + 1] === chain, `R3: the log of ${id} differs from another at ${term}/${index}`);
    }
  }

  /** R4, R8: replica's commit index went up. */
  onCommit(replica: Replica): void {
    const { id, log, hardState, isInstalling } = replica;
    const { commit, term } = hardState;
    assert(commit <= log.lastIndex, `R10: ${id} commits ${commit} beyond its log`);
    if (commit <= this.#commit) {
      if (!log.has(commit)) return;
      const isSame = log.chain(commit) === this.#committedChains[commit];
      assert(isSame, `R5: ${id} commits another entry at ${commit}`);
      return;
    }
    assert(!isInstalling, `${id} gets state that nobody has committed`);
    const isSame = log.chain(this.#commit) === this.#committedChains[this.#commit];
    assert(isSame, `R5: ${id} commits another entry at ${this.#commit}`);
    this.#requireQuorum(replica, commit);
    while (this.#commit < commit) {
      this.#commit++;
      this.#committedChains.push(log.chain(this.#commit));
      this.#commitTerms.push(term);
    }
  }

  /** R5: its state machine has just applied `entry`. */
  onApply(replica: Replica, entry: Entry): void {
    const { id, machine } = replica;
    const { index } = entry;
    assert(index <= this.#commit, `R5: ${id} applies ${index}, which nobody has committed`);
    assert(index <= replica.hardState.commit, `R10: ${id} applies ${index} before it knows it is committed`);
    const hash = this.#stateHashes[index];
    if (hash === undefined) {
      this.#stateHashes.push(machine.hash);
      this.#proposals.push(proposalNumber(entry.payload));
      return;
    }
    assert(hash === machine.hash, `R5: the state of ${id} at ${index} differs`);
  }

  /** R9: its membership has just changed. */
  onConf({ id, machine }: Replica): void {
    const { confIndex, confState } = machine;
    const known = this.#confs.get(confIndex);
    if (known !== undefined) {
      assert(JSON.stringify(known) === JSON.stringify(confState), `R9: memberships at ${confIndex} differ`);
      return;
    }
    assert(confIndex > this.#newestConfIndex, `R9: ${id} applies an old change at ${confIndex}`);
    assert(
      quorumsOverlap(this.newestConf, confState),
      `R9: quorums before and after the change at ${confIndex} need not meet`,
    );
    this.#confs.set(confIndex, confState);
    this.#newestConfIndex = confIndex;
  }

  /** R6, R7 and H1: `message` leaves `replica`, or comes back to it as its own answer. */
  onSend({ id, disk }: Replica, message: Message): void {
    const { kind, term, to } = message;
    if (kind === MESSAGE_KIND.PRE_VOTE_REQ || kind === MESSAGE_KIND.PRE_VOTE_RESP) return;
    const { hardState, log } = disk;
    assert(hardState.term >= term, `R7: ${id} speaks of term ${term}, which it may forget`);
    if (hardState.term > term) return;
    switch (kind) {
      case MESSAGE_KIND.VOTE_REQ:
        assert(hardState.vote === id, `R7: ${id} asks for votes before its own is durable`);
        return;
      case MESSAGE_KIND.VOTE_RESP:
        assert(message.rejected || hardState.vote === to, `R7: ${id} votes for ${to} before that is durable`);
        return;
      case MESSAGE_KIND.APP_RESP: {
        if (message.rejected) return;
        const { index } = message;
        assert(log.lastIndex >= index, `R6: ${id} acknowledges ${index}, its disk ends at ${log.lastIndex}`);
        const leader = this.#leaders.get(term);
        if (leader === undefined || leader.replica.officeTerm !== term) return;
        const leaderLog = leader.replica.log;
        if (!log.has(index) || !leaderLog.has(index)) return;
        assert(
          log.chain(index) === leaderLog.chain(index),
          `R6: ${id} acknowledges another entry at ${index}`,
        );
        return;
      }
      default:
        return;
    }
  }

  /** State that comes as a snapshot must be that of the committed log. */
  onInstalling({ id, log }: Replica): void {
    const { index, chain } = log.truncated;
    assert(index <= this.#commit, `R5: ${id} gets the state at ${index}, which nobody has committed`);
    assert(chain === this.#committedChains[index], `R5: ${id} gets the state of another log at ${index}`);
  }

  /** What a restart must find: harm is seen, and nothing else is taken for harm. */
  onRecovery({ id, disk }: Replica, recovery: Recovery): void {
    if (recovery.kind === "refused") {
      assert(disk.damageKind !== undefined, `§12: ${id} refuses a disk without harm: ${recovery.reason}`);
      return;
    }
    assert(disk.damageKind === undefined, `§12: ${id} does not see its disk's harm: ${disk.damageKind}`);
    const { image } = recovery;
    const hash = this.#stateHashes[image.applied.index];
    assert(hash === undefined || hash === image.hash, `R5: ${id} starts with another state`);
  }

  /** Contexts are unique in a run. */
  onReadBegin(context: number): void {
    this.#readFloors.set(context, this.#commit);
  }

  /** A read sees everything that was committed before it began, hence all that was acknowledged. */
  onRead({ id }: Replica, { index, context }: ReadState): void {
    const floor = this.#readFloors.get(context);
    if (floor === undefined) return;
    this.#readFloors.delete(context);
    this.readCount++;
    assert(index >= floor, `a read at ${id} is served at ${index}, ${floor} was committed before it began`);
  }

  /** The client was told that proposal `number` is done: it stands in the committed log for ever. */
  onAcknowledged(number: number, index: LogIndex): void {
    this.acknowledgedCount++;
    assert(this.#proposals[index] === number, `proposal ${number} is acknowledged and not at ${index}`);
  }

  /** R10, after each step. */
  afterStep(replica: Replica): void {
    const { id, disk, log, machine, hardState, isInstalling } = replica;
    const { applied } = machine;
    assert(disk.log.truncated.index <= disk.durableApplied, `R10: ${id} truncates what its state may lose`);
    assert(disk.durableApplied <= applied, `R10: ${id} has flushed more than it has applied`);
    assert(applied <= hardState.commit, `R10: ${id} has applied more than is committed`);
    assert(applied <= disk.log.lastIndex, `R10: ${id} has applied what its log may lose`);
    assert(hardState.commit <= log.lastIndex, `R10: ${id} has committed more than it has`);
    if (!isInstalling) assert(log.truncated.index <= applied, `R10: ${id} truncates what is not applied`);
    replica.core.checkInvariants();
  }

  /** At most one change of membership is under way: the one before is applied when the next is appended. */
  #onConfEntry(replica: Replica, { index, term, payload }: Entry): void {
    if (replica.softState.role !== ROLE.LEADER || replica.officeTerm !== term) return;
    const { machine, log, id } = replica;
    let earlier = index - 1;
    while (earlier > machine.applied && log.entry(earlier).type === ENTRY_TYPE.NORMAL) earlier--;
    assert(earlier <= machine.applied, `R9: ${id} appends a change at ${index}, ${earlier} is pending`);
    for (const { type, nodeId } of decodeConfChange(payload)?.steps ?? []) {
      if (type === CONF_CHANGE.ADD_VOTER) this.#onPromotion(replica, nodeId);
    }
  }

  /** Who becomes a voter was a learner, and has everything committed and the newest membership on its disk
   * (RATIS-1960, RATIS-2274). */
  #onPromotion(leader: Replica, id: NodeId): void {
    const { confState, confIndex } = leader.machine;
    if (confState.voters.includes(id)) return;
    assert(confState.learners.includes(id), `${id} is to become a voter, and was no learner`);
    this.promotionCount++;
    const disk = this.diskOf(id);
    // What was harmed counts as it was before.
    if (disk?.damageKind !== undefined) return;
    const lastIndex = disk?.log.lastIndex ?? 0;
    const { commit } = leader.hardState;
    assert(lastIndex >= commit, `${id} is promoted at ${lastIndex}, committed is ${commit}`);
    assert(lastIndex >= confIndex, `${id} is promoted at ${lastIndex} before the membership of ${confIndex}`);
  }

  /** R8: each half of the membership holds `commit` on a majority of disks. What was harmed counts as it was
   * before. */
  #requireQuorum(replica: Replica, commit: LogIndex): void {
    const chain = replica.log.chain(commit);
    const { voters, votersOutgoing } = replica.machine.confState;
    for (const half of [voters, votersOutgoing]) {
      let count = 0;
      for (const id of half) if (this.#isDurable(id, commit, chain)) count++;
      const isMajority = half.length === 0 || count > half.length / 2;
      assert(isMajority, `R8: ${replica.id} commits ${commit}, durable on ${count} of ${half.length}`);
    }
  }

  #isDurable(id: NodeId, index: LogIndex, chain: number): boolean {
    const disk = this.diskOf(id);
    if (disk === undefined) return false;
    if (disk.damageKind !== undefined || index < disk.log.truncated.index) return true;
    return disk.log.has(index) && disk.log.chain(index) === chain;
  }

  /** Set by the world. */
  diskOf: (id: NodeId) => Replica["disk"] | undefined = () => undefined;
}
