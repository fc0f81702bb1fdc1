import assert from "node:assert/strict";
import { test } from "node:test";
import { StrataError } from "../../../../../engine/core/errors.js";
import { SeededRandom } from "../../../../../engine/core/random.js";
import { readReportRows } from "../../../../../protocol/codec/report-rows.js";
import {
  SCMDatanodeRequestSchema,
  SCMDatanodeResponseSchema,
  type SCMDatanodeResponseValid,
  ContainerReplicaProto_State as State,
  SCMCommandProto_Type as Type,
} from "../../../../../protocol/hadoop/generated/datanode_pb.js";
import { decodeMessage, encodeMessage } from "../../../../../protocol/hadoop/message.js";
import type { ResponseOf } from "../../../../../protocol/schema/messages.js";
import type { Command } from "../../../../../protocol/schema/records.js";
import { DatanodeProtocol } from "../../../../../workers/front/datanode/datanode-protocol.js";
import type { HadoopCall } from "../../../../../workers/front/rpc/call.js";
import { AskedMain } from "../../../../support/front/asked-main.js";
import { contextOf } from "../../../../support/front/fake-main.js";
import {
  HadoopDatanode,
  type HeartbeatInit,
  type RegisterInit,
} from "../../../../support/hadoop/hadoop-datanode.js";
import { uuidOf } from "../../../../support/records.js";

const TERM = 6;
const ADDRESS = "10.1.1.1";
const UUID = uuidOf(1);
const IDLE: ResponseOf<"heartbeat"> = { term: TERM, fullReportWanted: false, commands: [] };
const WANTED = { ...IDLE, fullReportWanted: true };

interface Outcome {
  /** Undefined until it is answered. */
  answer?: SCMDatanodeResponseValid;
  error?: string;
  onUndelivered?: (() => void) | undefined;
}

/** The protocol before a main that answers when the test says so. */
class Stage {
  readonly main = new AskedMain();
  readonly context;
  readonly protocol: DatanodeProtocol;
  readonly datanode = new HadoopDatanode(0, UUID);
  /** Whether clients are there when their answers come. */
  isClientThere = true;

  constructor(heldReportBytesMax = 2 ** 29) {
    const context = contextOf(this.main);
    Object.assign(context, { random: new SeededRandom(1) });
    Object.assign(context.settings, { heldReportBytesMax });
    this.context = context;
    this.protocol = new DatanodeProtocol(context);
  }

  call(body: Uint8Array, remoteAddress = ADDRESS): Outcome {
    const outcome: Outcome = {};
    const settle = (answer: Partial<Outcome>): boolean => {
      assert.deepEqual([outcome.answer, outcome.error], [undefined, undefined], "answered once");
      Object.assign(outcome, answer, { onUndelivered: call.onUndelivered });
      return this.isClientThere;
    };
    const call: HadoopCall = {
      user: "hdfs",
      realUser: undefined,
      remoteAddress,
      method: "submitRequest",
      body,
      type: "",
      get isAnswered() {
        return outcome.answer !== undefined || outcome.error !== undefined;
      },
      onUndelivered: undefined,
      reply: (message) => settle({ answer: decodeMessage(SCMDatanodeResponseSchema, message.slice()) }),
      fail: (className, message) => settle({ error: `${className}: ${message}` }),
    };
    this.protocol.handle(call);
    body.fill(0xff); // valid during `handle` only
    return outcome;
  }

  register(more: Partial<RegisterInit> = {}, remoteAddress = ADDRESS): Outcome {
    const request = { cmdType: 2, registerRequest: this.datanode.registration(more) } as const;
    return this.call(encodeMessage(SCMDatanodeRequestSchema, request), remoteAddress);
  }

  beat(more: HeartbeatInit = {}, remoteAddress = ADDRESS): Outcome {
    const request = { cmdType: 3, sendHeartbeatRequest: this.datanode.beat(more) } as const;
    return this.call(encodeMessage(SCMDatanodeRequestSchema, request), remoteAddress);
  }

  /** Registers, and has main merge the report that came with it. */
  registered(): this {
    this.register();
    this.acceptRegistration();
    this.mergeFull();
    return this;
  }

  acceptRegistration(): void {
    const names = { hostName: "dn1", ipAddress: ADDRESS, networkName: UUID, networkLocation: "/r" };
    this.main.last.only("register").answer({ uuid: UUID, clusterId: "CID-1", ...names });
  }

