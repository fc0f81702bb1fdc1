import { assert } from "../../../engine/core/assert.js";
import { logIndex } from "../../../engine/core/ids.js";
import {
  newStateFlushed,
  readCommitDurable,
  readCommitIndex,
  readStateRow,
  STATE_RECORD,
  writeStateFlushed,
} from "../../../workers/shared/state-records.js";
import { MemoryLink } from "./memory-link.js";

type Rows = ReadonlyMap<string, Uint8Array>;

/** Versions of the store, oldest first; a crash keeps the durable one or a later one. */
export interface StateDisk {
  versions: { readonly appliedIndex: number; readonly rows: Rows }[];
}

export function emptyStateDisk(): StateDisk {
  return { versions: [{ appliedIndex: 0, rows: new Map() }] };
}

/** The state thread in steps: `take` reads what main published up to one COMMIT, `write` commits and
 * answers. */
export class FakeStateThread {
  readonly link: MemoryLink;
  readonly disk: StateDisk;
  readonly #row = { keyStart: 0, valueStart: 0, valueEnd: 0 };
  #pending: [string, Uint8Array | undefined][] = [];
  #commit: { readonly appliedIndex: number; readonly isDurable: boolean } | undefined;

  constructor(disk: StateDisk, ringBytes: number) {
    this.disk = disk;
    this.link = new MemoryLink(ringBytes);
  }

  get hasCommit(): boolean {
    return this.#commit !== undefined;
  }

  take(recordCountMax = Number.POSITIVE_INFINITY): void {
    if (this.#commit !== undefined) return;
    this.link.workerReceiver.drain(this.#onRecord, recordCountMax);
  }

  write(): void {
    const commit = this.#commit;
    if (commit === undefined) return;
    this.#commit = undefined;
    const rows = new Map(this.disk.versions.at(-1)?.rows);
    for (const [key, value] of this.#pending) {
      if (value === undefined) rows.delete(key);
      else rows.set(key, value);
    }
    const rowCount = this.#pending.length;
    this.#pending = [];
    this.disk.versions.push({ appliedIndex: commit.appliedIndex, rows });
    if (commit.isDurable) this.disk.versions = this.disk.versions.slice(-1);
    const appliedIndex = logIndex(commit.appliedIndex);
    const flushed = { ...newStateFlushed(), appliedIndex, rowCount, durable: commit.isDurable };
    assert(writeStateFlushed(this.link.workerSender, flushed), "no room for an answer");
    this.link.workerSender.publish();
  }

  readonly #onRecord = (kind: number, offset: number): void => {
    const { view, bytes } = this.link.workerReceiver;
    if (kind === STATE_RECORD.COMMIT) {
      assert(this.#commit === undefined, "one flush at a time");
      this.#commit = {
        appliedIndex: readCommitIndex(view, offset),
        isDurable: readCommitDurable(view, offset),
      };
      return;
    }
    readStateRow(view, offset, this.#row);
    const { keyStart, valueStart, valueEnd } = this.#row;
    const key = bytes.subarray(keyStart, valueStart).join(",");
    this.#pending.push([key, kind === STATE_RECORD.PUT ? bytes.slice(valueStart, valueEnd) : undefined]);
  };
}
