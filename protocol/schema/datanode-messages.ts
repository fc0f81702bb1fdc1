import { OPERATIONAL_STATE } from "../../engine/core/enums.js";
import {
  bool,
  bytes,
  count,
  enumOf,
  field,
  integer,
  list,
  optional,
  record,
  recordOf,
  text,
  u8,
  u16,
  u32,
  uuid,
} from "./fields.js";
import {
  COMMAND,
  COMMAND_COUNT,
  COMMAND_STATUS,
  CONTAINER_ACTION,
  DATANODE_DETAILS,
  LAYOUT_VERSION,
  NODE_REPORT,
  PIPELINE_ACTION,
  PIPELINE_REPORT,
} from "./records.js";

/** Messages of the datanode's endpoint (spec 01 §3–5, spec 02 §6). */

/** Row bytes of one report chunk. */
export const REPORT_CHUNK_BYTES_MAX = 128 * 1024;
const ROW_DOC =
  "Rows of rowBytes, little-endian, ascending by id: id f64 @0, usedBytes f64 @8, sequenceId f64 @16, " +
  "keyCount u32 @24, origin index u16 @28, state and empty flag u8 @30 (state in bits 0–3, empty in " +
  "bit 7), replicaIndex u8 @31, and in rows of 40 bytes the data checksum u64 @32";

export const REGISTER_REQUEST = record("RegisterRequest", "Registers the datanode (spec 01 §3).", {
  details: field(recordOf(DATANODE_DETAILS), "who"),
  report: field(recordOf(NODE_REPORT), "volumes"),
  pipelineReports: field(list(recordOf(PIPELINE_REPORT), 4096), "all pipelines of the datanode"),
  layout: field(recordOf(LAYOUT_VERSION), "layout versions"),
});
export const REGISTER_RESPONSE = record("RegisterResponse", "The record that the SCM made.", {
  uuid: field(uuid, "the datanode"),
  clusterId: field(text(64), "cluster id"),
  hostName: field(text(255), "as recorded; the datanode adopts it"),
  ipAddress: field(text(64), "as recorded; the datanode adopts it"),
  networkName: field(text(255), "as recorded"),
  networkLocation: field(text(1024), "as recorded"),
});

export const HEARTBEAT_REQUEST = record(
  "HeartbeatRequest",
  "Sign of life with the small reports (spec 01 §4).",
  {
    persistedOpState: field(enumOf(OPERATIONAL_STATE), "on the datanode's disk"),
    persistedOpStateExpiry: field(integer, "0 = never", "epoch seconds"),
    layout: field(optional(recordOf(LAYOUT_VERSION)), "nil = as before"),
    commandCounts: field(
      optional(list(recordOf(COMMAND_COUNT), 64)),
      "replaces all stored counts; nil = as before",
    ),
    nodeReport: field(optional(recordOf(NODE_REPORT)), "volumes, at their own interval"),
    pipelineReports: field(optional(list(recordOf(PIPELINE_REPORT), 4096)), "at their own interval"),
    pipelineActions: field(optional(list(recordOf(PIPELINE_ACTION), 20)), "at most 20 a heartbeat"),
    containerActions: field(optional(list(recordOf(CONTAINER_ACTION), 20)), "at most 20 a heartbeat"),
    commandStatuses: field(
      optional(list(recordOf(COMMAND_STATUS), 1024)),
      "outcomes since the last heartbeat",
    ),
    termSeen: field(
      optional(count),
      "highest term that the datanode has seen: it runs no command of a lower one any more; nil = not told",
      "term",
    ),
  },
);
export const HEARTBEAT_RESPONSE = record("HeartbeatResponse", "Orders for the datanode.", {
  term: field(count, "term of the leader, 0 from a follower", "term"),
  fullReportWanted: field(bool, "send a full report as soon as credit is given"),
  commands: field(list(recordOf(COMMAND), 4096), "in order"),
});

export const TAKE_BACK_COMMANDS_REQUEST = record(
  "TakeBackCommandsRequest",
  "Commands of an answer that did not reach the datanode: they wait for its next heartbeat. Only from the " +
    "SCM's own gateway for Hadoop RPC; others lose their connection with their answer.",
  {
    commands: field(list(recordOf(COMMAND), 4096), "in order, as they were given out"),
  },
);
export const TAKE_BACK_COMMANDS_RESPONSE = record("TakeBackCommandsResponse", "They are in the queue.", {});

export const FULL_REPORT_BEGIN_REQUEST = record(
  "FullReportBeginRequest",
  "Asks for credit to send a full report. The answer comes when there is room for it: wait. " +
    "A later begin of the same datanode replaces the earlier one.",
  {
    fromRegistration: field(bool, "first report after registering"),
    rowCount: field(count, "estimate"),
  },
);
export const FULL_REPORT_BEGIN_RESPONSE = record("FullReportBeginResponse", "The grant.", {
  reportId: field(u32, "goes into every chunk"),
  chunksInFlightMax: field(u16, "unanswered chunks allowed at a time"),
});
export const FULL_REPORT_CHUNK_REQUEST = record(
  "FullReportChunkRequest",
  "States the truth about the ids fromId … toId at this place of the connection's stream. Ranges of one " +
    "report ascend without gaps from 0 to 2^53 − 1. Answered when merged, which returns its credit.",
  {
    reportId: field(u32, "as granted"),
    last: field(bool, "the report is complete with this chunk"),
    fromId: field(count, "first id of the range"),
    toId: field(count, "last id of the range, inclusive"),
    rowBytes: field(u8, "32, or 40 with checksums"),
    origins: field(optional(list(uuid, 65_535)), "dictionary of origins; first chunk only"),
    rows: field(bytes(REPORT_CHUNK_BYTES_MAX), ROW_DOC),
  },
);
export const FULL_REPORT_CHUNK_RESPONSE = record("FullReportChunkResponse", "The chunk has been merged.", {});

export const INCREMENTAL_REPORT_REQUEST = record(
  "IncrementalReportRequest",
  "Replicas that changed; a state of DELETED takes the replica away. Needs no credit and keeps its place " +
    "between chunks.",
  {
    rowBytes: field(u8, "32, or 40 with checksums"),
    origins: field(list(uuid, 4096), "dictionary of origins for this message"),
    rows: field(bytes(REPORT_CHUNK_BYTES_MAX), `${ROW_DOC}. The order is free.`),
  },
);
export const INCREMENTAL_REPORT_RESPONSE = record("IncrementalReportResponse", "Taken over.", {});
