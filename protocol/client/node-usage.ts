import type { NodeRecord } from "../schema/records.js";

/** Sums over the volumes of a datanode's last report, bytes; all 0 before the first report. */
export interface NodeUsage {
  readonly capacity: number;
  readonly used: number;
  readonly remaining: number;
  readonly committed: number;
  readonly freeSpaceToSpare: number;
  readonly reserved: number;
  /** Of the file systems, undefined when no volume told. */
  readonly fsCapacity: number | undefined;
  readonly fsAvailable: number | undefined;
  readonly volumeCount: number;
  /** Paths of failed volumes, data and metadata. */
  readonly failedVolumes: readonly string[];
}

export function usageOf({ report }: NodeRecord): NodeUsage {
  const volumes = report?.storageReports ?? [];
  const metadataVolumes = report?.metadataStorageReports ?? [];
  const sum = (pick: (volume: (typeof volumes)[number]) => number | undefined) =>
    volumes.reduce((total, volume) => total + (pick(volume) ?? 0), 0);
  const tellsFs = volumes.some(({ fsCapacity }) => fsCapacity !== undefined);
  return {
    capacity: sum(({ capacity }) => capacity),
    used: sum(({ scmUsed }) => scmUsed),
    remaining: sum(({ remaining }) => remaining),
    committed: sum(({ committed }) => committed),
    freeSpaceToSpare: sum(({ freeSpaceToSpare }) => freeSpaceToSpare),
    reserved: sum(({ reserved }) => reserved),
    fsCapacity: tellsFs ? sum(({ fsCapacity }) => fsCapacity) : undefined,
    fsAvailable: tellsFs ? sum(({ fsAvailable }) => fsAvailable) : undefined,
    volumeCount: volumes.length,
    failedVolumes: [...volumes, ...metadataVolumes]
      .filter(({ failed }) => failed)
      .map(({ storageLocation }) => storageLocation),
  };
}

/** What is not free, as a share of the capacity, 0 … 1: the order of --most-used and --least-used. */
export function utilisation({ capacity, remaining }: NodeUsage): number {
  return capacity === 0 ? 0 : (capacity - remaining) / capacity;
}
