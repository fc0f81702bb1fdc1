import { SESSION_WINDOW } from "../../../protocol/schema/messages.js";
import { assert } from "../../core/assert.js";
import { ByteReader } from "../../core/byte-reader.js";
import { DirtyRows } from "../dirty-rows.js";
import { HashSum } from "../hash-sum.js";
import type { SessionStamp } from "../operation.js";
import { refused } from "../operation-result.js";
import type { OperationResult } from "../state-machine.js";
import { TABLE } from "../tables.js";
import { Session } from "./session.js";

export const SESSION_COUNT_MAX = 4096;
/** A session that was used within this logged time is never evicted, so a client that retries within it is
 * safe: when all are younger, a new one is refused. */
export const SESSION_IDLE_MS_MIN = 60_000;
/** Stored replies of one session; a client that acknowledges never comes near. Keeps its row small. */
export const SESSION_REPLY_BYTES_MAX = 64 * 1024;

/** Sessions of clients that mutate: each operation of a session happens exactly once, however often it is
 * proposed (raft.md §13). Part of the replicated state, the order of eviction included. */
export class SessionTable {
  readonly #sessions = new Map<number, Session>();
  #oldest: Session | undefined = undefined;
  #newest: Session | undefined = undefined;
  readonly hash = new HashSum();
  readonly dirty: DirtyRows<number>;

  constructor() {
    this.dirty = new DirtyRows<number>({
      table: TABLE.sessions,
      typicalRowBytes: 256,
      writeKey: (writer, id) => {
        writer.u32(byteSwap(Math.floor(id / 0x1_0000_0000)));
        writer.u32(byteSwap(id >>> 0));
      },
      writeRow: (writer, id) => {
        const session = this.#sessions.get(id);
        session?.write(writer);
        return session !== undefined;
      },
    });
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Adds session `id`, a number never used before; evicts the one unused for longest when there are too
   * many. Answers with a refusal when that one is too young. */
  open(id: number, clientName: string, use: SessionUse): OperationResult | undefined {
    assert(!this.#sessions.has(id), "session exists");
    if (this.#sessions.size >= SESSION_COUNT_MAX) {
      const oldest = this.#oldest as Session;
      if (use.nowMs - oldest.lastUsedMs < SESSION_IDLE_MS_MIN) {
        return refused("SESSION_LIMIT", { limit: SESSION_COUNT_MAX });
      }
      this.#evict(oldest);
    }
    this.dirty.touch(id);
    const session = new Session(id, clientName, use);
    session.touchedEpoch = this.dirty.epoch;
    this.#sessions.set(id, session);
    this.#append(session);
    session.hashAll(this.hash, 1);
    return undefined;
  }

  /** Whether an operation is to be carried out: the session to `finish` it in, or the answer to give instead,
   * which is the stored one when it was carried out before. */
  begin({ sessionId, sequence, ackedSequence }: SessionStamp): Session | OperationResult {
    const session = this.#sessions.get(sessionId);
    if (session === undefined) return refused("SESSION_EXPIRED", { sessionId });
    if (sequence <= session.acked) return refused("SESSION_SEQUENCE", { sequence });
    const stored = session.reply(sequence);
    if (stored !== undefined) return stored;
    const acked = Math.max(session.acked, ackedSequence);
    if (sequence <= acked || sequence > acked + SESSION_WINDOW)
      return refused("SESSION_SEQUENCE", { sequence });
    const isFull = session.replyBytes >= SESSION_REPLY_BYTES_MAX;
    if (isFull && session.replyBytesAbove(acked) >= SESSION_REPLY_BYTES_MAX) {
      return refused("OVERLOADED", { reason: "answers of the session wait to be acknowledged" });
    }
    return session;
  }

  /** Keeps the reply of an operation that `begin` let through. */
  finish(session: Session, stamp: SessionStamp, result: OperationResult, use: SessionUse): void {
    if (session.touchedEpoch !== this.dirty.epoch) {
      this.dirty.touch(session.id);
      session.touchedEpoch = this.dirty.epoch;
    }
    session.hashHead(this.hash, -1);
    session.acknowledge(stamp.ackedSequence, this.hash);
    session.store(stamp.sequence, result, this.hash);
    session.lastUsedMs = use.nowMs;
    session.lastUse = use.useNumber;
    session.hashHead(this.hash, 1);
    if (session === this.#newest) return;
    this.#unlink(session);
    this.#append(session);
  }

  /** Before it is loaded anew. */
  clear(): void {
    this.#sessions.clear();
    this.#oldest = undefined;
    this.#newest = undefined;
    this.hash.clear();
    this.dirty.reset();
  }

  /** At boot. Throws RangeError. */
  load(key: Uint8Array, value: Uint8Array): void {
    const keyReader = new ByteReader(key);
    const id = byteSwap(keyReader.u32()) * 0x1_0000_0000 + byteSwap(keyReader.u32());
    const session = Session.read(id, new ByteReader(value), this.hash);
    this.#sessions.set(id, session);
  }

  /** After the last `load`. Throws RangeError when there are too many or one is newer than the counters
   * allow. */
  loaded(limits: { readonly nextSessionId: number; readonly useNumber: number }): void {
    if (this.#sessions.size > SESSION_COUNT_MAX) throw new RangeError(`${this.#sessions.size} sessions`);
    const byUse = [...this.#sessions.values()].sort((a, b) => a.lastUse - b.lastUse);
    for (const session of byUse) {
      if (session.id >= limits.nextSessionId) throw new RangeError(`session ${session.id} was never opened`);
      if (session.lastUse > limits.useNumber)
        throw new RangeError(`session ${session.id} is from the future`);
      this.#append(session);
    }
  }

  /** What is wrong with the table, undefined when nothing is. O(n). */
  problem(): string | undefined {
    const hash = new HashSum();
    let count = 0;
    for (let session = this.#oldest; session !== undefined; session = session.newer) {
      count++;
      session.hashAll(hash, 1);
      if (this.#sessions.get(session.id) !== session) return `session ${session.id} is not in the table`;
      const { newer } = session;
      if (newer === undefined) continue;
      if (newer.older !== session) return `session ${session.id} is linked wrongly`;
      if (newer.lastUse <= session.lastUse) return `session ${session.id} stands in the wrong order`;
      if (newer.lastUsedMs < session.lastUsedMs) return `time falls after session ${session.id}`;
    }
    if (count !== this.#sessions.size) return `${count} of ${this.#sessions.size} sessions are linked`;
    return hash.equals(this.hash) ? undefined : `session hash is ${this.hash}, rows give ${hash}`;
  }

  #evict(session: Session): void {
    this.dirty.touch(session.id);
    session.hashAll(this.hash, -1);
    this.#unlink(session);
    this.#sessions.delete(session.id);
  }

  #append(session: Session): void {
    session.older = this.#newest;
    session.newer = undefined;
    if (this.#newest === undefined) this.#oldest = session;
    else this.#newest.newer = session;
    this.#newest = session;
  }

  #unlink(session: Session): void {
    if (session.older === undefined) this.#oldest = session.newer;
    else session.older.newer = session.newer;
    if (session.newer === undefined) this.#newest = session.older;
    else session.newer.older = session.older;
  }
}

/** When an operation happens: logged time, and its number among all operations ever applied. */
export interface SessionUse {
  readonly nowMs: number;
  readonly useNumber: number;
}

/** Keys sort by id, as bytes do. */
function byteSwap(word: number): number {
  return (((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}
