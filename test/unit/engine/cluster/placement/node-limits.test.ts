import assert from "node:assert/strict";
import { suite, test } from "node:test";
import {
  containerSlots,
  metadataBytesLeft,
  openContainerLimitOf,
  pipelineLimitOf,
  volumesOf,
} from "../../../../../engine/cluster/placement/node-limits.js";
import type { MetadataStorageReport } from "../../../../../protocol/schema/records.js";
import { volumeOf } from "../../../../support/records.js";

const LIMITS = { pipelinesPerNode: 2, pipelinesPerMetadataVolume: 2, containersPerVolume: 3 };

function reportOf(
  volumes: Parameters<typeof volumeOf>[0][],
  metadata: Partial<MetadataStorageReport>[] = [],
) {
  return {
    storageReports: volumes.map((changes) => volumeOf({ committed: 0, freeSpaceToSpare: 0, ...changes })),
    metadataStorageReports: metadata.map((changes) => ({
      storageLocation: "/ratis",
      storageType: "SSD" as const,
      capacity: 100,
      scmUsed: 0,
      remaining: 0,
      failed: false,
      ...changes,
    })),
  };
}

suite("limits of a node", () => {
  test("slots are counted on each volume by itself, on those that work (spec 03 §11.2)", () => {
    assert.equal(containerSlots(undefined, 10), 0);
    assert.equal(containerSlots(reportOf([{ remaining: 19 }, { remaining: 11 }]), 10), 2);
    assert.equal(containerSlots(reportOf([{ remaining: 40, committed: 15, freeSpaceToSpare: 5 }]), 10), 2);
    assert.equal(containerSlots(reportOf([{ remaining: 5, committed: 90 }, { remaining: 10 }]), 10), 1);
    assert.equal(containerSlots(reportOf([{ remaining: 90, failed: true }]), 10), 0);
  });

  test("metadata space is that of the emptiest volume", () => {
    assert.equal(metadataBytesLeft(undefined), 0);
    assert.equal(metadataBytesLeft(reportOf([], [{ remaining: 3 }, { remaining: 8, failed: true }])), 3);
  });

  test("the limit of pipelines is the configured one, or follows from the metadata volumes", () => {
    const volumes = volumesOf(reportOf([{}, { failed: true }], [{}, {}, {}]));
    assert.equal(pipelineLimitOf(volumes, LIMITS), 2);
    assert.equal(pipelineLimitOf(volumes, { ...LIMITS, pipelinesPerNode: 0 }), 6);
    const broken = volumesOf(reportOf([{ failed: true }], [{}]));
    assert.equal(pipelineLimitOf(broken, { ...LIMITS, pipelinesPerNode: -1 }), 0);
  });

  test("the limit of open containers divides towards zero (examples of spec 03 §11.3)", () => {
    const four = volumesOf(reportOf([{}, {}, {}, {}]));
    assert.equal(openContainerLimitOf(four, LIMITS), 6);
    assert.equal(openContainerLimitOf(volumesOf(reportOf([])), LIMITS), 1);
    assert.equal(openContainerLimitOf(volumesOf(reportOf([])), { ...LIMITS, pipelinesPerNode: 0 }), 0);
  });
});
