import type { SnapshotMessage, SnapshotMessageOf } from "../../protocol/schema/snapshot-messages.js";
import type { ReloadTarget } from "../cluster/state-machine.js";
import type { ArrivedSnapshot } from "../consensus/snapshots.js";
import { assert } from "../core/assert.js";
import { StrataError } from "../core/errors.js";
import type { Term } from "../core/ids.js";
import { MESSAGE_KIND } from "../raft/message.js";
import type { ConfState, EntryId, NodeId } from "../raft/types.js";
import { snapshotStateDirectory } from "../storage/directories.js";
import { visitChunk } from "../storage/snapshot-chunk.js";
import type { MessageLink } from "./message-link.js";
import { decodeMembers, isSameMembers } from "./snapshot-payload.js";
import type { SnapshotStore } from "./snapshot-store.js";

/** Chunks that may wait to be written; a sender that sends more breaks the protocol. */
const WAITING_CHUNKS_MAX = 64;

export interface IncomingSnapshotParts {
  readonly nodeId: NodeId;
  readonly store: SnapshotStore;
  readonly machine: Pick<ReloadTarget, "headKey" | "readHead">;
  onArrived(arrived: ArrivedSnapshot): void;
  /** The link is closed, and what was written is discarded. */
  onFailed(error: StrataError): void;
}

export interface SnapshotOrigin {
  readonly from: NodeId;
  readonly leaderTerm: Term;
  readonly id: EntryId;
  /** Of the state. */
  readonly hash: string;
}

/** What is needed to load a snapshot that has arrived. */
export interface LoadingSnapshot {
  readonly id: EntryId;
  readonly hash: string;
  readonly confState: ConfState;
  /** Open, for the tables that are kept in memory. */
  readonly reader: number;
}

/** A snapshot that is written into a store of its own as it arrives, over one connection or several. */
export class IncomingSnapshot {
  readonly #parts: IncomingSnapshotParts;
  readonly #origin: SnapshotOrigin;
  #leaderTerm: Term;
  #link: MessageLink | undefined;
  #isStoreReady = false;
  /** Chunks that came on this connection or were written before it. */
  #takenCount = 0;
  #writtenCount = 0;
  /** Rows of the last chunk that is written. */
  #lastRows: Uint8Array = new Uint8Array(0);
  /** The greeted connection waits for `snapshotWanted`. */
  #mustAnswer = false;
  #isEnding = false;
  #loading: LoadingSnapshot | undefined;
  #hasEnded = false;

  constructor(parts: IncomingSnapshotParts, origin: SnapshotOrigin) {
    this.#parts = parts;
    this.#origin = origin;
    this.#leaderTerm = origin.leaderTerm;
  }

  get from(): NodeId {
    return this.#origin.from;
  }

  get leaderTerm(): Term {
    return this.#leaderTerm;
  }

  /** Where it comes in now; undefined while the connection is lost. */
  get link(): MessageLink | undefined {
    return this.#link;
  }

