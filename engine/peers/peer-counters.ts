import type { Meanings } from "../telemetry/metrics.js";

/** What the network between members counts. */
export interface PeerCounters {
  messagesSent: number;
  messagesReceived: number;
  messagesDropped: number;
  bytesSent: number;
  bytesReceived: number;
  dials: number;
  connects: number;
  accepts: number;
  refusals: number;
}

export const PEER_COUNTER_MEANINGS: Meanings<PeerCounters> = {
  messagesSent: "Raft messages sent to other members.",
  messagesReceived: "Raft messages of other members.",
  messagesDropped: "Raft messages dropped for want of a connection, or because too much waited.",
  bytesSent: "Bytes sent on connections that this SCM dialled.",
  bytesReceived: "Bytes received on connections that members dialled.",
  dials: "Attempts to connect to a member.",
  connects: "Connections to members; more than one each are reconnections.",
  accepts: "Connections of members.",
  refusals: "Connections that were closed because of what came, or who.",
};

export function newPeerCounters(): PeerCounters {
  return {
    messagesSent: 0,
    messagesReceived: 0,
    messagesDropped: 0,
    bytesSent: 0,
    bytesReceived: 0,
    dials: 0,
    connects: 0,
    accepts: 0,
    refusals: 0,
  };
}
