import { bool, bytes, count, enumOf, field, list, record, recordOf, text, u16, uuid } from "./fields.js";
import type { ValueOfRecord } from "./types.js";

/** How the members of the Raft group talk to each other. */
export const PEER_PROTOCOL_VERSION = 1;
export const PEER_SUBPROTOCOL = "strata.peer.v1";
/** Raft messages, one way: from who dialled. */
export const RAFT_PATH = "/raft";
/** One snapshot at a time, from who dialled. */
export const SNAPSHOT_PATH = "/snapshot";
/** Payload of one entry of the log; an append holds entries of as much, or one entry. */
export const ENTRY_PAYLOAD_BYTES_MAX = 1024 * 1024;
/** A frame: an append of that size with what stands around its entries. */
export const PEER_FRAME_BYTES_MAX = ENTRY_PAYLOAD_BYTES_MAX + 64 * 1024;
/** What one frame on SNAPSHOT_PATH carries. */
export const SNAPSHOT_PART_BYTES_MAX = 4 * 1024 * 1024;
/** A WebSocket message: one frame, or several that leave together. */
export const PEER_MESSAGE_BYTES_MAX = SNAPSHOT_PART_BYTES_MAX + 64 * 1024;
/** Entries of one append. */
const ENTRY_COUNT_MAX = 32_768;

export const MEMBER_PORTS = record("MemberPorts", "Ports of an SCM; 0 = that service does not run there.", {
  raft: field(u16, "the Raft group"),
  strata: field(u16, "datanodes and administrators over WebSocket"),
  http: field(u16, "web pages"),
  client: field(u16, "Hadoop RPC: clients"),
  datanode: field(u16, "Hadoop RPC: datanodes"),
  block: field(u16, "Hadoop RPC: blocks"),
  security: field(u16, "Hadoop RPC: certificates"),
});
export const MEMBER = record("Member", "Who a member of the group is, and where it is found.", {
  nodeId: field(count, "given when it joins, never used again for another SCM"),
  scmId: field(uuid, "the SCM"),
  name: field(text(255), "in `ozone.scm.nodes.<service>`; empty without a service"),
  host: field(text(255), "as configured, not resolved"),
  ports: field(recordOf(MEMBER_PORTS), "ports"),
});

export const PEER_HELLO_REQUEST = record("PeerHelloRequest", "First message of every connection.", {
  protocolVersionMax: field(u16, "highest version the sender speaks"),
  clusterId: field(text(64), "refused when it is another cluster"),
  member: field(recordOf(MEMBER), "the sender, as it knows itself now"),
  target: field(count, "node id that the sender believes to be talking to"),
});
export const PEER_HELLO_RESPONSE = record("PeerHelloResponse", "Who answers.", {
  protocolVersion: field(u16, "version used from now on"),
  clusterId: field(text(64), "cluster id"),
  member: field(recordOf(MEMBER), "who answers, as it knows itself now"),
});
export const PING = record("Ping", "Are you there? Sent by who dialled, twice a second.", {});
export const PONG = record("Pong", "Yes.", {});
export const MEMBER_CHANGED = record("MemberChanged", "The sender is found elsewhere from now on.", {
  member: field(recordOf(MEMBER), "the sender, same node id and SCM id as in its hello"),
});

const ENTRY_TYPE_NUMBER = { NORMAL: 0, CONF_CHANGE_V1: 1, CONF_CHANGE_V2: 2 } as const;
const ENVELOPE = {
  from: field(count, "node id of the sender; in readIndex, who asked first"),
  to: field(count, "node id of the receiver"),
  term: field(
    count,
    "the sender's term; for pre-votes the one it would campaign in; 0 where it does not matter",
  ),
} as const;
const PAYLOAD = bytes(ENTRY_PAYLOAD_BYTES_MAX);