  get stateDirectory(): string {
    return snapshotStateDirectory(this.#origin.id.index);
  }

  get loading(): LoadingSnapshot {
    assert(this.#loading !== undefined, "it has not arrived");
    return this.#loading;
  }

  /** All chunks are there and are being checked: it will arrive without a connection, too. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  isSameAs(from: NodeId, { index, term, hash }: SnapshotMessageOf<"snapshotOffer">): boolean {
    const { id, hash: ownHash } = this.#origin;
    return from === this.from && index === id.index && term === id.term && hash === ownHash;
  }

  /** Whether the sender knows where the chunks end that came. */
  canGoOn({ chunkCount }: SnapshotMessageOf<"snapshotOffer">): boolean {
    return this.#takenCount <= chunkCount;
  }

  begin(link: MessageLink): void {
    this.#link = link;
    this.#mustAnswer = true;
    this.#parts.store.receive(this.stateDirectory, (outcome) => {
      if (this.#hasEnded) return;
      if (outcome instanceof StrataError) {
        this.#fail(outcome);
        return;
      }
      this.#isStoreReady = true;
      this.#answer();
    });
  }

  /** On another connection. */
  goOn(link: MessageLink, leaderTerm: number): void {
    this.detach(new StrataError("SNAPSHOT_REFUSED", { reason: "the sender has opened another connection" }));
    this.#link = link;
    this.#leaderTerm = leaderTerm as Term;
    this.#mustAnswer = true;
    this.#answer();
  }

  /** Its connection is lost, or is to be closed with a reason. */
  detach(reason: StrataError | undefined): void {
    const link = this.#link;
    this.#link = undefined;
    this.#mustAnswer = false;
    link?.close(reason);
  }

  /** What has arrived is not wanted. Nothing that is under way for it comes back: it would meet the store of
   * the next one. */
  abandon(reason?: StrataError): void {
    this.#hasEnded = true;
    this.detach(reason);
    if (this.#loading !== undefined) this.#parts.store.close(this.#loading.reader);
    this.#parts.store.discard();
  }

  /** Throws StrataError, which closes the connection. */
  onMessage(message: SnapshotMessage): void {
    switch (message.name) {
      case "snapshotChunk":
        this.#onChunk(message.body);
        return;
      case "snapshotEnd":
        this.#onEnd(message.body);
        return;
      default:
        throw invalid(`${message.name} does not come from a sender`);
    }
  }

  /** Says where to go on, once everything that came before is written. */
  #answer(): void {
    if (!this.#mustAnswer || !this.#isStoreReady || this.#writtenCount < this.#takenCount) return;
    this.#mustAnswer = false;
    this.#link?.send("snapshotWanted", { number: this.#writtenCount, lastKey: lastKeyOf(this.#lastRows) });
  }

  #onChunk({ number, rowCount, crc, rows }: SnapshotMessageOf<"snapshotChunk">): void {
    if (this.#mustAnswer || this.#isEnding) throw invalid("a chunk that was not asked for");
    if (number !== this.#takenCount + 1) throw invalid(`chunk ${number} after ${this.#takenCount}`);
    if (this.#takenCount - this.#writtenCount >= WAITING_CHUNKS_MAX) throw invalid("too many chunks at once");
    this.#takenCount = number;
    const chunk = { number, rowCount, crc, rows: rows.slice() };
    this.#parts.store.write(chunk, (outcome) => {
      if (this.#hasEnded) return;
      if (outcome instanceof StrataError) {
        this.#fail(outcome);
        return;
      }
      this.#writtenCount = number;
      this.#lastRows = chunk.rows;
      if (!this.#mustAnswer) this.#link?.send("snapshotProgress", { number });
      this.#answer();
    });
  }

  #onEnd({ rowCount, total, chain, confState }: SnapshotMessageOf<"snapshotEnd">): void {
    if (this.#mustAnswer || this.#isEnding) throw invalid("an end that was not asked for");
    this.#isEnding = true;
    const members = decodeMembers(confState);
    this.#parts.store.finish({ rowCount, total }, (outcome) => {
      if (this.#hasEnded) return;
      if (outcome instanceof StrataError) this.#fail(outcome);
      else this.#check(chain, members);
    });
  }

  /** All rows are durable: are they the state that was offered? */
  #check(chain: number, confState: ConfState): void {
    const { store, machine } = this.#parts;
    const request = { source: "received", tables: "memory", rowKey: machine.headKey } as const;
    const reader = store.open(request, (row) => {
      if (this.#hasEnded) return;
      if (row instanceof StrataError) {
        this.#fail(row);
        return;
      }
      const problem = this.#problemOf(row, confState);
      if (problem === undefined) {
        this.#arrived({ ...this.#origin, confState, reader }, chain);
        return;
      }
      store.close(reader);
      store.discard();
      this.#fail(problem);
    });
  }

  #problemOf(row: Uint8Array | undefined, confState: ConfState): StrataError | undefined {
    if (row === undefined) return invalid("the row that says what it is is missing");
    const { id, hash } = this.#origin;
    try {
      const head = this.#parts.machine.readHead(row);
      if (head.index !== id.index || head.term !== id.term) {
        return invalid(`it is the state as of ${head.term}/${head.index}`);
      }
      if (head.hash !== hash) return invalid(`its hash is ${head.hash}, not ${hash}`);
      return isSameMembers(head.confState, confState) ? undefined : invalid("other members");
    } catch (error) {
      if (error instanceof StrataError) return error;
      throw error;
    }
  }

  #arrived(loading: LoadingSnapshot, chain: number): void {
    this.#loading = loading;
    this.#link?.send("snapshotArrived", {});
    const { id, confState } = loading;
    const message = {
      kind: MESSAGE_KIND.SNAP,
      from: this.from,
      to: this.#parts.nodeId,
      term: this.#leaderTerm,
      snapshot: { id, confState, payload: NO_PAYLOAD },
    } as const;
    this.#parts.onArrived({ message, chain, stateDirectory: this.stateDirectory });
  }

  #fail(error: StrataError): void {
    this.#hasEnded = true;
    this.detach(error);
    this.#parts.onFailed(error);
  }
}

const NO_PAYLOAD = new Uint8Array(0);

/** Empty when there are no rows. */
function lastKeyOf(rows: Uint8Array): Uint8Array {
  let last: Uint8Array = new Uint8Array(0);
  visitChunk(rows, (key) => {
    last = key;
  });
  return last;
}

function invalid(reason: string): StrataError {
  return new StrataError("SNAPSHOT_INVALID", { reason });
}
