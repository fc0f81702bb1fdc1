import { createAdminClient } from "../protocol/client/index.js";
import { CONTAINER_ROW, STRIPE_ROWS } from "../workers/shared/container-layout.js";
import { ClusterState } from "./cluster/cluster-state.js";
import type { Config } from "./config/config.js";
import type { Address } from "./config/fields.js";
import { formatAddress } from "./config/values.js";
import { NodeClock } from "./host/node-clock.js";
import { NodeRandom } from "./host/node-random.js";
import { bootstrap } from "./scm-bootstrap.js";
import { forceNewGroup, type NewGroupOptions, type NewGroupReport } from "./scm-new-group.js";
import { type StorageDirectories, storageDirectories } from "./storage/directories.js";
import { initialize } from "./storage/initialize.js";
import { type DiskNotice, NodeDisk } from "./storage/node-disk.js";
import type { OnRecoveryStep } from "./storage/recovered.js";
import { type VerifyReport, verify } from "./storage/verify.js";

export const STRIPE_BYTES = STRIPE_ROWS * CONTAINER_ROW.rowBytes;

/** Where the configuration says that an SCM keeps its data. */
export function directoriesOf(
  storage: Pick<Config["storage"], "metadataDir" | "raftDir" | "stateDir">,
): StorageDirectories {
  const { metadataDir, raftDir, stateDir } = storage;
  return storageDirectories({
    metadataDir,
    ...(raftDir === undefined ? {} : { raftDir }),
    ...(stateDir === undefined ? {} : { stateDir }),
  });
}

/** `strata scm --init` on this machine's disk. Throws as `initialize`. */
export async function initializeScm(
  config: Config,
  options: {
    readonly clusterId: string | undefined;
    readonly localIdFloor: bigint | undefined;
    readonly termFloor: number | undefined;
  },
  onNotice?: (notice: DiskNotice) => void,
): Promise<{ clusterId: string; scmId: string; created: boolean }> {
  const { clusterId, localIdFloor, termFloor } = options;
  const { isNew, ...ids } = await initialize(
    new NodeDisk(onNotice),
    directoriesOf(config.storage),
    { clock: new NodeClock(), random: new NodeRandom() },
    {
      ...(clusterId === undefined ? {} : { clusterId }),
      ...(localIdFloor === undefined ? {} : { localIdFloor }),
      ...(termFloor === undefined ? {} : { termFloor }),
    },
  );
  return { ...ids, created: isNew };
}

/** `strata scm --bootstrap` on this machine's disk and network. Throws as `bootstrap`. */
export async function bootstrapScm(
  config: Config,
  clusterId: string | undefined,
  listener: {
    readonly onNotice: (notice: DiskNotice) => void;
    readonly onWaiting: (text: string) => void;
  },
): Promise<{ clusterId: string; scmId: string; created: boolean }> {
  const parts = {
    disk: new NodeDisk(listener.onNotice),
    directories: directoriesOf(config.storage),
    clock: new NodeClock(),
    random: new NodeRandom(),
    connect: (endpoints: readonly Address[], timeoutMs: number) =>
      createAdminClient({
        endpoints: endpoints.map((endpoint) => `ws://${formatAddress(endpoint)}`),
        clientName: "strata scm --bootstrap",
        timeoutMs,
      }),
    onWaiting: listener.onWaiting,
  };
  const { isNew, ...ids } = await bootstrap(parts, config, clusterId);
  return { ...ids, created: isNew };
}

/** `strata scm --force-new-group` on this machine's disk. Throws as `forceNewGroup`. */
export function forceNewGroupOfScm(
  config: Config,
  options: NewGroupOptions,
  listener: { readonly onNotice: (notice: DiskNotice) => void; readonly onStep: OnRecoveryStep },
): Promise<NewGroupReport> {
  const parts = {
    disk: new NodeDisk(listener.onNotice),
    directories: directoriesOf(config.storage),
    clock: new NodeClock(),
    state: emptyState(),
    onStep: listener.onStep,
  };
  return forceNewGroup(parts, options);
}

/** `strata verify` on this machine's disk. Throws as `verify`. */
export function verifyScm(
  storage: Pick<Config["storage"], "metadataDir" | "raftDir" | "stateDir">,
  onStep: OnRecoveryStep,
): Promise<VerifyReport> {
  return verify(new NodeDisk(), directoriesOf(storage), emptyState(), onStep);
}

function emptyState(): ClusterState {
  return new ClusterState({
    allocateStripe: () => new SharedArrayBuffer(STRIPE_BYTES),
    onReplicationConfig: () => undefined,
    onContainerChanged: () => undefined,
    onNodeIntent: () => undefined,
    onPipelineChanged: () => undefined,
  });
}
