import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import { StrataError } from "../../../../engine/core/errors.js";
import type { RpcError } from "../../../../protocol/client/completion.js";
import type { HelloResponse } from "../../../../protocol/client/rpc-connection.js";
import { RpcConnection } from "../../../../protocol/client/rpc-connection.js";
import { closeCodeOf } from "../../../../protocol/codec/errors.js";
import type { ResponseOf } from "../../../../protocol/schema/messages.js";
import { ClientWorld, Outcome } from "../../../support/client-world.js";
import { answerFrame } from "../../../support/fake-scm.js";

const HANDSHAKE_TIMEOUT_MS = 5_000;
const HEARTBEAT = { persistedOpState: "IN_SERVICE", persistedOpStateExpiry: 0 } as const;
const ANSWER: ResponseOf<"heartbeat"> = { term: 3, fullReportWanted: false, commands: [] };

/** A connection with a record of what its owner was told. */
class Dialled {
  hello: HelloResponse | undefined;
  readonly errors: RpcError[] = [];
  readonly connection: RpcConnection;

  constructor(world: ClientWorld, clusterId?: string, environment = world.environment) {
    const options = {
      url: `${world.endpoints[0] ?? "ws://10.0.0.9:1"}/datanode`,
      clientName: "test 1.0",
      clusterId,
      handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
    };
    this.connection = new RpcConnection(environment, options, {
      onReady: (hello) => {
        this.hello = hello;
      },
      onClosed: (error) => this.errors.push(error),
    });
  }

  heartbeat(timeoutMs = 30_000): Outcome<ResponseOf<"heartbeat">> {
    const outcome = new Outcome<ResponseOf<"heartbeat">>();
    const isSent = this.connection.request("heartbeat", HEARTBEAT, outcome, timeoutMs);
    ok(isSent, "the connection took the request");
    return outcome;
  }
}

async function connected(world: ClientWorld): Promise<Dialled> {
  const dialled = new Dialled(world);
  await world.until("the connection is ready", () => dialled.connection.isReady);
  return dialled;
}

/** A world in which heartbeats wait for the test to answer them. */
async function ready(): Promise<{ world: ClientWorld; dialled: Dialled }> {
  const world = await ClientWorld.withScms(1);
  return { world, dialled: await connected(world) };
}

test("a connection says hello with version, name and cluster, and takes the SCM's limits", async () => {
  const world = await ClientWorld.withScms(1);
  const dialled = new Dialled(world, "CID-test");
  equal(dialled.connection.request("heartbeat", HEARTBEAT, new Outcome(), 1000), false);
  await world.until("the connection is ready", () => dialled.connection.isReady);
  const expected = { protocolVersionMax: 1, clientName: "test 1.0", clusterId: "CID-test" };
  deepEqual(world.scm().greetings[0]?.body, expected);
  deepEqual(dialled.hello, world.scm().hello);
  equal(dialled.connection.inFlightMax, 1024);
});

test("answers find their requests in whatever order they come", async () => {
  const { world, dialled } = await ready();
  const outcomes = [dialled.heartbeat(), dialled.heartbeat(), dialled.heartbeat()];
  await world.until("three requests arrived", () => world.scm().requests.length === 3);
  equal(dialled.connection.inFlightCount, 3);
  const [first, second, third] = world.scm().requestsOf("heartbeat");
  third?.answer({ ...ANSWER, term: 33 });
  first?.answer({ ...ANSWER, term: 11 });
  second?.fail(new StrataError("NOT_REGISTERED"));
  await world.until("all are answered", () => dialled.connection.inFlightCount === 0);
  deepEqual([outcomes[0]?.value?.term, outcomes[2]?.value?.term], [11, 33]);
  equal(outcomes[1]?.error?.code, "NOT_REGISTERED");
});

test("a request above the SCM's limit is not taken, and there is room after an answer", async () => {
  const world = await ClientWorld.withScms(1);
  world.scm().hello = { ...world.scm().hello, requestsInFlightMax: 2 };
  const dialled = await connected(world);
  const { connection } = dialled;
  dialled.heartbeat();
  dialled.heartbeat();
  equal(connection.request("heartbeat", HEARTBEAT, new Outcome(), 1000), false);
  await world.until("both arrived", () => world.scm().requests.length === 2);
  world.scm().requestsOf("heartbeat")[0]?.answer(ANSWER);
  await world.until("one is answered", () => connection.inFlightCount === 1);
  dialled.heartbeat();
});

