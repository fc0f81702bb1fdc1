import { Backoff } from "../../protocol/client/backoff.js";
import type { Frame } from "../../protocol/codec/frame.js";
import { PEER_MESSAGES, PEER_REQUESTS, RAFT_PATH } from "../../protocol/schema/peer-messages.js";
import type { Member } from "../cluster/members/member.js";
import type { Clock } from "../core/clock.js";
import { StrataError } from "../core/errors.js";
import { Fifo } from "../core/fifo.js";
import type { Random } from "../core/random.js";
import type { Timer } from "../core/scheduler.js";
import type { Uuid } from "../core/uuid.js";
import type { Message } from "../raft/message.js";
import { MESSAGE_KIND } from "../raft/message.js";
import type { NodeId } from "../raft/types.js";
import type { Logger } from "../telemetry/logger.js";
import { encodeMessage, isPeerKind, messageBytes } from "./message-codec.js";
import { type DialParts, PeerConnection, type PeerConnectionEnd } from "./peer-connection.js";
import type { PeerCounters } from "./peer-counters.js";
import { FrameBatch } from "./peer-frames.js";
import { MEMBER_CHANGED } from "./peer-hello.js";

/** Where a member listens. */
export interface PeerEndpoint {
  readonly host: string;
  readonly port: number;
}

export interface PeerLinkParts extends DialParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly counters: PeerCounters;
  /** Where to dial; undefined when nobody knows. Asked before each dial. */
  readonly endpointOf: (nodeId: NodeId) => PeerEndpoint | undefined;
  readonly onMember: (member: Member) => void;
  /** Possibly within a call of the link. */
  readonly onDropped: (nodeId: NodeId) => void;
  /** Never within a call of the link. */
  readonly onGone: (nodeId: NodeId) => void;
  /** The member says that this SCM was removed from the group. */
  readonly onRemoved: (by: NodeId) => void;
}

/** The way to one member: keeps a connection, and carries what Raft says to it.
 *
 * Messages leave in the order of `send` as long as the socket takes them. When it is backed up appends wait
 * here, in their order, and everything else goes past them: a heartbeat or a vote behind megabytes of entries
 * would come too late, and to Raft an append that is overtaken is one that was sent later. What the host has
 * to hold back (rule H1, message-gate.ts) it has held back before. */
export class PeerLink {
  readonly nodeId: NodeId;
  readonly scmId: Uuid;
  readonly #parts: PeerLinkParts;
  readonly #backoff: Backoff;
  readonly #batch = new FrameBatch((message) => this.#connection?.send(message));
  #connection: PeerConnection | undefined;
  #readySinceMs: number | undefined;
  #redial: Timer | undefined;
  #drain: Timer | undefined;
  /** Of this turn, in order. */
  #turn: Message[] = [];
  #turnBytes = 0;
  /** Appends that wait for the socket. */
  readonly #queue = new Fifo<Message>();
  #queueBytes = 0;
  /** A connection with it was closed by the other side; what comes of the next dial tells more. */
  #isSuspect = false;
  /** `onGone` was called, and there was no connection since. */
  #isGone = false;
  #isClosed = false;
  /** Of the last failure that was logged: the same one is not logged twice. */
  #loggedCode: string | undefined;

  constructor(parts: PeerLinkParts, nodeId: NodeId, scmId: Uuid) {
    this.#parts = parts;
    this.nodeId = nodeId;
    this.scmId = scmId;
    const { redialMsMin: initialMs, redialMsMax: maximumMs } = parts.limits;
    this.#backoff = new Backoff({ initialMs, maximumMs }, parts.random);
    this.#dial();
  }

  get isReady(): boolean {
    return this.#connection?.isReady === true;
  }

  /** Bytes that wait here and in the socket. */
  get waitingBytes(): number {
    return this.#queueBytes + this.#turnBytes + (this.#connection?.bufferedBytes() ?? 0);
  }

  /** Takes a message that leaves with `flush`, or drops it.
   * @returns whether `flush` is to be called */
  send(message: Message): boolean {
    const bytes = messageBytes(message);
    if (!this.isReady || !isPeerKind(message.kind) || this.#isFull(message, bytes)) {
      this.#drop(1);
      return false;
    }
    this.#turn.push(message);
    this.#turnBytes += bytes;
    return true;
  }

  flush(): void {
    const messages = this.#turn;
    if (messages.length === 0) return;
    this.#turn = [];
    this.#turnBytes = 0;
    const connection = this.#connection;
    if (connection === undefined || !connection.isReady) {
      this.#drop(messages.length);
      return;
    }
    let room = this.#parts.limits.socketBytesMax - connection.bufferedBytes();
    for (const message of messages) {
      if (isPatient(message) && (room <= 0 || this.#queue.length > 0)) this.#wait(message);
      else room -= this.#write(connection, message);
    }
    this.#batch.flush();
    this.#pump();
  }

  /** Tells the member who this SCM is now. */
  announce(member: Member): void {
    const connection = this.#connection;
    if (connection?.isReady !== true) return;
    const { op } = PEER_MESSAGES.memberChanged;
    connection.sendFrame(MEMBER_CHANGED.encode(op, 0, connection.nextNumber, { member }));
  }

  /** The member may be found elsewhere now, or again: whoever waits to dial does it at once. */
  retry(): void {
    if (this.#redial === undefined) return;
    this.#dial();
  }

  /** A connection from the member was opened. */
  inboundOpened(): void {
    this.#isSuspect = false;
    this.#isGone = false;
    this.retry();
  }

  /** A connection from the member was closed by it, or by its system. */
  inboundClosed(): void {
    this.#isSuspect = true;
    this.retry();
  }

  close(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#redial?.cancel();
    this.#stopSending();
    this.#connection?.close(reason);
    this.#connection = undefined;
  }

  #dial(): void {
    this.#redial?.cancel();
    this.#redial = undefined;
    const { endpointOf, limits, scheduler, counters } = this.#parts;
    const endpoint = endpointOf(this.nodeId);
    if (endpoint === undefined) {
      this.#redial = scheduler.after(limits.redialMsMax, () => this.#dial());
      return;
    }
    counters.dials++;
    const target = { nodeId: this.nodeId, scmId: this.scmId, path: RAFT_PATH, ...endpoint };
    this.#connection = new PeerConnection(this.#parts, target, {
      onReady: (member) => this.#onReady(member, endpoint),
      onFrame: onUnexpectedFrame,
      onEnded: (end) => this.#onEnded(end, endpoint),
    });
  }