  /** Ids of the full report that was begun, which main grants and merges. */
  mergeFull(): number[] {
    this.main.last.only("fullReportBegin").answer({ reportId: 1, chunksInFlightMax: 1 });
    const chunk = this.main.last.only("fullReportChunk");
    const { rows, rowBytes, origins = [] } = chunk.request;
    const ids = [...readReportRows(rows, rowBytes, origins)].map(({ containerId }) => containerId);
    chunk.answer({});
    return ids;
  }

  answerBeat(answer: ResponseOf<"heartbeat"> = IDLE): void {
    this.main.last.only("heartbeat").answer(answer);
  }

  /** A heartbeat from begin to end: the types of its commands. */
  commands(answer: ResponseOf<"heartbeat"> = IDLE, more: HeartbeatInit = {}): Type[] {
    const outcome = this.beat(more);
    this.answerBeat(answer);
    return commandsOf(outcome);
  }

  passMs(ms: number): void {
    // A second at a time: more at once would be a pause of ours.
    for (let passed = 0; passed < ms; passed += 1000) {
      this.context.nowMs += 1000;
      for (const tick of this.context.timers) tick();
    }
  }
}

function commandsOf({ answer }: Outcome): Type[] {
  assert(answer !== undefined, "answered");
  return answer.sendHeartbeatResponse?.commands.map(({ commandType }) => commandType) ?? [];
}

function replicas(...ids: number[]) {
  return ids.map((id) => ({ containerID: BigInt(id), state: State.CLOSED }));
}

const REREGISTER = [Type.reregisterCommand];
const CLOSE: Command = {
  type: "closeContainerCommand",
  commandId: 9,
  containerId: 9,
  term: TERM,
  deadlineMs: 0,
};
const DELETE: Command = { ...CLOSE, type: "deleteContainerCommand", commandId: 5 };

test("the answer to a heartbeat leaves before its reports are fed, the full one first", () => {
  const stage = new Stage().registered();
  const outcome = stage.beat({
    incrementalContainerReport: [{ report: replicas(7) }],
    containerReport: { reports: replicas(2, 1) },
  });
  assert.deepEqual(outcome, {});
  stage.answerBeat();
  assert.equal(outcome.answer?.sendHeartbeatResponse?.term, BigInt(TERM));
  assert.deepEqual(stage.mergeFull(), [1, 2]);
  const { request } = stage.main.last.only("incrementalReport");
  assert.deepEqual(
    [...readReportRows(request.rows, request.rowBytes, request.origins)].map(
      ({ containerId }) => containerId,
    ),
    [7],
  );
});

test("calls of one datanode are made one after the other, from whatever connection they come", () => {
  const stage = new Stage().registered();
  const first = stage.beat();
  const second = stage.register();
  const third = stage.beat();
  stage.answerBeat();
  assert.deepEqual([first.answer !== undefined, second.answer, third.answer], [true, undefined, undefined]);
  stage.acceptRegistration();
  assert(second.answer?.registerResponse !== undefined);
  const [begin, heartbeat] = stage.main.last.asked;
  assert.deepEqual([begin?.name, heartbeat?.name], ["fullReportBegin", "heartbeat"]);
  heartbeat?.answer(IDLE);
  assert(third.answer !== undefined);
});

