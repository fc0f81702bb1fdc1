import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import { StrataError } from "../../engine/core/errors.js";
import { SeededRandom } from "../../engine/core/random.js";
import {
  SCMDatanodeRequestSchema,
  SCMDatanodeResponseSchema,
  ContainerReplicaProto_State as State,
} from "../../protocol/hadoop/generated/datanode_pb.js";
import { decodeMessage, encodeMessage } from "../../protocol/hadoop/message.js";
import type { OperationName, ResponseOf } from "../../protocol/schema/messages.js";
import { DatanodeProtocol } from "../../workers/front/datanode/datanode-protocol.js";
import type { HadoopCall } from "../../workers/front/rpc/call.js";
import { type Asked, AskedMain } from "../support/front/asked-main.js";
import { contextOf } from "../support/front/fake-main.js";
import { HadoopDatanode } from "../support/hadoop/hadoop-datanode.js";
import { randomMessage } from "../support/hadoop/random-message.js";
import { mutate } from "../support/mutate-frame.js";
import { uuidOf } from "../support/records.js";

/** To replay a failed run, put the seed of its test name here. */
const REPLAY_SEED: number | undefined = undefined;
const SEED = REPLAY_SEED ?? randomInt(2 ** 31);
const CALLS = 6000;
const HELD_BYTES_MAX = 4000;

const NAMES = { hostName: "dn1", ipAddress: "10.1.1.1", networkName: "n", networkLocation: "/r" };
const ANSWERS: { [N in OperationName]?: (random: SeededRandom) => ResponseOf<N> } = {
  register: () => ({ uuid: uuidOf(1), clusterId: "CID-1", ...NAMES }),
  heartbeat: (random) => ({
    term: random.below(3),
    fullReportWanted: random.below(2) === 0,
    commands:
      random.below(3) === 0
        ? [{ type: "closeContainerCommand", commandId: 1, containerId: 1, term: 1, deadlineMs: 0 }]
        : [],
  }),
  takeBackCommands: () => ({}),
  fullReportBegin: () => ({ reportId: 1, chunksInFlightMax: 2 }),
  fullReportChunk: () => ({}),
  incrementalReport: () => ({}),
};

/** Answers one request of any connection, mostly well. */
function answerOne(main: AskedMain, random: SeededRandom): boolean {
  const busy = main.connections.filter(({ asked }) => asked.length > 0);
  const connection = busy[random.below(Math.max(1, busy.length))];
  const [first] = connection?.asked ?? [];
  if (connection === undefined || first === undefined) return false;
  const lost = new StrataError("CONNECTION_LOST", { reason: "a test" });
  const choice = random.below(50);
  if (!connection.isOpen) first.answer(lost);
  else if (choice === 0) connection.close(lost);
  else if (choice < 4) first.answer(new StrataError("REPORT_DROPPED", { reason: "a test" }));
  else answerWell(first, random);
  return true;
}

function answerWell(asked: Asked, random: SeededRandom): void {
  const make = ANSWERS[asked.name] as ((random: SeededRandom) => never) | undefined;
  assert(make !== undefined, `the front asked for ${asked.name}`);
  asked.answer(make(random));
}

test(`whatever datanodes send, each call has one answer and nothing stays held (seed ${SEED})`, () => {
  const random = new SeededRandom(SEED);
  const main = new AskedMain();
  const context = contextOf(main);
  Object.assign(context, { random });
  Object.assign(context.settings, { heldReportBytesMax: HELD_BYTES_MAX });
  const protocol = new DatanodeProtocol(context);
  const datanodes = [1, 2, 3].map((number) => new HadoopDatanode(0, uuidOf(number)));
  const good = datanodes.flatMap((datanode) => {
    const reports = [1n, 2n, 3n].map((containerID) => ({
      containerID,
      state: State.CLOSED,
      originNodeId: datanode.uuid,
    }));
    return [
      encodeMessage(SCMDatanodeRequestSchema, { cmdType: 2, registerRequest: datanode.registration() }),
      datanode.heartbeatBody(),
      datanode.heartbeatBody({ containerReport: { reports } }),
      datanode.heartbeatBody({ incrementalContainerReport: [{ report: reports }, {}] }),
    ];
  });
  let unanswered = 0;
  const call = (body: Uint8Array): void => {
    unanswered++;
    let isAnswered = false;
    const settle = (): boolean => {
      assert(!isAnswered, "a call was answered twice");
      isAnswered = true;
      unanswered--;
      return random.below(10) > 0;
    };
    const hadoopCall: HadoopCall = {
      user: "hdfs",
      realUser: undefined,
      remoteAddress: `10.1.1.${random.below(2)}`,
      method: "submitRequest",
      body,
      type: "",
      isAnswered: false,
      onUndelivered: undefined,
      reply: (message) => {
        decodeMessage(SCMDatanodeResponseSchema, message.slice());
        return settle();
      },
      fail: settle,
    };
    protocol.handle(hadoopCall);
  };
  for (let at = 0; at < CALLS; at++) {
    let body = good[random.below(good.length)] as Uint8Array;
    if (random.below(10) === 0) {
      body = encodeMessage(
        SCMDatanodeRequestSchema,
        randomMessage(random, SCMDatanodeRequestSchema) as never,
      );
    }
    for (let changes = random.below(4); changes > 0; changes--) body = mutate(body, random, good);
    if (random.below(20) === 0) protocol.onCutOff("submitRequest", body.subarray(0, random.below(400)));
    else call(body.slice());
    for (let answers = random.below(4); answers > 0; answers--) answerOne(main, random);
    assert((protocol.counters["reportBytesHeld"] as number) <= HELD_BYTES_MAX, "the limit holds");
  }
  while (answerOne(main, random));
  context.nowMs += 5000;
  for (const tick of context.timers) tick();
  assert.equal(unanswered, 0, "every call has been answered");
  assert.equal(protocol.counters["reportBytesHeld"], 0, "nothing is held when all is told");
  assert.deepEqual(context.toldBugs, [], "no bug was met");
  protocol.stop();
  assert.deepEqual(
    main.connections.filter(({ isOpen }) => isOpen),
    [],
    "no connection is left",
  );
});
