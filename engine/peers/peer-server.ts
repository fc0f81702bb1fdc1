import { closeCodeOf, closeReasonOf, encodeErrorView } from "../../protocol/codec/errors.js";
import { FLAG_ANSWER, type Frame } from "../../protocol/codec/frame.js";
import {
  PEER_MESSAGE_BYTES_MAX,
  PEER_MESSAGES,
  PEER_SUBPROTOCOL,
  RAFT_PATH,
  SNAPSHOT_PART_OP,
  SNAPSHOT_PATH,
} from "../../protocol/schema/peer-messages.js";
import type { Member } from "../cluster/members/member.js";
import type { Clock } from "../core/clock.js";
import { StrataError } from "../core/errors.js";
import type { Scheduler, Timer } from "../core/scheduler.js";
import type { Listener, ServerConnection, Transport, TransportHandler } from "../core/transport.js";
import { MESSAGE_KIND, type Message } from "../raft/message.js";
import type { NodeId } from "../raft/types.js";
import type { SnapshotAcceptor } from "../snapshot/snapshot-link.js";
import type { Logger } from "../telemetry/logger.js";
import { decodeMessage } from "./message-codec.js";
import type { PeerCounters } from "./peer-counters.js";
import { checkNumber, isFaultOfPeer, readFrames } from "./peer-frames.js";
import {
  acceptHello,
  HELLO_OP,
  HELLO_REQUEST,
  HELLO_RESPONSE,
  MEMBER_CHANGED,
  memberOf,
  type PeerFacts,
  PING_OP,
  PONG,
  strangerRefusal,
} from "./peer-hello.js";
import type { PeerLimits } from "./peer-limits.js";
import { AcceptedSnapshot } from "./snapshot-link.js";

export interface PeerServerParts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly transport: Transport;
  readonly logger: Logger;
  readonly facts: PeerFacts;
  readonly limits: PeerLimits;
  readonly counters: PeerCounters;
  readonly snapshotAcceptor: () => SnapshotAcceptor | undefined;
  readonly onMessage: (message: Message) => void;
  /** A member has said hello on RAFT_PATH, or says that it has changed. */
  readonly onMember: (member: Member) => void;
  readonly onOpened: (member: Member) => void;
  /** The last connection of that member on RAFT_PATH was closed by it, or by its system. */
  readonly onClosedByPeer: (nodeId: NodeId) => void;
}

/** Answers are small; a peer that leaves more than this unread is broken. */
const SEND_BUFFER_BYTES_MAX = 4 * 1024 * 1024;
/** The transport pings a silent connection, and closes it when it stays silent. */
const IDLE_TIMEOUT_SECONDS = 8;
/** A group has few members, each with one connection for messages and one for a snapshot; those that are
 * refused and dial again count for a while after they were closed. */
const CONNECTION_COUNT_MAX = 1024;
/** Refusals that are remembered, so that each is logged once as a warning and not with every attempt. */
const REFUSAL_COUNT_MAX = 100;

/** One connection of another member. */
class PeerSession {
  readonly connection: ServerConnection;
  readonly openedAtMs: number;
  /** Undefined until it has said hello. */
  member: Member | undefined;
  lastNumber = 0;
  snapshot: AcceptedSnapshot | undefined;
  isClosedHere = false;

  constructor(connection: ServerConnection, openedAtMs: number) {
    this.connection = connection;
    this.openedAtMs = openedAtMs;
  }

  close(error: StrataError): void {
    if (!this.connection.isOpen) return;
    this.isClosedHere = true;
    this.connection.close(closeCodeOf(error.code), closeReasonOf(error));
  }
}

/** The side of the network where other members dial: makes sure who they are, and hands on what they say. */
export class PeerServer implements TransportHandler {
  readonly #parts: PeerServerParts;
  readonly #sessions = new Set<PeerSession>();
  /** Those that carry messages, by who sends them. */
  readonly #byMember = new Map<NodeId, PeerSession>();
  /** Address, path and code. */
  readonly #refusals = new Set<string>();
  #listener: Listener | undefined;
  #deadlines: Timer | undefined;