test("a bug fails its call, is told once, and harms no other call", () => {
  const stage = new Stage(100 * 1024);
  const oops = (): never => {
    throw new TypeError("oops");
  };
  const { main, context } = stage;
  const BUG = "java.io.IOException: INTERNAL_ERROR: oops";
  const report = { containerReport: { reports: replicas(1) } };

  Object.assign(main, { connect: oops });
  assert.equal(stage.register(report).error, BUG);
  Reflect.deleteProperty(main, "connect");
  stage.registered();

  // While main's answer is looked at, with a call that waits behind.
  const { clock } = context;
  const { monotonicMs } = clock;
  for (let i = 0; i < 3; i++) {
    const broken = stage.beat({ incrementalContainerReport: [{ report: replicas(1) }] });
    const next = stage.beat();
    Object.assign(clock, { monotonicMs: oops });
    stage.answerBeat(WANTED);
    Object.assign(clock, { monotonicMs });
    assert.equal(broken.error, BUG);
    stage.answerBeat();
    assert.deepEqual(commandsOf(next), []);
  }

  // After the answer has gone.
  const answered = stage.beat(report);
  Object.assign(main.last, { request: oops });
  stage.answerBeat();
  Reflect.deleteProperty(main.last, "request");
  assert.deepEqual(commandsOf(answered), []);
  assert.deepEqual(stage.commands(), []);

  const kinds = context.toldBugs.map(({ protocol, type, leftOut }) => [protocol, type, leftOut]);
  const { name } = stage.protocol;
  assert.deepEqual(kinds, [
    [name, "Register", 0],
    [name, "SendHeartbeat", 0],
    [name, "SendHeartbeat", 2],
  ]);
  assert.match(context.toldBugs[0]?.failure.stack ?? "", /oops[\s\S]*registrations/);
  assert.equal(context.bugs.count, 5);
  assert.equal(stage.protocol.counters["reportBytesHeld"], 0);
});

test("datanodes that are not known register some at a time, whether others come or are not reached", () => {
  const stage = new Stage();
  const outcomes = Array.from({ length: 90 }, (_, i) => {
    const sendHeartbeatRequest = new HadoopDatanode(0, uuidOf(1 + i)).beat();
    return stage.call(encodeMessage(SCMDatanodeRequestSchema, { cmdType: 3, sendHeartbeatRequest }));
  });
  const isGone = (i: number) => i >= 10 && i < 20;
  const there = outcomes.filter((_, i) => !isGone(i));
  const told = () => there.filter((each) => each.answer && commandsOf(each).length > 0).length;
  const strangers = stage.main.last;
  for (const [i, { answer }] of [...strangers.asked].entries()) {
    stage.isClientThere = !isGone(i);
    answer({ ...IDLE, commands: [{ ...CLOSE, type: "reregisterCommand" }] });
  }
  assert.equal(told(), 64);
  stage.registered();
  const afterOne = told();
  assert(afterOne > 64 && afterOne < 79);
  outcomes[1]?.onUndelivered?.();
  assert.equal(told(), afterOne + 1);
  assert.deepEqual(outcomes[89], {});
  stage.passMs(4000);
  assert.deepEqual(commandsOf(outcomes[89] ?? {}), []);
  assert.equal(stage.protocol.counters["registrationsPutOff"], 80 - afterOne - 1);
});

test("a report of more than an eighth of the memory for reports is given up, and ordered at the pace", () => {
  const ROWS_HELD_MAX = 800;
  const stage = new Stage(ROWS_HELD_MAX * 32).registered();
  const sent = (count: number) => replicas(...Array.from({ length: count }, (_, at) => at + 1));
  stage.commands(IDLE, { containerReport: { reports: sent(ROWS_HELD_MAX / 8) } });
  assert.equal(stage.mergeFull().length, ROWS_HELD_MAX / 8);
  stage.commands(IDLE, { containerReport: { reports: sent(ROWS_HELD_MAX / 8 + 1) } });
  assert.deepEqual(stage.main.last.asked, []);
  assert.equal(stage.protocol.counters["reportsLost"], 1);
  assert.equal(stage.protocol.counters["reportBytesHeld"], 0);
  assert.deepEqual(stage.commands(), REREGISTER);
  assert.deepEqual(stage.commands(), []);
  stage.commands(IDLE, { incrementalContainerReport: [{ report: sent(ROWS_HELD_MAX / 8 + 1) }] });
  assert.equal(stage.protocol.counters["reportsLost"], 2);
});

test("calls that wait are bounded", () => {
  const stage = new Stage().registered();
  const outcomes = Array.from({ length: 18 }, () => stage.beat());
  assert.equal(outcomes.at(16)?.error, undefined);
  assert.match(outcomes.at(17)?.error ?? "", /^java.io.IOException: OVERLOADED/);
  for (let at = 0; at < 17; at++) stage.answerBeat();
  assert(outcomes.slice(0, 17).every(({ answer }) => answer !== undefined));
});

