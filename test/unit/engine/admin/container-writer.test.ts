import assert from "node:assert/strict";
import { test } from "node:test";
import { ContainerWriter } from "../../../../engine/admin/container-writer.js";
import { STRIPE_BYTES } from "../../../../engine/cluster/containers/container-stripe.js";
import { Containers } from "../../../../engine/cluster/containers/containers.js";
import { ratis, standAlone } from "../../../../engine/cluster/containers/replication-config.js";
import { EncodedDetails } from "../../../../engine/cluster/nodes/encoded-details.js";
import { NodeEntry } from "../../../../engine/cluster/nodes/node-entry.js";
import { nodeSlot } from "../../../../engine/core/ids.js";
import { BodyWriter } from "../../../../protocol/codec/body-writer.js";
import { codecOf } from "../../../../protocol/codec/codec.js";
import { FRAME_HEADER_BYTES } from "../../../../protocol/codec/frame.js";
import { CONTAINER, type ContainerRecord, DATANODE_DETAILS } from "../../../../protocol/schema/records.js";
import { containerRecord, datanodeDetails } from "../../../support/cluster/builders.js";

function containersOf(record: ContainerRecord): Containers {
  const containers = new Containers({
    allocateStripe: () => new SharedArrayBuffer(STRIPE_BYTES),
    onReplicationConfig: () => undefined,
    onContainerChanged: () => undefined,
  });
  containers.add(record);
  return containers;
}

test("numbers of owners and configurations that a snapshot gave to others are written as these", () => {
  const before = containerRecord(1, { owner: "before", replication: ratis(3) });
  const after = containerRecord(1, { owner: "after", replication: standAlone(1) });
  const cluster = { containers: containersOf(before) };
  const writer = new ContainerWriter(cluster, { liveUsage: () => false });
  const written = (): ContainerRecord => {
    const body = new BodyWriter();
    body.begin();
    writer.write(body, 1);
    const frame = body.frame();
    return codecOf(CONTAINER).decode(frame, FRAME_HEADER_BYTES, frame.length);
  };
  assert.deepEqual(written(), before);
  cluster.containers = containersOf(after);
  assert.deepEqual(written(), after);
});

test("details of a datanode are encoded once for each version", () => {
  let count = 0;
  const encoded = new EncodedDetails((details) => {
    count++;
    return codecOf(DATANODE_DETAILS).encodeValue(details);
  });
  const node = new NodeEntry(nodeSlot(3), datanodeDetails(3), { metadata: 10, software: 10 }, 0);
  const first = encoded.get(node);
  assert.equal(encoded.get(node), first);
  node.details = datanodeDetails(3, { hostName: "moved" });
  node.detailsVersion++;
  const moved = encoded.get(node);
  assert.equal(codecOf(DATANODE_DETAILS).decode(moved, 0, moved.length).hostName, "moved");
  assert.equal(count, 2);
});
