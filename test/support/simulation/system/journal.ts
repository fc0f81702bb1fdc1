import { decodeChangeContext } from "../../../../engine/cluster/members/change-context.js";
import type { Operation } from "../../../../engine/cluster/operation.js";
import { readTurnBatch } from "../../../../engine/cluster/turn-batch.js";
import { assert } from "../../../../engine/core/assert.js";
import type { ChannelReceiver, RecordHandler } from "../../../../engine/core/shared-channel.js";
import { changeConfState, memberIds } from "../../../../engine/raft/conf-change.js";
import { decodeConfChange } from "../../../../engine/raft/conf-change-codec.js";
import { type ConfState, ENTRY_TYPE, nodeId } from "../../../../engine/raft/types.js";
import {
  LOG_ENTRY_HEADER_BYTES,
  LOG_RECORD,
  readEntryIndex,
  readEntryTerm,
  readEntryType,
  readLogInstall,
} from "../../../../workers/shared/log-records.js";
import type { WorkerContext } from "../../../../workers/shared/worker-link.js";
import { NaiveCluster } from "../../cluster/naive-cluster.js";
import type { DurableLog } from "./durable-log.js";

interface JournalEntry {
  readonly index: number;
  readonly term: number;
  readonly type: number;
  readonly payload: Uint8Array;
  /** Term of the entry before it. */
  readonly previousTerm: number | undefined;
}

/** What all SCMs wrote to their logs, noted on its way there, and the model that the entries lead to that
 * were applied: whatever happens, an SCM may only ever hold what the model holds at the same index. */
export class Journal {
  readonly model: NaiveCluster;
  /** By index and term: there is one of each in the world (R3). */
  readonly #entries = new Map<string, JournalEntry>();
  /** Term of each entry that somebody has applied: from then on it stands (R5). */
  readonly #chosen: number[] = [0];
  #confState: ConfState = {
    voters: [nodeId(1)],
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
    autoLeave: false,
  };
  /** Index of the last change of membership that was applied. */
  #confIndex = 0;

  /** `onDone` is called for each operation that the model has carried out, with its result. */
  constructor(onDone: (operation: Operation, value: unknown) => void) {
    this.model = new NaiveCluster(onDone);
  }

  /** Highest index that anybody has applied. */
  get appliedIndex(): number {
    return this.#chosen.length - 1;
  }

  /** As of `appliedIndex`. */
  get confState(): ConfState {
    return this.#confState;
  }

  get confIndex(): number {
    return this.#confIndex;
  }

  /** Of an entry that was applied. */
  chosenTerm(index: number): number {
    const term = this.#chosen[index];
    assert(term !== undefined, `nobody has applied ${index}`);
    return term;
  }

  entry(index: number, term: number | undefined): JournalEntry | undefined {
    return this.#entries.get(`${index} ${term}`);
  }

  /** Two entries of one index and term are the same, and follow the same (R2, R3). */
  note(entry: JournalEntry): void {
    const key = `${entry.index} ${entry.term}`;
    const before = this.#entries.get(key);
    if (before === undefined) {
      this.#entries.set(key, entry);
      return;
    }
    const isSame = before.type === entry.type && Buffer.compare(before.payload, entry.payload) === 0;
    assert(isSame, `there are two entries ${entry.index} of term ${entry.term}`);
    const [a, b] = [before.previousTerm, entry.previousTerm];
    assert(
      a === undefined || b === undefined || a === b,
      `entry ${entry.index} of term ${entry.term} follows one of term ${a} and one of term ${b}`,
    );
    if (a === undefined) this.#entries.set(key, entry);
  }

  /** Somebody has applied the entry. */
  apply(index: number, term: number): void {
    const chosen = this.#chosen[index];
    if (chosen !== undefined) {
      assert(chosen === term, `entry ${index} was applied with term ${chosen} and with term ${term}`);
      return;
    }
    assert(index === this.#chosen.length, `entry ${index} was applied after ${this.appliedIndex}`);
    const entry = this.#entries.get(`${index} ${term}`);
    assert(entry !== undefined, `entry ${index} was applied and never written`);
    this.#chosen.push(term);
    if (entry.type === ENTRY_TYPE.NORMAL) {
      const { nowMs, operations } = readTurnBatch(entry.payload);
      if (operations.length > 0) this.model.apply(nowMs, operations);
    } else {
      this.#changeMembers(entry);
    }
  }

  #changeMembers({ index, payload }: JournalEntry): void {
    const change = decodeConfChange(payload);
    const confState = change && changeConfState(this.#confState, change);
    assert(
      change !== undefined && confState !== undefined,
      `the change of membership at ${index} is illegal`,
    );
    this.#confState = confState;
    this.#confIndex = index;
    const { model } = this;
    const added = decodeChangeContext(change.context);
    if (added !== undefined) model.members.set(added.nodeId, added);
    model.group = memberIds(confState);
    model.nextNodeId = Math.max(model.nextNodeId, ...model.group.map((id) => id + 1));
    model.configVersion = index;
  }
}