test("commands whose answer did not arrive are given back before the next heartbeat, in order", () => {
  for (const isThere of [false, true]) {
    const stage = new Stage().registered();
    stage.isClientThere = isThere;
    const outcome = stage.beat();
    stage.answerBeat({ ...IDLE, commands: [CLOSE, DELETE] });
    assert.deepEqual(commandsOf(outcome), [Type.closeContainerCommand, Type.deleteContainerCommand]);
    if (isThere) outcome.onUndelivered?.();
    assert.deepEqual(stage.main.last.asked, []);
    assert.deepEqual(takenBack(stage), [[CLOSE, DELETE]]);
    assert.deepEqual(takenBack(stage), [], "once");
    assert.equal(stage.protocol.counters["commandsTakenBack"], 2);
  }
});

test("commands of several answers that failed come back in the order in which they were given", () => {
  const given = [CLOSE, DELETE, { ...CLOSE, commandId: 3, containerId: 3 }];
  for (const order of [
    [0, 1, 2],
    [2, 1, 0],
    [1, 0, 2],
  ]) {
    const stage = new Stage().registered();
    const outcomes = given.map((command) => {
      const outcome = stage.beat();
      stage.answerBeat({ ...IDLE, commands: [command] });
      return outcome;
    });
    for (const each of order) outcomes[each]?.onUndelivered?.();
    // Main puts what comes back in front of what it has.
    assert.deepEqual(takenBack(stage).reverse().flat(), given);
  }
});

test("commands come back to main over whatever connection it knows the datanode on", () => {
  const stage = new Stage().registered();
  const outcome = stage.beat();
  stage.answerBeat({ ...IDLE, commands: [CLOSE] });
  stage.register({}, "10.0.0.8");
  outcome.onUndelivered?.();
  stage.main.last.only("register").answer(new StrataError("NODE_LIMIT", { limit: 1 }));
  assert.deepEqual(takenBack(stage), [], "the registration has failed");
  stage.register({}, "10.0.0.8");
  stage.acceptRegistration();
  stage.mergeFull();
  assert.deepEqual(takenBack(stage, new StrataError("CONNECTION_LOST", { reason: "a test" })), [[CLOSE]]);
  assert.deepEqual(takenBack(stage), [[CLOSE]], "what main may not have had");
  assert.deepEqual(takenBack(stage), []);
});

/** What comes back to main with a heartbeat: before it, in that order. */
function takenBack(stage: Stage, failure?: StrataError): Command[][] {
  stage.beat();
  const asked = [...stage.main.last.asked];
  const heartbeat = asked.pop();
  assert.equal(heartbeat?.name, "heartbeat");
  heartbeat?.answer(IDLE);
  return asked.map((each) => {
    assert.equal(each.name, "takeBackCommands");
    each.answer(failure ?? {});
    return (each.request as { readonly commands: Command[] }).commands;
  });
}

test("nothing stays of a datanode that was never accepted, all of one that was", () => {
  const stage = new Stage();
  const refuse = () => {
    const outcome = stage.register();
    const waiting = stage.register();
    for (const { error } of [outcome, waiting]) {
      assert.equal(error, undefined);
      stage.main.last.only("register").answer(new StrataError("NODE_LIMIT", { limit: 1 }));
    }
    assert.match(waiting.error ?? "", /NODE_LIMIT/);
  };
  refuse();
  assert.equal(stage.main.last.isOpen, false);
  assert.equal(stage.protocol.counters["datanodes"], 0);
  stage.registered();
  refuse();
  assert.equal(stage.main.last.isOpen, true);
  assert.equal(stage.protocol.counters["datanodes"], 1);
});

test("a silent datanode is forgotten when its last call has ended, not in the middle of one", () => {
  const stage = new Stage().registered();
  stage.beat();
  stage.register({}, "10.0.0.8");
  stage.passMs(stage.context.settings.deadIntervalMs + 2000);
  stage.answerBeat();
  stage.acceptRegistration();
  stage.mergeFull();
  assert.equal(stage.protocol.counters["datanodes"], 1);
  stage.passMs(stage.context.settings.deadIntervalMs + 2000);
  assert.equal(stage.protocol.counters["datanodes"], 0);
  assert(stage.main.connections.every(({ isOpen }) => !isOpen));
});

