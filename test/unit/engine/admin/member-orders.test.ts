import assert from "node:assert/strict";
import { test } from "node:test";
import type { AdminServices } from "../../../../engine/admin/admin-services.js";
import { BlockRequests } from "../../../../engine/admin/block-requests.js";
import { MemberOrders } from "../../../../engine/admin/member-orders.js";
import type { Allocation } from "../../../../engine/cluster/blocks/allocation.js";
import { WritablePipeline } from "../../../../engine/cluster/blocks/writable-pipeline.js";
import type { ClientPlace } from "../../../../engine/cluster/topology/topology.js";
import { SeededRandom } from "../../../../engine/core/random.js";
import type { Answer } from "../../../../engine/gateway/answer.js";
import { ClientPlaces } from "../../../../engine/gateway/client-places.js";
import type { RpcSession } from "../../../../engine/gateway/rpc-session.js";
import { codecOf, decodeBody } from "../../../../protocol/codec/codec.js";
import { FRAME_HEADER_BYTES } from "../../../../protocol/codec/frame.js";
import { ALLOCATE_BLOCKS_RESPONSE } from "../../../../protocol/schema/block-messages.js";
import type { ResponseOf } from "../../../../protocol/schema/messages.js";
import { PIPELINE, type PipelineRecord } from "../../../../protocol/schema/records.js";
import { datanodeDetails, pipelineRecord, uuidOf } from "../../../support/cluster/builders.js";
import { NodeRig } from "../../../support/cluster/node-rig.js";

function pipelineOn(number: number, ...members: number[]): PipelineRecord {
  return pipelineRecord(number, {
    members: members.map((node) => ({ details: datanodeDetails(node), replicaIndex: 0 })),
  });
}

/** Datanodes 1 and 2 on a rack, 3 and 4 on another one. */
function registered(): NodeRig {
  const rig = new NodeRig();
  for (const number of [1, 2, 3, 4]) {
    const networkLocation = number < 3 ? "/rack1" : "/rack2";
    rig.accept(number, { peer: { ipAddress: `10.0.0.${number}`, networkLocation } });
  }
  return rig;
}

test("members are ordered by distance, equally near ones at random, unknown ones last", () => {
  const { manager } = registered();
  const orders = new MemberOrders(manager, new SeededRandom(1));
  const at = (number: number): ClientPlace => ({ leaf: manager.index.get(uuidOf(number))?.slot as never });
  const seen = (members: readonly number[], place: ClientPlace): string[] => {
    const texts = new Set<string>();
    for (let i = 0; i < 100; i++) texts.add(orders.of(pipelineOn(1, ...members), place).join());
    return [...texts].sort();
  };
  assert.deepEqual(seen([3, 2, 1], at(1)), ["2,1,0"]);
  assert.deepEqual(seen([99, 3, 4, 2], at(2)), ["3,1,2,0", "3,2,1,0"]);
  assert.deepEqual(seen([1, 3, 2], { rack: manager.topology.rackAt("/rack1") }), ["0,2,1", "2,0,1"]);
  assert.deepEqual(seen([98, 99], at(1)), ["0,1"]);
});

test("an answer holds an order for each pipeline when the client's place is known", () => {
  const { manager } = registered();
  const pipelines = [pipelineOn(1, 3, 1, 2), pipelineOn(2, 4, 2)];
  const waiting: ((location: string) => void)[] = [];
  const services = {
    nodes: manager,
    clients: new ClientPlaces(manager, { find: (_, onLocation) => void waiting.push(onLocation) }),
    random: new SeededRandom(1),
    audit: { ready: () => true },
    allocationAudit: { done: () => undefined },
    blocks: {
      allocate: (_: unknown, allocation: Allocation) => {
        allocation.begin();
        for (const record of pipelines) allocation.add(new WritablePipeline(record), 7);
        return true;
      },
    },
    encodedPipelines: {
      get: (id: string) => {
        const pipeline = pipelines.find(({ pipelineId }) => pipelineId === id);
        assert(pipeline !== undefined);
        return { bytes: codecOf(PIPELINE).encodeValue(pipeline), version: 1 };
      },
    },
  };
  const requests = new BlockRequests(services as unknown as AdminServices);
  const ask = (client?: string): ResponseOf<"allocateBlocks"> => {
    const frames: Uint8Array[] = [];
    const answer = { doneEncoded: (frame: Uint8Array) => frames.push(frame.slice()) };
    const request = { size: 1, count: 2, replication: pipelines[0]?.replication, owner: "om", client };
    requests.allocate({} as RpcSession, request as never, answer as unknown as Answer<"allocateBlocks">);
    const [frame] = frames;
    assert(frame !== undefined);
    return decodeBody(ALLOCATE_BLOCKS_RESPONSE, frame, FRAME_HEADER_BYTES, frame.length) as never;
  };
  assert.equal(ask().orders, undefined);
  assert.equal(ask("client.example.org").orders, undefined, "no answer waits for a script");
  assert.equal(waiting.length, 1, "but it is asked");
  assert.deepEqual(ask("10.0.0.2").orders, [
    [2, 1, 0],
    [1, 0],
  ]);
  assert.deepEqual(ask("10.0.0.2").pipelines, pipelines, "their own order stays");
});
