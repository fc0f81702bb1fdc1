import { RecordCodec } from "../../protocol/codec/codec.js";
import {
  type MemberValue,
  PEER_MESSAGES,
  PEER_PROTOCOL_VERSION,
  PEER_REQUESTS,
} from "../../protocol/schema/peer-messages.js";
import type { ValueOfRecord } from "../../protocol/schema/types.js";
import type { Member } from "../cluster/members/member.js";
import { StrataError } from "../core/errors.js";
import type { Uuid } from "../core/uuid.js";
import type { NodeId } from "../raft/types.js";
import { isLocalThread, nodeId } from "../raft/types.js";

type HelloRequest = ValueOfRecord<typeof PEER_REQUESTS.hello.request>;
type HelloResponse = ValueOfRecord<typeof PEER_REQUESTS.hello.response>;

export const HELLO_OP = PEER_REQUESTS.hello.op;
export const PING_OP = PEER_REQUESTS.ping.op;
export const HELLO_REQUEST = new RecordCodec<HelloRequest>(PEER_REQUESTS.hello.request);
export const HELLO_RESPONSE = new RecordCodec<HelloResponse>(PEER_REQUESTS.hello.response);
export const PING = new RecordCodec<object>(PEER_REQUESTS.ping.request);
export const PONG = new RecordCodec<object>(PEER_REQUESTS.ping.response);
export const MEMBER_CHANGED = new RecordCodec<ValueOfRecord<typeof PEER_MESSAGES.memberChanged.message>>(
  PEER_MESSAGES.memberChanged.message,
);

/** Who this SCM is and whom it knows. */
export interface PeerFacts {
  readonly clusterId: string;
  /** This SCM as others shall know it; asked whenever they are told. Node id and SCM id never change. */
  readonly own: () => Member;
  /** Whether such an SCM may speak here. One that does not know its group yet says yes to all. */
  readonly isMember: (nodeId: NodeId, scmId: Uuid) => boolean;
  /** Whether such an SCM, which may not speak here, was a member once. Left out: not known of anybody. */
  readonly wasMember?: (nodeId: NodeId, scmId: Uuid) => boolean;
}

/** A name, an IPv4 or an IPv6 address: it becomes part of an URL. */
const HOST = /^[\w.-]+$|^[\da-fA-F:.]+$/;

/** A member as it describes itself.
 * @throws StrataError PEER_MESSAGE_INVALID */
export function memberOf(value: MemberValue): Member {
  const id = nodeId(value.nodeId);
  if (id === 0 || isLocalThread(id)) throw invalid(`node id ${value.nodeId}`);
  if (!HOST.test(value.host)) throw invalid("its host is no host name or address");
  return { ...value, nodeId: id };
}

/** What who dialled says first: it believes to be talking to `target`. */
export function helloRequest({ clusterId, own }: PeerFacts, target: NodeId): HelloRequest {
  return { protocolVersionMax: PEER_PROTOCOL_VERSION, clusterId, member: own(), target };
}

/** The answer.
 * @throws StrataError that refuses who dialled: CLUSTER_ID_MISMATCH, NODE_ID_TAKEN, PEER_NODE_ID,
 * MEMBER_UNKNOWN, MEMBER_REMOVED; or that says what is wrong with its hello */
export function acceptHello(request: HelloRequest, facts: PeerFacts): HelloResponse {
  const { clusterId, isMember } = facts;
  const own = facts.own();
  checkVersion("PeerHelloRequest", "protocolVersionMax", request.protocolVersionMax);
  const member = memberOf(request.member);
  if (request.clusterId !== clusterId) {
    throw new StrataError("CLUSTER_ID_MISMATCH", { given: request.clusterId, expected: clusterId });
  }
  if (member.nodeId === own.nodeId) throw new StrataError("NODE_ID_TAKEN", { nodeId: own.nodeId });
  if (request.target !== own.nodeId) {
    throw new StrataError("PEER_NODE_ID", { target: request.target, nodeId: own.nodeId });
  }
  if (!isMember(member.nodeId, member.scmId)) throw strangerRefusal(member, facts);
  const protocolVersion = Math.min(request.protocolVersionMax, PEER_PROTOCOL_VERSION);
  return { protocolVersion, clusterId, member: own };
}

/** What is said to one that may not speak here: who was removed has to learn it, since the entry that removes
 * it may never reach it. */
export function strangerRefusal({ nodeId: id, scmId }: Member, { wasMember }: PeerFacts): StrataError {
  return new StrataError(wasMember?.(id, scmId) === true ? "MEMBER_REMOVED" : "MEMBER_UNKNOWN", { scmId });
}

/** Who answered, when it is the one that was dialled.
 * @throws StrataError CLUSTER_ID_MISMATCH, PEER_NODE_ID, MEMBER_UNKNOWN */
export function checkAnswer(
  response: HelloResponse,
  facts: PeerFacts,
  target: { readonly nodeId: NodeId; readonly scmId: Uuid },
): Member {
  const { clusterId } = facts;
  const { protocolVersion } = response;
  checkVersion("PeerHelloResponse", "protocolVersion", protocolVersion);
  if (protocolVersion > PEER_PROTOCOL_VERSION)
    throw new StrataError("FRAME_VERSION", { version: protocolVersion });
  const member = memberOf(response.member);
  if (response.clusterId !== clusterId) {
    throw new StrataError("CLUSTER_ID_MISMATCH", { given: response.clusterId, expected: clusterId });
  }
  if (member.nodeId !== target.nodeId) {
    throw new StrataError("PEER_NODE_ID", { target: target.nodeId, nodeId: member.nodeId });
  }
  if (member.scmId !== target.scmId) throw new StrataError("MEMBER_UNKNOWN", { scmId: member.scmId });
  return member;
}

function checkVersion(message: string, field: string, version: number): void {
  if (version < 1) throw new StrataError("FIELD_INVALID", { message, field, reason: "must be at least 1" });
}

function invalid(reason: string): StrataError {
  return new StrataError("PEER_MESSAGE_INVALID", { reason });
}
