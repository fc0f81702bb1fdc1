import { PIPELINE_STATE, REPLICATION_TYPE } from "../../engine/core/enums.js";
import { bool, enumOf, field, list, optional, record, recordOf, u16, uuid } from "./fields.js";
import { PIPELINE, REPLICATION, SESSION_FIELDS } from "./records.js";

/** What administrators ask about pipelines and tell them (spec 03 §9.5, spec 09 §4.3). */

const WHICH = { pipelineId: field(uuid, "which") } as const;

export const LIST_PIPELINES_REQUEST = record("ListPipelinesRequest", "Pipelines, ordered by id.", {
  after: field(optional(uuid), "cursor: last id of the page before, or its next"),
  countMax: field(u16, "1 … 128"),
  state: field(optional(enumOf(PIPELINE_STATE)), "only these"),
  replicationType: field(optional(enumOf(REPLICATION_TYPE)), "only these"),
  replication: field(optional(recordOf(REPLICATION)), "only those of this very configuration"),
});
export const LIST_PIPELINES_RESPONSE = record("ListPipelinesResponse", "A page.", {
  pipelines: field(list(recordOf(PIPELINE), 128), "pipelines"),
  more: field(bool, "there may be more"),
  next: field(
    optional(uuid),
    "cursor of the next page when there may be more: one that is filtered may end before its last match",
  ),
});
export const GET_PIPELINE_REQUEST = record("GetPipelineRequest", "One pipeline.", WHICH);
export const GET_PIPELINE_RESPONSE = record("GetPipelineResponse", "The pipeline.", {
  pipeline: field(recordOf(PIPELINE), "the pipeline"),
});

export const CREATE_PIPELINE_REQUEST = record(
  "CreatePipelineRequest",
  "Creates a RATIS or STAND_ALONE pipeline, within the limits (spec 03 §4, §5); the SCM chooses its members.",
  { ...SESSION_FIELDS, replication: field(recordOf(REPLICATION), "configuration") },
);
export const CREATE_PIPELINE_RESPONSE = record("CreatePipelineResponse", "Committed.", {
  pipeline: field(
    recordOf(PIPELINE),
    "as it is now: a RATIS pipeline is ALLOCATED until its members have reported it",
  ),
});
export const CLOSE_PIPELINE_REQUEST = record(
  "ClosePipelineRequest",
  "Closes a pipeline with all its open containers (spec 03 §9.1); the SCM removes it later.",
  { ...SESSION_FIELDS, ...WHICH },
);
export const CLOSE_PIPELINE_RESPONSE = record("ClosePipelineResponse", "It is closed.", {});
export const ACTIVATE_PIPELINE_REQUEST = record(
  "ActivatePipelineRequest",
  "Takes a DORMANT pipeline into use again, or an ALLOCATED one without waiting for its members.",
  { ...SESSION_FIELDS, ...WHICH },
);
export const ACTIVATE_PIPELINE_RESPONSE = record("ActivatePipelineResponse", "It is open.", {});
export const DEACTIVATE_PIPELINE_REQUEST = record(
  "DeactivatePipelineRequest",
  "Lets an OPEN pipeline rest: it gets no new blocks, and counts for the limits.",
  { ...SESSION_FIELDS, ...WHICH },
);
export const DEACTIVATE_PIPELINE_RESPONSE = record("DeactivatePipelineResponse", "It is DORMANT.", {});
