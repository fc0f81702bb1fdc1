import { ClusterState } from "../../engine/cluster/cluster-state.js";
import { STRIPE_BYTES } from "../../engine/cluster/containers/container-table.js";

/** Replicated state without an SCM around it. */
export function emptyCluster(): ClusterState {
  return new ClusterState({
    allocateStripe: () => new SharedArrayBuffer(STRIPE_BYTES),
    onReplicationConfig: () => undefined,
    onNodeIntent: () => undefined,
  });
}
