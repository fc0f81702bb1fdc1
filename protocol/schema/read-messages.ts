import { bool, count, field, list, record, recordOf, u8, u16 } from "./fields.js";
import { CONTAINER, DATANODE_DETAILS, PIPELINE } from "./records.js";

/** Containers of one request. */
export const READ_CONTAINERS_MAX = 256;
/** Replicas of a container that are recorded. */
const HOLDERS_MAX = 255;

export const READ_MEMBER = record("ReadMember", "A datanode that a container is read from.", {
  datanode: field(u16, "which of the answer's `datanodes`"),
  replicaIndex: field(u8, "1 … n for EC, else 0"),
});

export const GET_CONTAINERS_WITH_PIPELINES_REQUEST = record(
  "GetContainersWithPipelinesRequest",
  "Containers with the pipeline that each is written or read through (spec 02 §14).",
  {
    containerIds: field(list(count, READ_CONTAINERS_MAX), "which; each is answered as often as it is named"),
    existingOnly: field(
      bool,
      "leaves out those that do not exist, and in safe mode those that are open with too few replicas; " +
        "else the first such id fails the request",
    ),
  },
);
export const GET_CONTAINERS_WITH_PIPELINES_RESPONSE = record(
  "GetContainersWithPipelinesResponse",
  "The containers. An OPEN or CLOSING one has its own pipeline while that exists. Every other one has a " +
    "read pipeline, made for this answer from the replicas as they are known now (spec 03 §6): healthy " +
    "members first, those in service before the others; of EC without the dead ones. Its state is OPEN for " +
    "STAND_ALONE, else ALLOCATED, and it may be without members.",
  {
    containers: field(list(recordOf(CONTAINER), READ_CONTAINERS_MAX), "in the order asked for"),
    pipelineOf: field(
      list(u16, READ_CONTAINERS_MAX),
      "for each container: which of `pipelines`; from their number on which of `readPipelines`, counted on",
    ),
    pipelines: field(list(recordOf(PIPELINE), READ_CONTAINERS_MAX), "of the containers, each once"),
    readPipelines: field(
      list(list(recordOf(READ_MEMBER), HOLDERS_MAX), READ_CONTAINERS_MAX),
      "made for this answer: the members, in the order in which to ask them",
    ),
    datanodes: field(list(recordOf(DATANODE_DETAILS), 65_535), "of the read pipelines, each once"),
    coveredCount: field(
      u16,
      "so many of the ids are answered or left out; the rest found no room and is to be asked for again",
    ),
  },
);
