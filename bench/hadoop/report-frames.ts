import { SCMHeartbeatRequestProtoSchema } from "../../protocol/hadoop/generated/datanode_pb.js";
import { encodeMessage } from "../../protocol/hadoop/message.js";
import { ProtoWriter } from "../../protocol/hadoop/proto-writer.js";
import type { HadoopDatanode } from "../../test/support/hadoop/hadoop-datanode.js";
import { figuresOf } from "../fleet/plan.js";
import { datanodeFrame } from "./call-frames.js";
import { REPLICAS, type ReportShape } from "./hadoop-load.js";

const HEARTBEAT = 3;
const CLOSED = 4;

/** The full reports of a group's datanodes, in their order: container `c` of the group lies on the datanodes
 * `c`, `c + 1` and `c + 2`, modulo their number. */
export function reportFrames(fleet: readonly HadoopDatanode[], group: number, shape: ReportShape): Buffer[] {
  const { nodesPerGroup, containersPerNode } = shape;
  const first = 1 + group * nodesPerGroup * containersPerNode;
  const nodes = fleet.slice(group * nodesPerGroup, (group + 1) * nodesPerGroup);
  return nodes.map((node, at) => {
    const residues = Array.from({ length: REPLICAS }, (_, i) => (at + nodesPerGroup - i) % nodesPerGroup);
    residues.sort((a, b) => a - b);
    const ids: number[] = [];
    for (let i = 0; i < containersPerNode; i++)
      for (const residue of residues) ids.push(first + i * nodesPerGroup + residue);
    return reportFrame(node, ids);
  });
}

/** A heartbeat with a full report of closed containers, with the figures that they were imported with. */
export function reportFrame(node: HadoopDatanode, ids: readonly number[]): Buffer {
  const heartbeat = encodeMessage(SCMHeartbeatRequestProtoSchema, node.beat());
  const writer = new ProtoWriter();
  writer.number(1, HEARTBEAT);
  writer.openMessage(5);
  writer.encoded(heartbeat);
  writer.openMessage(3);
  for (const id of ids) {
    const { usedBytes, keyCount, sequenceId } = figuresOf(id);
    writer.openMessage(1);
    writer.number(1, id);
    writer.number(2, CLOSED);
    writer.number(4, usedBytes);
    writer.number(5, keyCount);
    writer.number(6, 10_000);
    writer.number(7, 10_000);
    writer.number(8, 10_000_000);
    writer.number(9, 5_000_000_000);
    writer.number(12, sequenceId);
    writer.text(13, node.uuid);
    writer.number(14, 0);
    writer.closeMessage();
  }
  writer.closeMessage();
  writer.closeMessage();
  return datanodeFrame(writer.view());
}