  constructor(parts: PeerServerParts) {
    this.#parts = parts;
  }

  /** Throws LISTEN_FAILED. */
  async listen(host: string, port: number): Promise<number> {
    const { transport, scheduler, limits } = this.#parts;
    this.#listener = await transport.listen(
      {
        host,
        port,
        paths: [RAFT_PATH, SNAPSHOT_PATH],
        subprotocol: PEER_SUBPROTOCOL,
        messageBytesMax: PEER_MESSAGE_BYTES_MAX,
        sendBufferBytesMax: SEND_BUFFER_BYTES_MAX,
        idleTimeoutSeconds: IDLE_TIMEOUT_SECONDS,
        connectionCountMax: CONNECTION_COUNT_MAX,
      },
      this,
    );
    this.#deadlines = scheduler.every(limits.handshakeTimeoutMs / 2, () => this.#expire());
    return this.#listener.port;
  }

  /** Whether the member can send messages here. */
  isHeard(nodeId: NodeId): boolean {
    return this.#byMember.has(nodeId);
  }

  /** Who can. */
  get members(): readonly Member[] {
    return [...this.#byMember.values()].map(({ member }) => member as Member);
  }

  /** Closes the connections of those who are no members any more. */
  checkMembers(): void {
    const { facts } = this.#parts;
    for (const session of [...this.#sessions]) {
      const { member } = session;
      if (member === undefined || facts.isMember(member.nodeId, member.scmId)) continue;
      this.#refuse(session, strangerRefusal(member, facts));
    }
  }

  async close(): Promise<void> {
    this.#deadlines?.cancel();
    for (const session of this.#sessions) session.isClosedHere = true;
    await this.#listener?.close();
  }

  onOpen(connection: ServerConnection): void {
    const session = new PeerSession(connection, this.#parts.clock.monotonicMs());
    connection.session = session;
    this.#sessions.add(session);
  }

  onMessage(connection: ServerConnection, message: Uint8Array): void {
    const session = connection.session as PeerSession;
    this.#parts.counters.bytesReceived += message.length;
    try {
      readFrames(message, (frame, bytes) => {
        this.#take(session, frame, bytes);
        return connection.isOpen;
      });
    } catch (error) {
      if (!isFaultOfPeer(error)) throw error;
      this.#refuse(session, error);
    }
  }

  onClose(connection: ServerConnection, code: number): void {
    const session = connection.session as PeerSession;
    const { member, snapshot, isClosedHere } = session;
    this.#sessions.delete(session);
    snapshot?.closed(`closed with code ${code}`);
    if (member === undefined || this.#byMember.get(member.nodeId) !== session) return;
    this.#byMember.delete(member.nodeId);
    if (!isClosedHere) this.#parts.onClosedByPeer(member.nodeId);
  }

  #take(session: PeerSession, frame: Frame, bytes: Uint8Array): void {
    // The frame object is overwritten by the next one.
    const { op, flags, requestId, bodyStart, bodyEnd } = frame;
    if (flags !== 0)
      throw new StrataError("FRAME_MALFORMED", { reason: "an answer was sent to who listens" });
    checkNumber(requestId, session.lastNumber);
    session.lastNumber = requestId;
    const { connection, member } = session;
    if (member === undefined) {
      if (op !== HELLO_OP) throw new StrataError("HELLO_EXPECTED");
      this.#greet(session, requestId, HELLO_REQUEST.decode(bytes, bodyStart, bodyEnd));
    } else if (op === PING_OP) {
      connection.send(PONG.encodeView(PING_OP, FLAG_ANSWER, requestId, {}));
    } else if (op === HELLO_OP) {
      throw new StrataError("HELLO_REPEATED");
    } else if (connection.path === SNAPSHOT_PATH) {
      if (op !== SNAPSHOT_PART_OP) throw new StrataError("UNSUPPORTED_OPERATION", { op });
      session.snapshot?.received(bytes.subarray(bodyStart, bodyEnd));
    } else if (op === PEER_MESSAGES.memberChanged.op) {
      this.#changed(session, memberOf(MEMBER_CHANGED.decode(bytes, bodyStart, bodyEnd).member));
    } else {
      const message = decodeMessage(op, bytes, bodyStart, bodyEnd);
      this.#checkWay(message, member.nodeId);
      this.#parts.counters.messagesReceived++;
      this.#parts.onMessage(message);
    }
  }

  #greet(session: PeerSession, requestId: number, request: Parameters<typeof acceptHello>[0]): void {
    const { facts, counters, logger } = this.#parts;
    const { connection } = session;
    const acceptor = this.#parts.snapshotAcceptor();
    const isSnapshot = connection.path === SNAPSHOT_PATH;
    let answer: Uint8Array;
    try {
      if (isSnapshot && acceptor === undefined) {
        throw new StrataError("UNSUPPORTED_OPERATION", { op: SNAPSHOT_PART_OP });
      }
      answer = HELLO_RESPONSE.encodeView(HELLO_OP, FLAG_ANSWER, requestId, acceptHello(request, facts));
    } catch (error) {
      if (!isFaultOfPeer(error)) throw error;
      connection.send(encodeErrorView(HELLO_OP, requestId, error, { term: 0 }));
      throw error;
    }
    connection.send(answer);
    const member = memberOf(request.member);
    session.member = member;
    counters.accepts++;
    logger.info("a member connected", {
      nodeId: member.nodeId,
      address: connection.remoteAddress,
      path: connection.path,
    });
    if (!isSnapshot) this.#acceptMessages(session, member);
    else if (acceptor !== undefined) this.#acceptSnapshot(session, member.nodeId, acceptor);
  }

  #acceptMessages(session: PeerSession, member: Member): void {
    const older = this.#byMember.get(member.nodeId);
    this.#byMember.set(member.nodeId, session);
    older?.close(new StrataError("REPLACED_BY_NEW_CONNECTION"));
    this.#parts.onMember(member);
    this.#parts.onOpened(member);
  }

  #acceptSnapshot(session: PeerSession, peer: NodeId, acceptor: SnapshotAcceptor): void {
    session.snapshot = new AcceptedSnapshot(session.connection, peer, acceptor, () => {
      session.isClosedHere = true;
    });
  }

  #changed(session: PeerSession, member: Member): void {
    const { nodeId, scmId } = session.member as Member;
    if (member.nodeId !== nodeId || member.scmId !== scmId) throw invalid("it is another member now");
    session.member = member;
    this.#parts.onMember(member);
  }

  /** A member speaks in its own name; only a read that it passes on keeps the name of who asked. */
  #checkWay({ kind, from, to }: Message, peer: NodeId): void {
    const { nodeId } = this.#parts.facts.own();
    if (to !== nodeId) throw invalid(`it is for node ${to}`);
    if (from === peer) return;
    if (kind !== MESSAGE_KIND.READ_INDEX || from === nodeId)
      throw invalid(`it is in the name of node ${from}`);
  }

  #refuse(session: PeerSession, error: StrataError): void {
    if (!session.connection.isOpen) return;
    this.#parts.counters.refusals++;
    const { remoteAddress: address, path } = session.connection;
    const key = `${address} ${path} ${error.code}`;
    const level = this.#refusals.has(key) ? "debug" : "warn";
    if (this.#refusals.size >= REFUSAL_COUNT_MAX) this.#refusals.clear();
    this.#refusals.add(key);
    const nodeId = session.member?.nodeId;
    this.#parts.logger[level]("a connection of a member is closed", { address, path, nodeId, error });
    session.close(error);
  }

  /** Closes what has not said hello in time. */
  #expire(): void {
    const limitMs = this.#parts.limits.handshakeTimeoutMs;
    const nowMs = this.#parts.clock.monotonicMs();
    for (const session of [...this.#sessions]) {
      if (session.member !== undefined || session.openedAtMs + limitMs > nowMs) continue;
      this.#refuse(session, new StrataError("HANDSHAKE_TIMEOUT", { limitMs }));
    }
  }
}

function invalid(reason: string): StrataError {
  return new StrataError("PEER_MESSAGE_INVALID", { reason });
}
