import {
  bool,
  count,
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
  u64,
  uuid,
} from "./fields.js";
import { CONTAINER, PIPELINE, REPLICATION, SESSION_FIELDS } from "./records.js";

/** Blocks of one request: as many as fit into a frame with their pipelines. */
export const BLOCKS_PER_REQUEST_MAX = 4096;
/** Pipelines of one answer. */
export const PIPELINES_PER_ANSWER_MAX = 16;
/** Of each kind. */
export const EXCLUDED_MAX = 1024;

export const EXCLUDED = record(
  "Excluded",
  "What a failing writer wants avoided (spec 05 §2.1): advice, not an order. Unknown ids are passed over.",
  {
    datanodes: field(list(uuid, EXCLUDED_MAX), "no pipeline with one of them"),
    containerIds: field(list(count, EXCLUDED_MAX), "none of these containers"),
    pipelineIds: field(list(uuid, EXCLUDED_MAX), "none of these pipelines"),
  },
);

export const BLOCK = record("Block", "A place for a block (spec 05 §3).", {
  containerId: field(count, "where it is written"),
  localId: field(u64, "unique in the cluster, for ever"),
  pipeline: field(u16, "which of the answer's pipelines writes it"),
});

export const ALLOCATE_BLOCKS_REQUEST = record(
  "AllocateBlocksRequest",
  "Places for blocks to be written (spec 05 §2). Nothing about a block is stored: ids that were answered " +
    "are never given out again, written or not. Who repeats the request gets others.",
  {
    size: field(integer, "room that each block needs, 0 … ozone.scm.container.size", "bytes"),
    count: field(u32, `1 … ${BLOCKS_PER_REQUEST_MAX}`),
    replication: field(recordOf(REPLICATION), "configuration"),
    owner: field(text(255), "whose containers: they are never shared between owners"),
    excluded: field(optional(recordOf(EXCLUDED)), "nil = nothing"),
    client: field(optional(text(255)), "host or address of the writer, for `orders`; nil = no order"),
    allowLess: field(optional(bool), "fewer blocks than asked for are an answer, too; nil = all or none"),
  },
);
export const ALLOCATE_BLOCKS_RESPONSE = record("AllocateBlocksResponse", "The places.", {
  blocks: field(list(recordOf(BLOCK), BLOCKS_PER_REQUEST_MAX), "in the order of writing"),
  pipelines: field(list(recordOf(PIPELINE), PIPELINES_PER_ANSWER_MAX), "each once"),
  orders: field(
    optional(list(list(u8, 64), PIPELINES_PER_ANSWER_MAX)),
    "for each pipeline its members from the nearest to the client on, as indexes into `members`; nil = the " +
      "client's place is not known",
  ),
});

export const ALLOCATE_CONTAINER_REQUEST = record(
  "AllocateContainerRequest",
  "Creates a container on an open pipeline of the configuration, or on a new one (spec 02 §5.3).",
  {
    ...SESSION_FIELDS,
    replication: field(recordOf(REPLICATION), "configuration"),
    owner: field(text(255), "whose container"),
  },
);
export const ALLOCATE_CONTAINER_RESPONSE = record("AllocateContainerResponse", "Committed.", {
  container: field(recordOf(CONTAINER), "the container"),
  pipeline: field(recordOf(PIPELINE), "the pipeline that writes it"),
});