/** What one SCM wrote to its log, in all its lives. */
export class NodeJournal {
  readonly journal: Journal;
  /** By index, with all that was written, durable or not. */
  readonly #entries: (JournalEntry | undefined)[] = [];
  #lastIndex = 0;
  #appliedIndex = 0;
  /** Called with each change of membership that is written. */
  onConfChange: (index: number) => void = () => {};

  constructor(journal: Journal) {
    this.journal = journal;
  }

  /** In this life. */
  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  /** The context of a log thread whose entries are noted. */
  tap(context: WorkerContext): WorkerContext {
    const { receiver } = context;
    const tapped: ChannelReceiver = {
      bytes: receiver.bytes,
      view: receiver.view,
      drain: (handler, recordCountMax) => receiver.drain(this.#noting(receiver, handler), recordCountMax),
    };
    return {
      data: context.data,
      sender: context.sender,
      receiver: tapped,
      receiveMessage: () => context.receiveMessage(),
    };
  }

  /** It has applied everything up to `appliedIndex`: entry by entry, or by a snapshot of what others have. */
  catchUp(appliedIndex: number, appliedTerm: number): void {
    assert(appliedIndex >= this.#appliedIndex, `applied fell from ${this.#appliedIndex} to ${appliedIndex}`);
    for (let index = this.#appliedIndex + 1; index <= appliedIndex; index++) {
      const entry = this.#entries[index];
      if (entry !== undefined && (index < appliedIndex || entry.term === appliedTerm)) {
        this.journal.apply(index, entry.term);
      }
    }
    if (appliedIndex > 0) this.journal.apply(appliedIndex, appliedTerm);
    this.#appliedIndex = appliedIndex;
  }

  /** Its log is what its disk has kept. */
  crashed(log: DurableLog): void {
    this.#appliedIndex = 0;
    this.#lastIndex = log.lastIndex;
    this.#entries.length = this.#lastIndex + 1;
    for (let index = log.truncatedIndex + 1; index <= this.#lastIndex; index++) {
      this.#entries[index] = this.journal.entry(index, log.term(index));
    }
  }

  /** Changes of membership from `index` on that it has written. */
  confChangesAfter(index: number): number[] {
    const found: number[] = [];
    for (let at = index + 1; at <= this.#lastIndex; at++) {
      const type = this.#entries[at]?.type ?? ENTRY_TYPE.NORMAL;
      if (type !== ENTRY_TYPE.NORMAL) found.push(at);
    }
    return found;
  }

  #noting(receiver: ChannelReceiver, handler: RecordHandler): RecordHandler {
    return (kind, offset, payloadBytes) => {
      if (kind === LOG_RECORD.ENTRY) {
        const { view, bytes } = receiver;
        this.#note({
          index: readEntryIndex(view, offset),
          term: readEntryTerm(view, offset),
          type: readEntryType(view, offset),
          payload: bytes.slice(offset + LOG_ENTRY_HEADER_BYTES, offset + payloadBytes),
          previousTerm: this.#entries[readEntryIndex(view, offset) - 1]?.term,
        });
      }
      // A snapshot takes the place of everything, also of what it does not cover.
      if (kind === LOG_RECORD.INSTALL) {
        this.#entries.length = 0;
        this.#lastIndex = readLogInstall(receiver.bytes, receiver.view, offset).index;
      }
      handler(kind, offset, payloadBytes);
    };
  }

  /** What was not applied may be written anew with other content, and then all that followed it is gone. */
  #note(entry: JournalEntry): void {
    const { index } = entry;
    assert(index > this.#appliedIndex, `entry ${index} is written again after it was applied`);
    this.journal.note(entry);
    this.#entries.length = index;
    this.#entries[index] = entry;
    this.#lastIndex = index;
    if (entry.type !== ENTRY_TYPE.NORMAL) this.onConfChange(index);
  }
}
