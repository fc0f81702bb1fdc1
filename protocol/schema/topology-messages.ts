import { bool, field, list, optional, record, recordOf, text, u16, u32, uuid } from "./fields.js";
import { DATANODE_DETAILS } from "./records.js";
import type { ValueOfRecord } from "./types.js";

/** What is asked about racks and the ways between them (spec 03 §12, spec 05 §12). */

const DATANODES_MAX = 256;

export const TOPOLOGY_LEVEL = record("TopologyLevel", "A level of the topology tree.", {
  id: field(text(255), "its name in the schema"),
  prefix: field(text(255), "what names on it begin with; empty = anything"),
  cost: field(u32, "of passing through a node of it"),
  defaultName: field(text(255), "name that completes paths, with its /; empty = none"),
});
export type TopologyLevelRecord = ValueOfRecord<typeof TOPOLOGY_LEVEL>;

export const GET_CLUSTER_TREE_REQUEST = record(
  "GetClusterTreeRequest",
  "The topology: its levels, and the datanodes in it. The nodes between are those that the datanodes' " +
    "locations name.",
  {
    after: field(optional(uuid), "starts behind this datanode"),
    countMax: field(u16, `1 … ${DATANODES_MAX}`),
  },
);
export const GET_CLUSTER_TREE_RESPONSE = record("GetClusterTreeResponse", "A page.", {
  levels: field(list(recordOf(TOPOLOGY_LEVEL), 16), "root first, datanodes last"),
  datanodes: field(
    list(recordOf(DATANODE_DETAILS), DATANODES_MAX),
    "ordered by uuid; networkLocation says where each is",
  ),
  more: field(bool, "there are others behind"),
});

export const SORT_DATANODES_REQUEST = record(
  "SortDatanodesRequest",
  "Which datanodes are nearest to a client.",
  {
    client: field(text(255), "host name or address; of one that cannot be placed the order is random"),
    uuids: field(list(uuid, DATANODES_MAX), "which; unknown ones are left out"),
  },
);
export const SORT_DATANODES_RESPONSE = record("SortDatanodesResponse", "The order.", {
  datanodes: field(
    list(recordOf(DATANODE_DETAILS), DATANODES_MAX),
    "nearest first, those that are equally near in random order",
  ),
});
