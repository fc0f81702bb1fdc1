import type { NodeReport, StorageReport } from "../../../protocol/schema/records.js";

/** Bytes of a datanode or of many (spec 01 §12). */
export interface NodeUsage {
  capacity: number;
  scmUsed: number;
  remaining: number;
  committed: number;
  freeSpaceToSpare: number;
  reserved: number;
}

export const NO_USAGE: Readonly<NodeUsage> = {
  capacity: 0,
  scmUsed: 0,
  remaining: 0,
  committed: 0,
  freeSpaceToSpare: 0,
  reserved: 0,
};

/** Sum over all data volumes, failed ones included. */
export function usageOf(report: NodeReport | undefined): NodeUsage {
  const sum = { ...NO_USAGE };
  for (const volume of report?.storageReports ?? []) addUsage(sum, volume);
  return sum;
}

export function addUsage(sum: NodeUsage, usage: Readonly<NodeUsage> | StorageReport): void {
  sum.capacity += usage.capacity;
  sum.scmUsed += usage.scmUsed;
  sum.remaining += usage.remaining;
  sum.committed += usage.committed;
  sum.freeSpaceToSpare += usage.freeSpaceToSpare;
  sum.reserved += usage.reserved;
}

/** (capacity − remaining) / capacity, 0 without capacity. */
export function utilisation({ capacity, remaining }: Readonly<NodeUsage>): number {
  return capacity === 0 ? 0 : (capacity - remaining) / capacity;
}

export function failedVolumeCount(report: NodeReport | undefined): number {
  return report?.storageReports.filter(({ failed }) => failed).length ?? 0;
}

export interface FileSystemUsage {
  readonly fsCapacity: number;
  readonly fsAvailable: number;
}

/** Over the volumes that have not failed and tell both figures; undefined when none does. */
export function fileSystemUsage(report: NodeReport | undefined): FileSystemUsage | undefined {
  let found: { fsCapacity: number; fsAvailable: number } | undefined;
  for (const { failed, fsCapacity, fsAvailable } of report?.storageReports ?? []) {
    if (failed || fsCapacity === undefined || fsAvailable === undefined) continue;
    found = {
      fsCapacity: (found?.fsCapacity ?? 0) + fsCapacity,
      fsAvailable: (found?.fsAvailable ?? 0) + fsAvailable,
    };
  }
  return found;
}
