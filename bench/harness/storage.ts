import type { LoadTarget, StateMachine } from "../../engine/cluster/state-machine.js";
import type { Disk } from "../../engine/core/disk.js";
import { NodeClock } from "../../engine/host/node-clock.js";
import { NodeRandom } from "../../engine/host/node-random.js";
import { type StorageDirectories, storageDirectories } from "../../engine/storage/directories.js";
import { initialize } from "../../engine/storage/initialize.js";
import type { Recovered } from "../../engine/storage/recovered.js";
import { recover } from "../../engine/storage/recovery.js";

/** Initialises a metadata directory and recovers from it, as the first start does. */
export async function recoveredNew(
  disk: Disk,
  metadataDir: string,
  target: LoadTarget & StateMachine,
): Promise<{ readonly directories: StorageDirectories; readonly recovered: Recovered }> {
  const directories = storageDirectories({ metadataDir });
  await initialize(disk, directories, { clock: new NodeClock(), random: new NodeRandom() });
  const recovered = await recover(disk, directories, target, () => undefined);
  return { directories, recovered };
}
