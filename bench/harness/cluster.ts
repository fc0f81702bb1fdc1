import { ClusterState } from "../../engine/cluster/cluster-state.js";
import { STRIPE_BYTES } from "../../engine/cluster/containers/container-stripe.js";
import { NO_SESSION, OPERATION, type Operation } from "../../engine/cluster/operation.js";
import { FleetPlan } from "../fleet/plan.js";

const NODES = 100;
const CONTAINERS_PER_IMPORT = 2000;

/** Replicated state without an SCM around it. */
export function emptyCluster(): ClusterState {
  return new ClusterState({
    allocateStripe: () => new SharedArrayBuffer(STRIPE_BYTES),
    onReplicationConfig: () => undefined,
    onContainerChanged: () => undefined,
    onNodeIntent: () => undefined,
    onPipelineChanged: () => undefined,
  });
}

/** What fills an empty cluster with containers 1 … `containerCount`. */
export function* fillingOperations(clusterId: string, containerCount: number): Generator<Operation> {
  const plan = new FleetPlan({ nodeCount: NODES, containersPerNode: (containerCount * 3) / NODES, seed: 1 });
  const session = NO_SESSION;
  yield {
    kind: OPERATION.seedCluster,
    session,
    clusterId,
    importAllowed: true,
    localIdFloor: 0n,
    termFloor: 0,
  };
  const pipelines = Array.from({ length: NODES }, (_, i) => plan.pipeline(i));
  yield { kind: OPERATION.importBatch, session, pipelines, containers: [] };
  for (let first = 1; first <= containerCount; first += CONTAINERS_PER_IMPORT) {
    const count = Math.min(CONTAINERS_PER_IMPORT, containerCount - first + 1);
    const containers = Array.from({ length: count }, (_, i) => plan.container(first + i));
    yield { kind: OPERATION.importBatch, session, pipelines: [], containers };
  }
}