export const ENTRY = record("Entry", "An entry of the log; its index follows from its place.", {
  term: field(count, "term in which it was proposed"),
  type: field(enumOf(ENTRY_TYPE_NUMBER), "what it holds"),
  payload: field(PAYLOAD, "operations, or a change of membership"),
});
export const APP_REQ = record("AppReq", "Entries that follow `previous`, and the leader's commit index.", {
  ...ENVELOPE,
  previousTerm: field(count, "term of the entry before the first one"),
  previousIndex: field(count, "its index"),
  commit: field(count, "the leader's commit index"),
  entries: field(list(recordOf(ENTRY), ENTRY_COUNT_MAX), "entries"),
});
export const APP_RESP = record("AppResp", "Everything up to `index` is durable, or does not fit.", {
  ...ENVELOPE,
  index: field(count, "last durable index, or the `previous` that is not there"),
  rejected: field(bool, "the log does not hold the `previous`"),
  hintTerm: field(count, "term of the entry at the hint"),
  hintIndex: field(count, "at or before it lies the best place to look further"),
});
export const VOTE_REQ = record("VoteReq", "Asks for a vote, or with preVote whether it would be given.", {
  ...ENVELOPE,
  lastTerm: field(count, "term of the candidate's last entry"),
  lastIndex: field(count, "its index"),
  transfer: field(bool, "the leader asked for this election"),
});
export const VOTE_RESP = record("VoteResp", "The vote.", {
  ...ENVELOPE,
  rejected: field(bool, "it is not given"),
});
export const HEARTBEAT = record("Heartbeat", "The leader lives.", {
  ...ENVELOPE,
  commit: field(count, "what is committed, as far as the receiver has it"),
  readRound: field(count, "last round of reads to confirm, 0 = none"),
});
export const HEARTBEAT_RESP = record("HeartbeatResp", "So does the follower.", {
  ...ENVELOPE,
  readRound: field(count, "round that this confirms"),
});
export const READ_INDEX = record("ReadIndex", "From where on a read of the present is right?", {
  ...ENVELOPE,
  context: field(count, "number of the request at who asked first"),
});
export const READ_INDEX_RESP = record("ReadIndexResp", "From `index` on.", {
  ...ENVELOPE,
  context: field(count, "number of the request"),
  index: field(count, "to be applied before the read"),
});
export const TIMEOUT_NOW = record("TimeoutNow", "Campaign at once.", { ...ENVELOPE });

/** Messages with an answer. Numbers are for ever. */
export const PEER_REQUESTS = {
  hello: { op: 1, request: PEER_HELLO_REQUEST, response: PEER_HELLO_RESPONSE },
  ping: { op: 2, request: PING, response: PONG },
} as const;

/** A frame on SNAPSHOT_PATH behind hello, in either direction, without an answer: its body is no msgpack, but
 * bytes of the snapshot's own. */
export const SNAPSHOT_PART_OP = 4;

/** Messages without an answer on RAFT_PATH; those of Raft are 16 + their kind. Numbers are for ever.
 * Snapshots travel on their own path; proposals and requests for a transfer are not passed on. */
export const PEER_MESSAGES = {
  memberChanged: { op: 3, message: MEMBER_CHANGED },
  appReq: { op: 17, message: APP_REQ },
  appResp: { op: 18, message: APP_RESP },
  voteReq: { op: 19, message: VOTE_REQ },
  voteResp: { op: 20, message: VOTE_RESP },
  preVoteReq: { op: 21, message: VOTE_REQ },
  preVoteResp: { op: 22, message: VOTE_RESP },
  heartbeat: { op: 24, message: HEARTBEAT },
  heartbeatResp: { op: 25, message: HEARTBEAT_RESP },
  readIndex: { op: 26, message: READ_INDEX },
  readIndexResp: { op: 27, message: READ_INDEX_RESP },
  timeoutNow: { op: 28, message: TIMEOUT_NOW },
} as const;

export type MemberValue = ValueOfRecord<typeof MEMBER>;