test("all commands carry the answer's term, token and deadline are there", () => {
  const stage = new Stage().registered();
  const outcome = stage.beat();
  const other = { ...DELETE, term: 3, encodedToken: "secret", deadlineMs: 77 };
  stage.answerBeat({ ...IDLE, commands: [CLOSE, other] });
  const sent = outcome.answer?.sendHeartbeatResponse?.commands ?? [];
  assert.deepEqual(
    sent.map(({ term, encodedToken, deadlineMsSinceEpoch }) => [term, encodedToken, deadlineMsSinceEpoch]),
    [
      [BigInt(TERM), "", 0n],
      [BigInt(TERM), "secret", 77n],
    ],
  );
  assert.equal(sent[0]?.closeContainerCommandProto?.cmdId, 9n);
});

test("a follower tells no term", () => {
  const stage = new Stage().registered();
  const outcome = stage.beat();
  stage.answerBeat({ ...IDLE, term: 0 });
  assert.equal(Object.hasOwn(outcome.answer?.sendHeartbeatResponse ?? {}, "term"), false);
});

test("a datanode whose full report is missing is told to register anew, once a minute", () => {
  const stage = new Stage().registered();
  assert.deepEqual(stage.commands(WANTED), REREGISTER);
  assert.deepEqual(stage.commands(WANTED), []);
  stage.passMs(61_000);
  assert.deepEqual(stage.commands(WANTED), REREGISTER);
});

test("while a report of it is held or fed nobody is told to register", () => {
  const stage = new Stage().registered();
  assert.deepEqual(stage.commands(WANTED, { containerReport: { reports: replicas(1) } }), []);
  const begin = stage.main.last.only("fullReportBegin");
  const outcome = stage.beat();
  stage.main.last.asked.find(({ name }) => name === "heartbeat")?.answer(WANTED);
  assert.deepEqual(commandsOf(outcome), []);
  begin.answer(new StrataError("REPORT_DROPPED", { reason: "a test" }));
  assert.deepEqual(stage.commands(WANTED), REREGISTER);
});

test("an order to register that did not arrive is given again", () => {
  const stage = new Stage().registered();
  stage.isClientThere = false;
  assert.deepEqual(stage.commands(WANTED), REREGISTER);
  stage.isClientThere = true;
  assert.deepEqual(stage.commands(WANTED), REREGISTER);
});

test("after a missing heartbeat or a request that was cut off a full report is ordered", () => {
  const stage = new Stage().registered();
  stage.passMs(31_000);
  assert.deepEqual(stage.commands(), []);
  stage.passMs(60_000);
  assert.deepEqual(stage.commands(), REREGISTER);
  const cut = new Stage().registered();
  const whole = encodeMessage(SCMDatanodeRequestSchema, {
    cmdType: 3,
    sendHeartbeatRequest: cut.datanode.beat({ containerReport: { reports: replicas(1, 2, 3) } }),
  });
  cut.protocol.onCutOff("submitRequest", whole.subarray(0, 20));
  assert.deepEqual(cut.commands(), []);
  cut.protocol.onCutOff("submitRequest", whole.subarray(0, whole.length - 5));
  assert.deepEqual(cut.commands(), REREGISTER);
  cut.register();
  cut.acceptRegistration();
  cut.mergeFull();
  cut.passMs(1000);
  assert.deepEqual(cut.commands(), []);
});

test("a pause of ours is no gap of the datanodes", () => {
  const stage = new Stage().registered();
  stage.context.nowMs += 3_600_000;
  assert.deepEqual(stage.commands(), []);
  stage.passMs(5000);
  assert.deepEqual(stage.commands(), []);
});

test("a full report that failed with its heartbeat is ordered anew", () => {
  const stage = new Stage().registered();
  const outcome = stage.beat({ containerReport: { reports: replicas(1) } });
  stage.main.last.only("heartbeat").answer(new StrataError("OVERLOADED", { reason: "a test" }));
  assert.match(outcome.error ?? "", /^java.io.IOException: OVERLOADED/);
  assert.deepEqual(stage.commands(), REREGISTER);
});

