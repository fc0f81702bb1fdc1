import { CONTAINER_HEALTH, CONTAINER_STATE, REPLICATION_TYPE } from "../../engine/core/enums.js";
import {
  bool,
  count,
  enumOf,
  field,
  list,
  optional,
  record,
  recordOf,
  u8,
  u16,
  u32,
  uuid,
} from "./fields.js";
import { CONTAINER, DATANODE_DETAILS, PIPELINE, REPLICA, REPLICATION, SESSION_FIELDS } from "./records.js";

/** What administrators ask about containers and tell them (spec 02 §14, §15; spec 09 §4.1). */

const WHICH = { containerId: field(count, "which") } as const;
const NEXT = field(count, "where the next page starts; 0 = no more");

export const LIST_CONTAINERS_REQUEST = record("ListContainersRequest", "Containers by id (spec 02 §14).", {
  startContainerId: field(count, "first id, inclusive"),
  countMax: field(
    u16,
    "1 … 1,024; the SCM may answer fewer: ozone.scm.container.list.max.count, and what it looks at in a turn",
  ),
  state: field(optional(enumOf(CONTAINER_STATE)), "only these"),
  replicationType: field(optional(enumOf(REPLICATION_TYPE)), "only these"),
  replicationFactor: field(optional(u8), "only these; not with EC"),
  suppressed: field(optional(bool), "only these"),
  replication: field(optional(recordOf(REPLICATION)), "only those of this very configuration"),
});
export const LIST_CONTAINERS_RESPONSE = record("ListContainersResponse", "A page.", {
  containers: field(list(recordOf(CONTAINER), 1024), "containers"),
  nextContainerId: NEXT,
  totalCount: field(count, "all containers that exist, whatever the filter"),
  matchCount: field(
    optional(count),
    "containers from startContainerId on that match; nil where counting them would take a scan",
  ),
});
export const LIST_CONTAINER_IDS_REQUEST = record("ListContainerIdsRequest", "Ids of containers, ascending.", {
  startContainerId: field(count, "first id, inclusive"),
  countMax: field(u16, "1 … 8,192"),
  state: field(optional(enumOf(CONTAINER_STATE)), "only these"),
});
export const LIST_CONTAINER_IDS_RESPONSE = record("ListContainerIdsResponse", "A page.", {
  containerIds: field(list(count, 8192), "ids"),
  nextContainerId: NEXT,
});
export const GET_CONTAINER_REQUEST = record("GetContainerRequest", "One container with its pipeline.", WHICH);
export const GET_CONTAINER_RESPONSE = record("GetContainerResponse", "The container.", {
  container: field(recordOf(CONTAINER), "the container"),
  pipeline: field(
    optional(recordOf(PIPELINE)),
    "the one it was created on; nil when it is gone: where to read then, getContainerReplicas says",
  ),
  health: field(u8, "health state, 0 = HEALTHY (spec 02 §15.4)"),
});
export const GET_CONTAINERS_REQUEST = record("GetContainersRequest", "Several containers.", {
  containerIds: field(list(count, 256), "which; each is answered as often as it is named"),
  existingOnly: field(bool, "leaves out what does not exist; else the first such id fails the request"),
});
export const GET_CONTAINERS_RESPONSE = record("GetContainersResponse", "The containers.", {
  containers: field(list(recordOf(CONTAINER), 256), "in the order asked for"),
  pipelines: field(list(recordOf(PIPELINE), 256), "those of their pipelines that exist, each once"),
});
export const GET_CONTAINER_REPLICAS_REQUEST = record(
  "GetContainerReplicasRequest",
  "Replicas of a container.",
  { containerId: field(count, "which; one that the SCM does not know is answered too") },
);
export const GET_CONTAINER_REPLICAS_RESPONSE = record("GetContainerReplicasResponse", "Its replicas.", {
  replicas: field(list(recordOf(REPLICA), 1024), "ordered by datanode uuid"),
  datanodes: field(optional(list(recordOf(DATANODE_DETAILS), 1024)), "of each replica, in the same order"),
});
export const GET_CONTAINER_COUNT_REQUEST = record("GetContainerCountRequest", "How many containers exist.", {
  state: field(optional(enumOf(CONTAINER_STATE)), "only these; nil = all"),
});
export const GET_CONTAINER_COUNT_RESPONSE = record("GetContainerCountResponse", "The number.", {
  containerCount: field(count, "containers"),
});

