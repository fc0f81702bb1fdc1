import { BLOCK_MUTANTS } from "./block-mutants.js";
import { CONTAINER_MUTANTS } from "./container-mutants.js";
import { ELECTION_MUTANTS } from "./election-mutants.js";
import { HOST_MUTANTS } from "./host-mutants.js";
import { MEMBERSHIP_MUTANTS } from "./membership-mutants.js";
import type { Mutant } from "./mutant.js";
import { PIPELINE_MUTANTS } from "./pipeline-mutants.js";
import { PLACEMENT_MUTANTS } from "./placement-mutants.js";
import { REPLICATION_MUTANTS } from "./replication-mutants.js";
import { SHARD_MUTANTS } from "./shard-mutants.js";
import { SNAPSHOT_MUTANTS } from "./snapshot-mutants.js";
import { STATE_MUTANTS } from "./state-mutants.js";
import { STORAGE_MUTANTS } from "./storage-mutants.js";
import { TOPOLOGY_MUTANTS } from "./topology-mutants.js";

/** What `npm run mutants` puts back into a copy of the tree, one after the other. */
export const MUTANTS: readonly Mutant[] = [
  ...ELECTION_MUTANTS,
  ...REPLICATION_MUTANTS,
  ...MEMBERSHIP_MUTANTS,
  ...HOST_MUTANTS,
  ...SNAPSHOT_MUTANTS,
  ...STORAGE_MUTANTS,
  ...STATE_MUTANTS,
  ...CONTAINER_MUTANTS,
  ...SHARD_MUTANTS,
  ...TOPOLOGY_MUTANTS,
  ...PLACEMENT_MUTANTS,
  ...BLOCK_MUTANTS,
  ...PIPELINE_MUTANTS,
];
