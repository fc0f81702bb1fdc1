import assert from "node:assert/strict";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { isFieldSet } from "@bufbuild/protobuf";
import {
  ScmContainerLocationRequestSchema,
  type ScmContainerLocationResponse,
  ScmContainerLocationResponseSchema,
  type Type,
} from "../../../protocol/hadoop/generated/location_pb.js";
import { decodeMessage, encodeMessage } from "../../../protocol/hadoop/message.js";
import type { ContainerRecord, PipelineRecord, ReplicationRecord } from "../../../protocol/schema/records.js";
import { LocationProtocol } from "../../../workers/front/location/location-protocol.js";
import { nodeOf, RATIS_THREE, uuidOf } from "../records.js";
import type { CallOutcome } from "./fake-main.js";
import { callOf, contextOf, FakeMain } from "./fake-main.js";

type Message = MessageInitShape<typeof ScmContainerLocationRequestSchema>;
export type Request = Partial<Message>;

export const SCM_EXCEPTION = "org.apache.hadoop.hdds.scm.exceptions.SCMException";
export const EC: ReplicationRecord = {
  type: "EC",
  factor: 5,
  ecData: 3,
  ecParity: 2,
  ecChunkBytes: 1_048_576,
  ecCodec: "rs",
};

export function containerOf(containerId: number, changes: Partial<ContainerRecord> = {}): ContainerRecord {
  return {
    containerId,
    state: "OPEN",
    replication: RATIS_THREE,
    pipelineId: uuidOf(500),
    owner: "om1",
    usedBytes: 10,
    keyCount: 2,
    sequenceId: 3,
    deleteTransactionId: 0,
    stateEnterTimeMs: 1_792_000_000_000,
    suppressed: false,
    ...changes,
  };
}

export function pipelineOf(number: number, changes: Partial<PipelineRecord> = {}): PipelineRecord {
  const ports = [
    { name: "RATIS", value: 9858 },
    { name: "HTTP", value: 9882 },
  ];
  return {
    pipelineId: uuidOf(number),
    replication: RATIS_THREE,
    state: "OPEN",
    members: [1, 2, 3].map((node) => ({ details: { ...nodeOf(node).details, ports }, replicaIndex: 0 })),
    leaderId: uuidOf(1),
    creationTimeMs: 5,
    stateEnterTimeMs: 6,
    ...changes,
  };
}

interface SetUp {
  readonly main: FakeMain;
  readonly context: ReturnType<typeof contextOf>;
  outcome(type: Type, request?: Request): Promise<CallOutcome>;
  answer(type: Type, request?: Request): Promise<ScmContainerLocationResponse>;
  refusal(type: Type, request?: Request): Promise<string>;
}

/** The location protocol with a main of the test's behind it. */
export function setUp(): SetUp {
  const main = new FakeMain();
  main.answers.findLeader = () => ({ term: 3, isLeader: true });
  const context = contextOf(main);
  const protocol = new LocationProtocol(context);
  const outcome = (cmdType: Type, request: Request = {}): Promise<CallOutcome> => {
    const message = { cmdType, traceID: "", version: 3, ...request } as Message;
    const body = encodeMessage(ScmContainerLocationRequestSchema, message);
    return callOf(protocol, body, { method: "submitRequest" });
  };
  return {
    main,
    context,
    outcome,
    async answer(type, request) {
      const answered = await outcome(type, request);
      assert.ok("reply" in answered, JSON.stringify(answered));
      const message = decodeMessage(ScmContainerLocationResponseSchema, answered.reply);
      const { field } = ScmContainerLocationResponseSchema;
      assert.equal(message.cmdType, type);
      assert.equal(message.status, 1);
      for (const absent of [field.traceID, field.success, field.message]) {
        assert.equal(isFieldSet(message, absent), false, `${absent.name} is not sent`);
      }
      const bodies = Object.values(field).filter((each) => each.number > 5 && isFieldSet(message, each));
      const offset = type < 37 ? 5 : type === 37 ? 1 : 4;
      assert.deepEqual(
        bodies.map(({ number }) => number),
        [type + offset],
      );
      return message;
    },
    async refusal(type, request) {
      const refused = await outcome(type, request);
      assert.ok("className" in refused, "it was answered");
      return `${refused.className} ${refused.message}`;
    },
  };
}