  #onReady(member: Member, endpoint: PeerEndpoint): void {
    this.#readySinceMs = this.#parts.clock.monotonicMs();
    this.#isSuspect = false;
    this.#isGone = false;
    this.#loggedCode = undefined;
    this.#parts.counters.connects++;
    this.#parts.logger.info("connected to a member", { nodeId: this.nodeId, ...endpoint });
    // It may have moved between its hello and the answer.
    const own = this.#parts.facts.own();
    if (JSON.stringify(this.#connection?.told) !== JSON.stringify(own)) this.announce(own);
    this.#parts.onMember(member);
  }

  #onEnded(end: PeerConnectionEnd, endpoint: PeerEndpoint): void {
    const wasGone = this.#isGone;
    const { clock, limits, scheduler, onGone } = this.#parts;
    const wasReady = this.#readySinceMs !== undefined;
    const livedMs = clock.monotonicMs() - (this.#readySinceMs ?? clock.monotonicMs());
    this.#connection = undefined;
    this.#readySinceMs = undefined;
    this.#log(end, endpoint, wasReady);
    if (wasReady) {
      // What was on its way is lost too.
      this.#drop(this.#stopSending());
      if (end.isByOther) this.#isSuspect = true;
    } else if (this.#isSuspect) {
      this.#isSuspect = false;
      this.#isGone = end.isRefused;
    }
    const isStable = wasReady && livedMs >= limits.stableMs;
    if (isStable) this.#backoff.succeeded();
    if (isStable) this.#dial();
    else this.#redial = scheduler.after(this.#backoff.nextMs(), () => this.#dial());
    if (this.#isGone && !wasGone) onGone(this.nodeId);
    if (end.code === "MEMBER_REMOVED") this.#parts.onRemoved(this.nodeId);
  }

  #log(end: PeerConnectionEnd, endpoint: PeerEndpoint, wasReady: boolean): void {
    const { code, reason } = end;
    const what = wasReady ? "lost the connection to a member" : "cannot connect to a member";
    if (wasReady || code !== this.#loggedCode) {
      this.#parts.logger.warn(what, { nodeId: this.nodeId, ...endpoint, code, reason });
    }
    if (!wasReady) this.#loggedCode = code;
  }

  #isFull(message: Message, bytes: number): boolean {
    const { queueBytesMax, socketBytesLimit } = this.#parts.limits;
    if (isPatient(message)) return this.#queueBytes + this.#turnBytes + bytes > queueBytesMax;
    return (this.#connection?.bufferedBytes() ?? 0) > socketBytesLimit;
  }

  #wait(message: Message): void {
    this.#queue.push(message);
    this.#queueBytes += messageBytes(message);
  }

  /** Adds it to what leaves next. Returns its length; 0 when it cannot be sent. */
  #write(connection: PeerConnection, message: Message): number {
    try {
      const frame = encodeMessage(message, connection.nextNumber);
      connection.numberUsed();
      this.#batch.add(frame);
      this.#parts.counters.messagesSent++;
      return frame.length;
    } catch (error) {
      if (!(error instanceof StrataError)) throw error;
      // Our own fault. Without this message one member stays behind; without this process all would.
      this.#parts.logger.error("a message to a member cannot be sent", { nodeId: this.nodeId, error });
      this.#drop(1);
      return 0;
    }
  }

  /** Sends of the appends that wait as many as the socket takes, and looks again later for the others. */
  #pump(): void {
    const { limits, scheduler } = this.#parts;
    const connection = this.#connection;
    if (connection === undefined) return;
    while (this.#queue.length > 0 && connection.bufferedBytes() < limits.socketBytesMax) {
      const message = this.#queue.shift() as Message;
      this.#queueBytes -= messageBytes(message);
      this.#write(connection, message);
      this.#batch.flush();
    }
    if (this.#queue.length === 0 || this.#drain !== undefined) return;
    this.#drain = scheduler.after(limits.drainIntervalMs, () => {
      this.#drain = undefined;
      this.#pump();
    });
  }

  /** Returns how many messages waited. */
  #stopSending(): number {
    const count = this.#turn.length + this.#queue.length;
    this.#drain?.cancel();
    this.#drain = undefined;
    this.#turn = [];
    this.#turnBytes = 0;
    this.#queue.clear();
    this.#queueBytes = 0;
    this.#batch.clear();
    return count;
  }

  #drop(count: number): void {
    this.#parts.counters.messagesDropped += count;
    this.#parts.onDropped(this.nodeId);
  }
}

/** An append may wait for the socket. */
function isPatient(message: Message): boolean {
  return message.kind === MESSAGE_KIND.APP_REQ;
}

function onUnexpectedFrame({ op }: Frame): void {
  const answers = Object.keys(PEER_REQUESTS).join(" and ");
  throw new StrataError("FRAME_MALFORMED", { reason: `op ${op} where only ${answers} are answered` });
}
