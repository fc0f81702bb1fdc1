import type { WorkerLink } from "../workers/shared/worker-link.js";
import type { ClusterState } from "./cluster/cluster-state.js";
import type { SnapshotHost, Snapshots } from "./consensus/snapshots.js";
import type { Environment } from "./core/environment.js";
import { ERRORS, type StrataError } from "./core/errors.js";
import type { PeerNetwork } from "./peers/peer-network.js";
import type { NodeId } from "./raft/types.js";
import { MemberSnapshots } from "./snapshot/member-snapshots.js";
import type { Logger } from "./telemetry/logger.js";

export interface ScmSnapshotsParts {
  readonly nodeId: NodeId;
  readonly environment: Environment;
  readonly logger: Logger;
  readonly state: WorkerLink;
  readonly cluster: ClusterState;
  readonly network: PeerNetwork;
  recheckContainers(): void;
  onFatal(error: Error): void;
}

/** Snapshots of an SCM, with the peers to carry them and the log to tell of them. */
export function startSnapshots(host: SnapshotHost, parts: ScmSnapshotsParts): Snapshots {
  const { nodeId, environment, logger, state, cluster, network } = parts;
  const { clock, scheduler } = environment;
  const warn = (message: string, error: StrataError, member?: NodeId): void => {
    logger.warn(message, {
      error,
      ...(member === undefined ? {} : { member }),
      nextStep: ERRORS[error.code].action,
    });
  };
  const snapshots = new MemberSnapshots(host, {
    nodeId,
    clock,
    scheduler,
    state,
    machine: cluster,
    dialer: network,
    recheckContainers: () => {
      logger.info("the state is that of a snapshot now", { index: cluster.appliedIndex });
      parts.recheckContainers();
    },
    onSendFailed: (error) => warn("a snapshot cannot be read to be sent", error),
    onRefused: (from, error) => warn("a snapshot could not be taken in", error, from),
    onUnwanted: (member, { index, term }) => {
      const reason = "the log holds as much, or this SCM is not in its group";
      logger.info("a snapshot that arrived is of no use here", { member, index, term, reason });
    },
    onFatal: (error) => parts.onFatal(error),
  });
  network.snapshotAcceptor = snapshots.accept;
  return snapshots;
}