test("reports that find no room are given up as a whole, and ordered anew", () => {
  const stage = new Stage(1600).registered();
  stage.commands(IDLE, { containerReport: { reports: replicas(1, 2, 3, 4, 5, 6) } });
  const begin = stage.main.last.only("fullReportBegin");
  const more = (count: number) => {
    const report = replicas(...Array.from({ length: count }, (_, at) => 10 + at));
    const outcome = stage.beat({ incrementalContainerReport: [{ report }] });
    stage.main.last.asked.find(({ name }) => name === "heartbeat")?.answer(IDLE);
    assert.deepEqual(commandsOf(outcome), []);
  };
  // Six rows are an eighth of all; the last ones two fifths of what is free then.
  for (const count of [6, 6, 6, 6, 6, 5, 3, 2, 1, 1]) more(count);
  assert.deepEqual(heldAndLost(stage), [1536, 0]);
  more(1);
  assert.deepEqual(heldAndLost(stage), [192, 1]);
  begin.answer({ reportId: 1, chunksInFlightMax: 1 });
  stage.main.last.only("fullReportChunk").answer({});
  assert.deepEqual(stage.main.last.asked, [], "the incremental report is gone");
  assert.deepEqual(stage.commands(), REREGISTER);
  assert.deepEqual(stage.commands(IDLE, { containerReport: { reports: replicas(1, 2, 3, 4, 5, 6, 7) } }), []);
  assert.deepEqual(stage.main.last.asked, [], "a full report beyond the limit is not fed");
  assert.deepEqual(heldAndLost(stage), [0, 2]);
  const { datanodes, reportsOrdered } = stage.protocol.counters;
  assert.deepEqual({ datanodes, reportsOrdered }, { datanodes: 1, reportsOrdered: 1 });
});

function heldAndLost({ protocol }: Stage): unknown[] {
  const { reportBytesHeld, reportsLost } = protocol.counters;
  return [reportBytesHeld, reportsLost];
}

test("a datanode at another address is another connection to main, when it registers", () => {
  const stage = new Stage().registered();
  const [first] = stage.main.connections;
  stage.beat({}, "10.9.9.9");
  stage.answerBeat();
  assert.equal(stage.main.connections.length, 1);
  stage.register({}, "10.9.9.9");
  assert.deepEqual([first?.isOpen, stage.main.last.remoteAddress], [false, "10.9.9.9"]);
  stage.acceptRegistration();
  stage.mergeFull();
  assert.deepEqual(stage.commands(), []);
});

test("a silent datanode loses its connection to main, and is told to register when it comes back", () => {
  const stage = new Stage().registered();
  const connection = stage.main.last;
  stage.passMs(599_000);
  assert(connection.isOpen);
  stage.passMs(3000);
  assert(!connection.isOpen);
  const outcome = stage.beat({ containerReport: { reports: replicas(1) } });
  const strangers = stage.main.last;
  strangers.only("heartbeat").answer({ ...IDLE, commands: [{ ...CLOSE, type: "reregisterCommand" }] });
  assert.deepEqual(commandsOf(outcome), REREGISTER);
  assert.equal(outcome.answer?.sendHeartbeatResponse?.datanodeUUID, UUID);
  assert.deepEqual(strangers.asked, [], "its reports do not count");
});

test("a datanode whose connection main has closed is told to register", () => {
  const stage = new Stage().registered();
  stage.main.last.close(new StrataError("REPORT_STALLED", { limitMs: 1 }));
  const outcome = stage.beat();
  stage.main.last.only("heartbeat").answer({ ...IDLE, commands: [{ ...CLOSE, type: "reregisterCommand" }] });
  assert.deepEqual(commandsOf(outcome), REREGISTER);
});

test("the newest of the three forms of an id counts", () => {
  const halves = { mostSigBits: 0n, leastSigBits: -1n };
  const newest = "00000000-0000-0000-ffff-ffffffffffff";
  const forms = [
    [{ uuid: UUID, uuid128: { mostSigBits: 1n, leastSigBits: 1n }, id: { uuid: halves } }, newest],
    [{ uuid: UUID, uuid128: halves, id: undefined }, newest],
    [{ uuid: UUID.toUpperCase(), uuid128: undefined, id: undefined }, UUID],
  ] as const;
  for (const [ids, expected] of forms) {
    const stage = new Stage();
    Object.assign(stage.datanode.details, ids);
    stage.register();
    assert.equal(stage.main.last.only("register").request.details.uuid, expected);
    const outcome = new Stage();
    Object.assign(outcome.datanode.details, ids);
    const beat = outcome.beat();
    outcome.answerBeat({ ...IDLE, commands: [] });
    assert.equal(beat.answer?.sendHeartbeatResponse?.datanodeUUID, expected);
  }
  const nameless = new Stage();
  Object.assign(nameless.datanode.details, { uuid: undefined, uuid128: undefined, id: undefined });
  assert.match(nameless.register().error ?? "", /no id/);
  assert.match(nameless.beat().error ?? "", /no id/);
});

