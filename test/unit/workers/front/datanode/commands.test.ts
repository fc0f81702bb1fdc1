import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { COMMAND_TYPE } from "../../../../../engine/core/enums.js";
import { parseUuid, type Uuid } from "../../../../../engine/core/uuid.js";
import { SCMCommandProtoSchema } from "../../../../../protocol/hadoop/generated/datanode_pb.js";
import { decodeMessage } from "../../../../../protocol/hadoop/message.js";
import { ProtoWriter } from "../../../../../protocol/hadoop/proto-writer.js";
import type { Command, DatanodeDetails } from "../../../../../protocol/schema/records.js";
import { writeCommand } from "../../../../../workers/front/datanode/commands.js";

/** Lines of name, id and bytes: what scripts/interop/release/Commands.java had the released SCM write. */
const GOLDEN = new URL("../../../../../../test/golden/hadoop/commands.txt", import.meta.url);
const TERM = 6;
const DEADLINE_MS = 1_700_000_000_000;
const PIPELINE = uuid("f0000000-0000-4000-8000-00000000000f");
const ONE = datanode("10000000-0000-4000-8000-000000000001", 1);
const TWO = datanode("f2000000-0000-4000-8000-000000000002", 2);
const EC = {
  type: "EC",
  factor: 5,
  ecData: 3,
  ecParity: 2,
  ecChunkBytes: 1024 * 1024,
  ecCodec: "rs",
} as const;

type Fields = Omit<Command, "commandId" | "term" | "deadlineMs"> & { readonly deadlineMs?: number };

/** The same commands as in Commands.java. */
const COMMANDS: Readonly<Record<string, Fields>> = {
  reregister: { type: "reregisterCommand" },
  deleteBlocks: {
    type: "deleteBlocksCommand",
    deletedBlocks: [
      {
        transactionId: 7,
        containerId: 8,
        localIds: [117_093_590_311_632_896n, 5n],
        totalBlockSize: 4096,
        totalBlockReplicatedSize: 12_288,
        totalSizePerReplica: 4096,
      },
    ],
  },
  closeContainer: { type: "closeContainerCommand", containerId: 300, pipelineId: PIPELINE, force: true },
  deleteContainer: { type: "deleteContainerCommand", containerId: 301, force: true },
  replicateToTarget: {
    type: "replicateContainerCommand",
    containerId: 302,
    targets: [ONE],
    replicaIndex: 3,
    isLowPriority: true,
    deadlineMs: DEADLINE_MS,
  },
  replicateFromSources: {
    type: "replicateContainerCommand",
    containerId: 303,
    sources: [ONE, TWO].map((details) => ({ details, replicaIndex: 0 })),
    deadlineMs: DEADLINE_MS,
  },
  createPipeline: {
    type: "createPipelineCommand",
    pipelineId: PIPELINE,
    replication: { ...EC, type: "RATIS", factor: 3 },
    members: [ONE, TWO],
    priorities: [1, 0],
  },
  closePipeline: { type: "closePipelineCommand", pipelineId: PIPELINE },
  setNodeOperationalState: {
    type: "setNodeOperationalStateCommand",
    operationalState: "ENTERING_MAINTENANCE",
    operationalStateExpiry: 1_800_000_000,
  },
  finalizeNewLayoutVersion: {
    type: "finalizeNewLayoutVersionCommand",
    layout: { metadata: 10, software: 10 },
  },
  refreshVolumeUsageInfo: { type: "refreshVolumeUsageInfo" },
  reconstructECContainers: {
    type: "reconstructECContainersCommand",
    containerId: 304,
    sources: [
      { details: ONE, replicaIndex: 1 },
      { details: TWO, replicaIndex: 3 },
    ],
    targets: [TWO],
    missingIndexes: [2],
    replication: EC,
  },
  reconcileContainer: { type: "reconcileContainerCommand", containerId: 305, peers: [ONE, TWO] },
};

const GOLDEN_LINES = readFileSync(GOLDEN, "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => line.split(" ") as [string, string, string]);

for (const [name, id, hex] of GOLDEN_LINES) {
  test(`${name} has the bytes that the released SCM sends`, () => {
    const fields = COMMANDS[name];
    assert(fields !== undefined, "it is in the table");
    const command: Command = { deadlineMs: 0, ...fields, commandId: Number(id), term: 1 };
    assert.deepEqual(decoded(written(command)), decoded(new Uint8Array(Buffer.from(hex, "hex"))));
    assert.equal(Buffer.from(written(command)).toString("hex"), hex);
  });
}

test("every type that a datanode knows is among them, and the other one is not sent", () => {
  const types = new Set(GOLDEN_LINES.map(([name]) => COMMANDS[name]?.type));
  const { unknownScmCommand: _, ...known } = COMMAND_TYPE;
  assert.deepEqual([...types].sort(), Object.keys(known).sort());
  const unknown: Command = { type: "unknownScmCommand", commandId: 1, term: 1, deadlineMs: 0 };
  assert.equal(written(unknown).length, 0);
});

/** The command's message. */
function written(command: Command): Uint8Array {
  const writer = new ProtoWriter();
  writer.openMessage(2);
  const isWritten = writeCommand(writer, 2, command, TERM);
  writer.closeMessage();
  if (!isWritten) return new Uint8Array(0);
  // Within two lengths.
  return bodyOf(bodyOf(writer.copy()));
}

function bodyOf(field: Uint8Array): Uint8Array {
  let at = 1;
  while ((field[at] as number) >= 0x80) at++;
  return field.subarray(at + 1);
}

function decoded(bytes: Uint8Array): unknown {
  return decodeMessage(SCMCommandProtoSchema, bytes);
}

function uuid(text: string): Uuid {
  const parsed = parseUuid(text);
  assert(parsed !== undefined);
  return parsed;
}

function datanode(text: string, number: number): DatanodeDetails {
  return {
    uuid: uuid(text),
    ipAddress: `10.0.0.${number}`,
    hostName: `dn${number}.example.com`,
    ports: [
      { name: "RATIS", value: 9858 },
      { name: "STANDALONE", value: 9859 },
    ],
    networkName: `dn${number}.example.com`,
    networkLocation: `/rack${number}`,
    persistedOpState: "IN_SERVICE",
    persistedOpStateExpiry: 0,
    currentVersion: 3,
  };
}