test("a request times out at its own time, and counts until its late answer is dropped", async () => {
  const { world, dialled } = await ready();
  const startMs = world.nowMs;
  const [long, short] = [dialled.heartbeat(4000), dialled.heartbeat(1000)];
  await world.until("the short one is over", () => short.isDone);
  equal(short.error?.code, "REQUEST_TIMEOUT");
  equal(short.error?.retry, "unknown");
  equal(Math.round(world.nowMs - startMs), 1000);
  equal(dialled.connection.inFlightCount, 2);
  world.scm().requestsOf("heartbeat")[1]?.answer(ANSWER);
  await world.until("the late answer is in", () => dialled.connection.inFlightCount === 1);
  await world.until("the long one is over", () => long.isDone);
  equal(Math.round(world.nowMs - startMs), 4000);
  equal(dialled.connection.isReady, true);
});

test("a request without a timeout waits for as long as the connection lives", async () => {
  const { world, dialled } = await ready();
  const outcome = dialled.heartbeat(Number.POSITIVE_INFINITY);
  await world.pass(24 * 3600 * 1000);
  equal(outcome.isDone, false);
  world.scm().requestsOf("heartbeat")[0]?.answer(ANSWER);
  await world.until("it is answered", () => outcome.isDone);
  deepEqual(outcome.value, ANSWER);
});

test("a connection on which nothing is heard is closed, one that is only slow is not", async () => {
  const { world, dialled } = await ready();
  const slow = dialled.heartbeat(10_000);
  const other = dialled.heartbeat(20_000);
  await world.until("both arrived", () => world.scm().requests.length === 2);
  world.scm().requestsOf("heartbeat")[1]?.answer(ANSWER);
  await world.until("the slow one is over", () => slow.isDone);
  ok(other.value !== undefined);
  equal(dialled.connection.isReady, true);

  for (const connection of world.network.connections) connection.goSilent();
  const unheard = dialled.heartbeat(10_000);
  await world.until("it is over", () => unheard.isDone);
  equal(unheard.error?.code, "REQUEST_TIMEOUT");
  deepEqual(
    dialled.errors.map(({ message }) => message),
    ["the connection was lost: nothing was heard for 10000 ms"],
  );
});

test("when the connection is lost each unanswered request fails once, before the owner knows", async () => {
  const { world, dialled } = await ready();
  const outcomes = [dialled.heartbeat(), dialled.heartbeat()];
  await world.until("both arrived", () => world.scm().requests.length === 2);
  world.scm().connection.close(closeCodeOf("SHUTTING_DOWN"), "SHUTTING_DOWN: the SCM is stopping");
  await world.until("the owner knows", () => dialled.errors.length > 0);
  for (const { error } of outcomes) {
    equal(error?.code, "CONNECTION_LOST");
    equal(error?.message, "the connection was lost: SHUTTING_DOWN: the SCM is stopping");
  }
  equal(dialled.connection.request("heartbeat", HEARTBEAT, new Outcome(), 1000), false);
  await world.pass(100_000);
  equal(dialled.errors.length, 1);
});

test("a connection that cannot be made tells its owner once", async () => {
  const world = new ClientWorld();
  const dialled = new Dialled(world);
  await world.until("the owner knows", () => dialled.errors.length > 0);
  equal(dialled.errors[0]?.message, "the connection was lost: connection refused");
});

test("closing fails what is unanswered and tells the owner at once", async () => {
  const { world, dialled } = await ready();
  const outcome = dialled.heartbeat();
  dialled.connection.close("enough");
  dialled.connection.close("again");
  equal(outcome.error?.message, "the connection was lost: enough");
  equal(dialled.errors.length, 1);
  await world.until("the SCM sees it", () => world.scm().closeCodes.length === 1);
  deepEqual(world.scm().closeCodes, [1000]);
});