test("every report and action of a heartbeat reaches main", () => {
  const stage = new Stage().registered();
  const pipelineID = { id: uuidOf(5) };
  stage.beat({
    nodeReport: {
      storageReport: [
        {
          storageUuid: "DS",
          storageLocation: "/d",
          capacity: 5n,
          remaining: 2n ** 64n - 1n,
          failed: true,
          storageType: 2,
        },
      ],
      metadataStorageReport: [{ storageLocation: "/m", capacity: 9n }],
    },
    pipelineReports: { pipelineReport: [{ pipelineID, isLeader: true, bytesWritten: 3n }] },
    pipelineActions: {
      pipelineActions: [{ action: 1, closePipeline: { pipelineID, reason: 2, detailedReason: "log" } }],
    },
    containerActions: { containerActions: [{ containerID: 12n, action: 1, reason: 2 }] },
    commandStatusReports: [
      {
        cmdStatus: [
          {
            cmdId: 4n,
            status: 2,
            type: 2,
            blockDeletionAck: { dnId: UUID, results: [{ txID: 1n, containerID: 2n, success: true }] },
          },
        ],
      },
    ],
    commandQueueReport: { command: [3, 0, 5], count: [4, 9, 1] },
    dataNodeLayoutVersion: undefined,
  });
  const { request } = stage.main.last.only("heartbeat");
  assert.deepEqual(request, {
    persistedOpState: "IN_SERVICE",
    persistedOpStateExpiry: 0,
    layout: { metadata: 0, software: 0 },
    commandCounts: [
      { type: "closeContainerCommand", count: 4 },
      { type: "replicateContainerCommand", count: 1 },
    ],
    nodeReport: {
      storageReports: [
        {
          storageUuid: "DS",
          storageLocation: "/d",
          capacity: 5,
          scmUsed: 0,
          remaining: 0,
          storageType: "SSD",
          failed: true,
          committed: 0,
          freeSpaceToSpare: 0,
          reserved: 0,
        },
      ],
      metadataStorageReports: [
        { storageLocation: "/m", storageType: "DISK", capacity: 9, scmUsed: 0, remaining: 0, failed: false },
      ],
    },
    pipelineReports: [{ pipelineId: uuidOf(5), isLeader: true, bytesWritten: 3 }],
    pipelineActions: [{ pipelineId: uuidOf(5), reason: "PIPELINE_LOG_FAILED", detailedReason: "log" }],
    containerActions: [{ containerId: 12, reason: "CONTAINER_UNHEALTHY" }],
    commandStatuses: [
      {
        commandId: 4,
        type: "deleteBlocksCommand",
        status: "EXECUTED",
        message: "",
        blockDeletions: [{ transactionId: 1, containerId: 2, success: true }],
      },
    ],
  });
});

test("a heartbeat that says the same again reaches main the same again, and another one does not", () => {
  const stage = new Stage().registered();
  const queued = (count: number): HeartbeatInit => ({ commandQueueReport: { command: [3], count: [count] } });
  const requests = [{}, {}, queued(1), queued(2), {}].map((more: HeartbeatInit) => {
    stage.beat(more);
    const { request } = stage.main.last.only("heartbeat");
    stage.answerBeat();
    return request.commandCounts?.map(({ count }) => count);
  });
  assert.deepEqual(requests, [[], [], [1], [2], []]);
});

test("a registration that main refuses is answered by the reason", () => {
  const stage = new Stage();
  const refused = stage.register({ containerReport: { reports: replicas(1) } });
  stage.main.last
    .only("register")
    .answer(new StrataError("DATANODE_LAYOUT_NOT_PERMITTED", { given: 9, expected: 10 }));
  assert.deepEqual(
    [refused.answer?.registerResponse?.errorCode, refused.answer?.registerResponse?.datanodeUUID],
    [2, UUID],
  );
  const notYet = stage.register();
  stage.main.last.only("register").answer(new StrataError("NOT_READY", { step: "replay" }));
  assert.match(notYet.error ?? "", /^java.io.IOException: NOT_READY/);
  assert.deepEqual(stage.main.last.asked, []);
});