export const STATE_COUNT = record("StateCount", "Containers in a state of life.", {
  state: field(enumOf(CONTAINER_STATE), "which"),
  containerCount: field(count, "containers in it"),
});
export const HEALTH_COUNT = record("HealthCount", "Containers in a state of health.", {
  health: field(enumOf(CONTAINER_HEALTH), "which"),
  containerCount: field(count, "containers in it"),
  sample: field(list(count, 1000), "ids of some of them"),
});
export const CONTAINER_REPORT_REQUEST = record(
  "ContainerReportRequest",
  "Counts of containers by state and health (spec 02 §15.3).",
  {},
);
export const CONTAINER_REPORT_RESPONSE = record("ContainerReportResponse", "The counts.", {
  timeMs: field(
    count,
    "when the replication manager last ended a pass; 0 = not yet, no health is known",
    "epoch ms",
  ),
  sampleCountMax: field(u32, "ids that a sample has at most"),
  states: field(list(recordOf(STATE_COUNT), 32), "every state of life, as of now"),
  suppressedCount: field(count, "containers that are left out of replication checks, as of now"),
  healths: field(list(recordOf(HEALTH_COUNT), 64), "states of health, of the last pass; empty without one"),
});

export const SUPPRESS_CONTAINERS_REQUEST = record("SuppressContainersRequest", "Sets the suppressed flag.", {
  ...SESSION_FIELDS,
  containerIds: field(list(count, 1024), "which"),
  suppress: field(bool, "wanted flag"),
});
export const SUPPRESS_CONTAINERS_RESPONSE = record("SuppressContainersResponse", "Committed.", {
  failedContainerIds: field(list(count, 1024), "ids that do not exist"),
});
export const IMPORT_REQUEST = record(
  "ImportRequest",
  "Takes over containers and pipelines of another SCM, all or nothing.",
  {
    ...SESSION_FIELDS,
    pipelines: field(list(recordOf(PIPELINE), 256), "pipelines; an equal one that exists is skipped"),
    containers: field(list(recordOf(CONTAINER), 2048), "containers; an equal one that exists is skipped"),
  },
);
export const IMPORT_RESPONSE = record("ImportResponse", "Committed.", {
  pipelineCount: field(u32, "added"),
  containerCount: field(u32, "added"),
});
export const END_IMPORT_REQUEST = record(
  "EndImportRequest",
  "Everything has been taken over: nothing can be imported any more, for good.",
  SESSION_FIELDS,
);
export const END_IMPORT_RESPONSE = record("EndImportResponse", "Committed.", {});
export const CLOSE_CONTAINER_REQUEST = record(
  "CloseContainerRequest",
  "Begins to close an open container (spec 02 §10.2): no new blocks, and its datanodes are told to close " +
    "it when the ones that were given out have had time to be written.",
  { ...SESSION_FIELDS, ...WHICH },
);
export const CLOSE_CONTAINER_RESPONSE = record("CloseContainerResponse", "What became of it.", {
  status: field(
    enumOf({ OK: 1, CONTAINER_ALREADY_CLOSED: 2, CONTAINER_ALREADY_CLOSING: 3 }),
    "OK: it is closing now; else nothing was done",
  ),
});
export const DELETE_CONTAINER_REQUEST = record(
  "DeleteContainerRequest",
  "Deletes a container whose replicas are all empty (spec 02 §10.3); refused for every other one.",
  { ...SESSION_FIELDS, ...WHICH },
);
export const DELETE_CONTAINER_RESPONSE = record("DeleteContainerResponse", "It is in state DELETING.", {
  commandCount: field(
    u32,
    "datanodes that were told now to delete their replicas; the others are told later",
  ),
});
export const RECONCILE_CONTAINER_REQUEST = record(
  "ReconcileContainerRequest",
  "Tells every holder of a replica to compare it with the others and repair it (spec 02 §12).",
  WHICH,
);
export const RECONCILE_CONTAINER_RESPONSE = record("ReconcileContainerResponse", "They are told.", {
  commandCount: field(u32, "datanodes that were told"),
});

export const NODE_CONTAINER = record("NodeContainer", "A container of a datanode.", {
  containerId: field(count, "which"),
  state: field(optional(enumOf(CONTAINER_STATE)), "of the container; nil = the SCM knows no such container"),
});
export const LIST_NODE_CONTAINERS_REQUEST = record(
  "ListNodeContainersRequest",
  "Containers of which a datanode has reported a replica, by id.",
  {
    uuid: field(uuid, "which datanode"),
    startContainerId: field(count, "first id, inclusive"),
    countMax: field(u16, "1 … 4,096"),
  },
);
export const LIST_NODE_CONTAINERS_RESPONSE = record("ListNodeContainersResponse", "A page.", {
  containers: field(list(recordOf(NODE_CONTAINER), 4096), "containers"),
  nextContainerId: NEXT,
  totalCount: field(count, "containers of the datanode"),
});
