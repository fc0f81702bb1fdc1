import { assert } from "../../../../engine/core/assert.js";
import { decodeMessage } from "../../../../engine/peers/message-codec.js";
import { readFrames } from "../../../../engine/peers/peer-frames.js";
import { MESSAGE_KIND } from "../../../../engine/raft/message.js";
import type { Scm } from "../../../../engine/scm.js";
import type { Frame } from "../../../../protocol/codec/frame.js";
import { PEER_MESSAGES } from "../../../../protocol/schema/peer-messages.js";
import { isQuorum } from "../../core-simulation/quorums.js";
import type { Journal } from "./journal.js";
import type { SimScm } from "./sim-scm.js";
import type { SimTrace } from "./trace.js";

/** Messages that say what their sender has. */
const PROMISES: readonly number[] = [
  PEER_MESSAGES.appResp.op,
  PEER_MESSAGES.voteResp.op,
  PEER_MESSAGES.voteReq.op,
];

/** What Raft promises about several SCMs, in all their lives, looked at from outside (verification.md §7). */
export class RaftWatch {
  readonly #journal: Journal;
  readonly #trace: SimTrace;
  readonly #scms: readonly SimScm[];
  /** Who led in a term: a life of an SCM (R1). */
  readonly #leaders = new Map<number, string>();
  /** Hash of the state at each applied index: the same on all, for ever (R5, S3). */
  readonly #hashes = new Map<number, string>();

  /** `scms` grows when machines come. */
  constructor(journal: Journal, scms: readonly SimScm[], trace: SimTrace) {
    this.#journal = journal;
    this.#scms = scms;
    this.#trace = trace;
  }

  /** `scm` sends to a peer: what it promises must be durable by now (R6, R7, host rule H1). */
  sentToPeer(scm: SimScm, bytes: Uint8Array): void {
    readFrames(bytes, (frame, frameBytes) => {
      if (frame.flags === 0 && PROMISES.includes(frame.op)) this.#checkPromise(scm, frame, frameBytes);
      return true;
    });
  }

  #checkPromise({ name, durableLog }: SimScm, { op, bodyStart, bodyEnd }: Frame, bytes: Uint8Array): void {
    const message = decodeMessage(op, bytes, bodyStart, bodyEnd);
    const hardState = durableLog.hardState;
    const [term, vote] = [hardState?.term ?? 0, hardState?.vote ?? 0];
    if (message.kind === MESSAGE_KIND.APP_RESP && !message.rejected) {
      const { lastIndex } = durableLog;
      assert(message.index <= lastIndex, `${name} acknowledges ${message.index}, and has up to ${lastIndex}`);
      assert(message.term <= term, `${name} answers in term ${message.term}, and holds ${term}`);
    } else if (message.kind === MESSAGE_KIND.VOTE_RESP) {
      const isHeld =
        term > message.term || (term === message.term && (message.rejected || vote === message.to));
      assert(isHeld, `${name} votes for ${message.to} in term ${message.term}, and holds ${vote} in ${term}`);
    } else if (message.kind === MESSAGE_KIND.VOTE_REQ) {
      const isHeld = term > message.term || (term === message.term && vote === message.from);
      assert(isHeld, `${name} campaigns in term ${message.term}, and holds ${vote} in ${term}`);
    }
  }

  /** Somebody writes a change of membership. A leader has at most one that it has not applied (R9). */
  confChangeWritten(scm: SimScm, index: number): void {
    const running = scm.running;
    if (running === undefined || !running.raft.leadership.isLeader) return;
    const pending = scm.journal.confChangesAfter(running.cluster.appliedIndex).filter((at) => at < index);
    assert(pending.length === 0, `${scm.name} proposes a change of membership while one waits`);
  }

  lookAtLeadership(scm: SimScm, { raft }: Scm): void {
    const { term, isLeader } = raft.leadership;
    if (!isLeader) return;
    const life = `${scm.name} in life ${scm.lifeCount}`;
    const before = this.#leaders.get(term);
    if (before === life) return;
    assert(before === undefined, `term ${term} is led by ${before} and by ${life}`);
    this.#leaders.set(term, life);
    this.#trace.line(scm.name, `leads term ${term}`);
    this.#checkCompleteness(scm, term);
  }

  /** After each event in which it applied something. */
  lookAtState(scm: SimScm, { cluster, raft }: Scm): void {
    const { appliedIndex, appliedTerm } = cluster;
    const known = this.#journal.appliedIndex;
    scm.journal.catchUp(appliedIndex, appliedTerm);
    if (appliedIndex > known) this.#checkQuorum(known, appliedIndex);
    const hash = cluster.hash();
    const before = this.#hashes.get(appliedIndex);
    const index = `index ${appliedIndex}`;
    assert(
      before === undefined || before === hash,
      `${scm.name} has another state at ${index}: ${hash}, not ${before}`,
    );
    if (before === undefined) this.#trace.line(scm.name, `state ${appliedIndex} ${hash}`);
    this.#hashes.set(appliedIndex, hash);
    const { configVersion } = cluster.members;
    assert(configVersion <= raft.status().hardState.commit, "a membership is in force and not committed");
  }

  /** Who is elected has everything that was committed (R4). */
  #checkCompleteness({ name, durableLog }: SimScm, term: number): void {
    for (let index = this.#journal.appliedIndex; index > durableLog.truncatedIndex; index--) {
      const chosen = this.#journal.chosenTerm(index);
      assert(durableLog.has(index, chosen), `${name} leads term ${term} and lacks entry ${index}`);
    }
  }

  /** What is applied for the first time is durable on a quorum at that moment (R6, R8). */
  #checkQuorum(known: number, appliedIndex: number): void {
    const { confState, confIndex } = this.#journal;
    // Under a membership that came only just now, part of the entries were decided by those before.
    const index = appliedIndex;
    if (confIndex > known) return;
    const term = this.#journal.chosenTerm(index);
    const has = (id: number): boolean =>
      this.#scms.some(
        (scm) => scm.nodeId === id && (scm.damage !== undefined || scm.durableLog.has(index, term)),
      );
    assert(isQuorum(confState, has), `entry ${index} was applied and is not on a quorum of the disks`);
  }
}
