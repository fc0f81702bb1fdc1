import type { NodeReport } from "../../../protocol/schema/records.js";

export interface NodeLimitOptions {
  /** `ozone.scm.datanode.pipeline.limit`; 0 or less = by metadata volumes. */
  readonly pipelinesPerNode: number;
  /** `ozone.scm.pipeline.per.metadata.disk`. */
  readonly pipelinesPerMetadataVolume: number;
  /** `ozone.scm.pipeline.owner.container.count`. */
  readonly containersPerVolume: number;
}

/** What a node's report says of its volumes. */
export interface NodeVolumes {
  /** Data volumes that have not failed. */
  readonly healthyVolumeCount: number;
  readonly metadataVolumeCount: number;
}

/** Containers of `containerBytes` that fit on the data volumes that have not failed (spec 03 §11.2). */
export function containerSlots(report: NodeReport | undefined, containerBytes: number): number {
  let slots = 0;
  for (const { failed, remaining, committed, freeSpaceToSpare } of report?.storageReports ?? []) {
    if (failed) continue;
    slots += Math.floor(Math.max(0, remaining - committed - freeSpaceToSpare) / containerBytes);
  }
  return slots;
}

/** Most bytes left on one metadata volume; 0 without any. */
export function metadataBytesLeft(report: NodeReport | undefined): number {
  let most = 0;
  for (const { failed, remaining } of report?.metadataStorageReports ?? []) {
    if (!failed) most = Math.max(most, remaining);
  }
  return most;
}

export function volumesOf(report: NodeReport | undefined): NodeVolumes {
  let healthyVolumeCount = 0;
  for (const { failed } of report?.storageReports ?? []) if (!failed) healthyVolumeCount++;
  return { healthyVolumeCount, metadataVolumeCount: report?.metadataStorageReports.length ?? 0 };
}

/** Pipelines of RATIS/THREE that a node may be in (spec 01 §12). */
export function pipelineLimitOf(
  { healthyVolumeCount, metadataVolumeCount }: NodeVolumes,
  { pipelinesPerNode, pipelinesPerMetadataVolume }: NodeLimitOptions,
): number {
  if (pipelinesPerNode > 0) return pipelinesPerNode;
  return healthyVolumeCount > 0 ? pipelinesPerMetadataVolume * metadataVolumeCount : 0;
}

/** Open containers that each pipeline of a node may have (spec 01 §12, 03 §11.3): the division cuts off
 * towards zero, so that a node without a healthy volume gets one. */
export function openContainerLimitOf(volumes: NodeVolumes, options: NodeLimitOptions): number {
  const pipelineLimit = pipelineLimitOf(volumes, options);
  if (pipelineLimit <= 0) return 0;
  const containers = options.containersPerVolume * volumes.healthyVolumeCount;
  return 1 + Math.trunc((containers - 1) / pipelineLimit);
}
