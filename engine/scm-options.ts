import { REQUESTS_IN_FLIGHT_MAX } from "../protocol/schema/messages.js";
import type { Config } from "./config/config.js";
import type { RaftHostOptions } from "./consensus/raft-host-options.js";
import { DEFAULT_RAFT_HOST_OPTIONS } from "./consensus/raft-host-options.js";
import type { RpcLimits } from "./gateway/rpc-server.js";

/** Page bytes of a flush item, for turning the configured number of items into bytes. */
const FLUSH_ITEM_BYTES = 4096;

/** What the configuration says about consensus. */
export function raftOptionsOf({ storage, raft, gateway }: Config): RaftHostOptions {
  return {
    ...DEFAULT_RAFT_HOST_OPTIONS,
    tickMs: raft.electionTimeoutMs / DEFAULT_RAFT_HOST_OPTIONS.electionTimeoutTicks,
    inflightCountMax: gateway.mutationsInFlightMax,
    uncommittedBytesMax: raft.uncommittedBytesMax,
    flushIntervalMs: storage.flushIntervalMs,
    flushBytes: storage.flushItemCountMax * FLUSH_ITEM_BYTES,
    dirtyBytesMax: storage.dirtyBytesMax,
    logEntryCountMax: raft.logEntryCountMax,
    entryCacheBytesMax: raft.entryCacheBytesMax,
  };
}

/** What it says about connections of datanodes and administrators. */
export function rpcLimitsOf({ gateway }: Config): RpcLimits {
  return {
    connectionCountMax: gateway.connectionCountMax,
    connectionsPerAddressMax: gateway.connectionsPerAddressMax,
    sendBufferBytesMax: gateway.sendBufferBytesMax,
    idleTimeoutSeconds: Math.ceil(gateway.idleTimeoutMs / 1000),
    handshakeTimeoutMs: gateway.handshakeTimeoutMs,
    requestsInFlightMax: REQUESTS_IN_FLIGHT_MAX,
  };
}
