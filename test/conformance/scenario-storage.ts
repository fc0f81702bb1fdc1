import { logIndex, term } from "../../engine/core/ids.js";
import type { Entry, EntryId, LogView, Snapshot } from "../../engine/raft/types.js";
import { entryBytes } from "../../engine/raft/types.js";
import { CommandError } from "./scenario-errors.js";

/** The log and the states of one node in memory, as etcd's MemoryStorage together with the history that its
 * harness keeps: a snapshot is always the state after the last entry that was applied. */
export class ScenarioStorage implements LogView {
  #truncated: EntryId = { term: term(0), index: logIndex(0) };
  /** Follow `truncated` without a gap. */
  #entries: Entry[] = [];
  #installedIndex = 0;
  readonly #history: [Snapshot, ...Snapshot[]];

  constructor(initial: Snapshot) {
    this.#history = [initial];
    if (initial.id.index > 0) this.install(initial);
  }

  get truncated(): EntryId {
    return this.#truncated;
  }

  get lastIndex(): ReturnType<typeof logIndex> {
    return logIndex(this.#truncated.index + this.#entries.length);
  }

  term(index: number): EntryId["term"] {
    if (index === this.#truncated.index) return this.#truncated.term;
    return this.#entryAt(index).term;
  }

  entries(low: number, high: number, bytesMax: number): readonly Entry[] {
    const found: Entry[] = [];
    let bytes = 0;
    for (let index = low; index < high; index++) {
      const entry = this.#entryAt(index);
      bytes += entryBytes(entry);
      if (found.length > 0 && bytes > bytesMax) break;
      found.push(entry);
    }
    return found;
  }

  /** Everything that is not truncated. */
  allEntries(): readonly Entry[] {
    return this.#entries;
  }

  snapshot(): Snapshot {
    return this.#history.at(-1) as Snapshot;
  }

  append(entries: readonly Entry[]): void {
    const added = entries.filter(({ index }) => index > this.#truncated.index);
    const [first] = added;
    if (first === undefined) return;
    const kept = first.index - this.#truncated.index - 1;
    if (kept > this.#entries.length) {
      throw new Error(`missing log entry [last: ${this.lastIndex}, append at: ${first.index}]`);
    }
    this.#entries = [...this.#entries.slice(0, kept), ...added];
  }

  /** The log begins anew after `snapshot`. */
  install({ id }: Snapshot): void {
    if (this.#installedIndex >= id.index) {
      throw new CommandError("requested index is older than the existing snapshot");
    }
    this.#installedIndex = id.index;
    this.#truncated = id;
    this.#entries = [];
  }

  /** Drops entries up to `index` and that one's too, except for its term. */
  truncate(index: number): void {
    if (index <= this.#truncated.index) {
      throw new CommandError("requested index is unavailable due to compaction");
    }
    const last = this.#entryAt(index);
    this.#entries = this.#entries.slice(index - this.#truncated.index);
    this.#truncated = { term: last.term, index: last.index };
  }

  /** The state machine only strings together what it is given. */
  applied(entry: EntryId, update: Uint8Array, confState = this.snapshot().confState): void {
    const payload = Buffer.concat([this.snapshot().payload, update]);
    this.#history.push({ id: { term: entry.term, index: entry.index }, confState, payload });
  }

  #entryAt(index: number): Entry {
    const entry = this.#entries[index - this.#truncated.index - 1];
    if (entry === undefined) throw new Error(`the storage has no entry ${index}`);
    return entry;
  }
}