test("an SCM that breaks the protocol is left with a coded reason", async () => {
  const hostile: [
    string,
    (id: number) => Uint8Array,
    "FRAME_MALFORMED" | "FRAME_TRUNCATED" | "FIELD_INVALID",
  ][] = [
    ["answers what was not asked", (id) => answerFrame("heartbeat", id + 1, ANSWER), "FRAME_MALFORMED"],
    ["answers with another op", (id) => answerFrame("fullReportChunk", id, {}), "FRAME_MALFORMED"],
    ["sends half a frame", (id) => answerFrame("heartbeat", id, ANSWER).subarray(0, 17), "FRAME_TRUNCATED"],
    ["sends an unreadable answer", (id) => withOp(answerFrame("fullReportChunk", id, {})), "FIELD_INVALID"],
    ["sends a request", (id) => asRequest(answerFrame("heartbeat", id, ANSWER)), "FRAME_MALFORMED"],
  ];
  for (const [what, frame, code] of hostile) {
    const { world, dialled } = await ready();
    const outcome = dialled.heartbeat();
    await world.until("it arrived", () => world.scm().requests.length === 1);
    world.scm().connection.send(frame(world.scm().requests[0]?.requestId ?? 0));
    await world.until("the SCM sees the reason", () => world.scm().closeCodes.length === 1);
    deepEqual(world.scm().closeCodes, [closeCodeOf(code)], what);
    equal(outcome.error?.code, "CONNECTION_LOST");
    equal(dialled.errors.length, 1);
  }
});

test("what the SCM answers to hello in place of a greeting goes to the owner", async () => {
  const world = await ClientWorld.withScms(1);
  const refusal = new StrataError("CLUSTER_ID_MISMATCH", { given: "a", expected: "b" });
  world.scm().on("hello", (request) => request.fail(refusal));
  const dialled = new Dialled(world);
  await world.until("the owner knows", () => dialled.errors.length > 0);
  equal(dialled.errors[0]?.code, "CLUSTER_ID_MISMATCH");
  equal(dialled.errors[0]?.retry, "never");
});

test("an SCM that speaks a version that was not offered is left", async () => {
  const world = await ClientWorld.withScms(1);
  world.scm().hello = { ...world.scm().hello, protocolVersion: 2 };
  const dialled = new Dialled(world);
  await world.until("the SCM sees the reason", () => world.scm().closeCodes.length === 1);
  deepEqual(world.scm().closeCodes, [closeCodeOf("FRAME_VERSION")]);
  equal(dialled.hello, undefined);
});

test("an SCM that never greets is left after the handshake timeout", async () => {
  const world = await ClientWorld.withScms(1);
  world.scm().on("hello", () => {});
  const dialled = new Dialled(world);
  await world.until("the owner knows", () => dialled.errors.length > 0);
  equal(dialled.errors[0]?.code, "REQUEST_TIMEOUT");
  ok(world.nowMs < HANDSHAKE_TIMEOUT_MS + 100);
});

test("a request that cannot be encoded throws, and nothing is sent or waited for", async () => {
  const { world, dialled } = await ready();
  const wrong = { ...HEARTBEAT, persistedOpStateExpiry: 0.5 };
  throws(() => dialled.connection.request("heartbeat", wrong, new Outcome(), 1000), {
    code: "FIELD_INVALID",
  });
  equal(dialled.connection.inFlightCount, 0);
  const outcome = dialled.heartbeat();
  await world.until("the next one arrived", () => world.scm().requests.length === 1);
  equal(world.scm().requests[0]?.requestId, 2);
  equal(outcome.isDone, false);
});

test("ten thousand answered requests set a handful of timers", async () => {
  const world = await ClientWorld.withScms(1);
  let timerCount = 0;
  const { scheduler } = world.environment;
  const counting = {
    ...world.environment,
    scheduler: {
      after: (delayMs: number, task: () => void) => {
        timerCount++;
        return scheduler.after(delayMs, task);
      },
      every: scheduler.every.bind(scheduler),
      endOfTurn: scheduler.endOfTurn.bind(scheduler),
    },
  };
  world.scm().on("heartbeat", (request) => request.answer(ANSWER));
  const dialled = new Dialled(world, undefined, counting);
  await world.until("the connection is ready", () => dialled.connection.isReady);
  for (let i = 0; i < 10; i++) {
    for (let n = 0; n < 1000; n++) dialled.heartbeat();
    await world.until("all are answered", () => dialled.connection.inFlightCount === 0);
  }
  ok(timerCount < 10, `${timerCount} timers`);
});

/** The same frame as an answer to a heartbeat. */
function withOp(frame: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(frame);
  copy[0] = 3;
  return copy;
}

function asRequest(frame: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(frame);
  copy[2] = 0;
  return copy;
}
