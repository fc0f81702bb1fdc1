import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { StrataError } from "../../../../engine/core/errors.js";
import type { AdminClientOptions } from "../../../../protocol/client/admin-calls.js";
import { AdminClient } from "../../../../protocol/client/admin-client.js";
import { closeCodeOf } from "../../../../protocol/codec/errors.js";
import type { ResponseOf } from "../../../../protocol/schema/messages.js";
import { SESSION_WINDOW } from "../../../../protocol/schema/messages.js";
import { ClientWorld, Outcome } from "../../../support/client-world.js";
import type { FakeRequest, FakeScm } from "../../../support/fake-scm.js";

const NO_ROLES = { peers: [], term: 1, configVersion: 0, isJoint: false };

type Mutation = FakeRequest<"suppressContainers">;

const DONE = { failedContainerIds: [] };

function suppression(containerId: number): { containerIds: number[]; suppress: boolean } {
  return { containerIds: [containerId], suppress: true };
}

/** Sessions 501, 502 … */
function giveSessions(scm: FakeScm): void {
  let lastId = 500;
  scm.on("openSession", (request) => request.answer({ sessionId: ++lastId }));
}

/** A client of `scmCount` SCMs that open sessions; other requests wait for the test. */
async function clientOf(scmCount: number, options: Partial<AdminClientOptions> = {}) {
  const world = await ClientWorld.withScms(scmCount);
  world.scms.forEach(giveSessions);
  const { endpoints } = world;
  const client = new AdminClient(world.environment, { endpoints, clientName: "admin 1.0", ...options });
  const mutations = (index = 0): Mutation[] => world.scm(index).requestsOf("suppressContainers");
  const mutate = (containerId: number): Outcome<ResponseOf<"suppressContainers">> => {
    const outcome = new Outcome<ResponseOf<"suppressContainers">>();
    client.mutate("suppressContainers", suppression(containerId), outcome);
    return outcome;
  };
  const arrived = (count: number, index = 0): Promise<void> =>
    world.until(`${count} mutations arrived`, () => mutations(index).length === count);
  return { world, client, mutations, mutate, arrived };
}

function stampOf({ body }: Mutation): number[] {
  return [body.sessionId, body.sequence, body.ackedSequence];
}

test("the client connects at the first call and needs no session to look", async () => {
  const { world, client } = await clientOf(1);
  await world.pass(10_000);
  equal(world.scm().opened.length, 0);
  world.scm().on("scmRoles", (request) => request.answer(NO_ROLES));
  deepEqual(await world.scheduler.settle(client.scmRoles()), NO_ROLES);
  deepEqual(
    world.scm().requests.map(({ name }) => name),
    ["scmRoles"],
  );
  equal(client.openCount, 0);
});

test("every operation reaches the SCM under its name with its fields", async () => {
  const { world, client } = await clientOf(1);
  const uuid = world.scm().hello.scmId;
  const calls = [
    client.scmInfo(),
    client.scmRoles(),
    client.listNodes({ countMax: 10 }),
    client.getNode({ uuid }),
    client.listContainers({ startContainerId: 1, countMax: 5, state: "CLOSED" }),
    client.getContainer({ containerId: 4 }),
    client.getContainerReplicas({ containerId: 4 }),
    client.listPipelines({ countMax: 10 }),
    client.setNodeOperationalState({ uuid, operationalState: "DECOMMISSIONING", operationalStateExpiry: 0 }),
    client.suppressContainers(suppression(4)),
    client.import({ pipelines: [], containers: [] }),
  ];
  for (const call of calls) call.catch(() => {});
  await world.until("all arrived", () => world.scm().requests.length === calls.length + 1);
  deepEqual(
    world.scm().requests.map(({ name }) => name),
    [
      "scmInfo",
      "scmRoles",
      "listNodes",
      "getNode",
      "listContainers",
      "getContainer",
      "getContainerReplicas",
      "listPipelines",
      "openSession",
      "setNodeOperationalState",
      "suppressContainers",
      "import",
    ],
  );
  deepEqual(world.scm().requestsOf("listContainers")[0]?.body, {
    startContainerId: 1,
    countMax: 5,
    state: "CLOSED",
  });
  client.close();
});

test("mutations share one session, are numbered from 1 and say which answers have come", async () => {
  const { world, mutations, mutate, arrived } = await clientOf(1);
  const outcomes = [1, 2, 3].map(mutate);
  await arrived(3);
  equal(world.scm().requestsOf("openSession").length, 1);
  equal(world.scm().requestsOf("openSession")[0]?.body.clientName, "admin 1.0");
  deepEqual(mutations().map(stampOf), [
    [501, 1, 0],
    [501, 2, 0],
    [501, 3, 0],
  ]);

  mutations()[1]?.answer(DONE);
  await world.until("2 is answered", () => outcomes[1]?.isDone === true);
  mutate(4);
  await arrived(4);
  deepEqual(stampOf(mutations()[3] as Mutation), [501, 4, 0]);

  mutations()[0]?.answer({ failedContainerIds: [1] });
  await world.until("1 is answered", () => outcomes[0]?.isDone === true);
  deepEqual(outcomes[0]?.value, { failedContainerIds: [1] });
  mutate(5);
  await arrived(5);
  deepEqual(stampOf(mutations()[4] as Mutation), [501, 5, 2]);
});

test("a mutation without an answer is repeated under its number after the connection was lost", async () => {
  const { world, mutations, mutate, arrived } = await clientOf(1);
  const outcome = mutate(1);
  await arrived(1);
  world.scm().connection.close(1001, "going away");
  await arrived(2);
  deepEqual(mutations().map(stampOf), [
    [501, 1, 0],
    [501, 1, 0],
  ]);
  equal(world.scm().requestsOf("openSession").length, 1);
  mutations()[1]?.answer(DONE);
  await world.until("it is answered", () => outcome.isDone);
  deepEqual(outcome.value, DONE);
});

test("what has to be repeated goes before what was asked later", async () => {
  const { world, client, mutations, mutate, arrived } = await clientOf(1);
  mutate(1);
  await arrived(1);
  world.scm().connection.close(1001, "");
  await world.until("it is lost", () => world.network.connections.length === 0);
  const read = client.scmRoles();
  read.catch(() => {});
  [2, 3].map(mutate);
  await arrived(4);
  deepEqual(
    mutations().map(({ body }) => body.sequence),
    [1, 1, 2, 3],
  );
  deepEqual(world.scm().requests[2]?.name, "suppressContainers");
  client.close();
});

test("an attempt that gets no answer is repeated while the SCM is alive", async () => {
  const { world, mutations, mutate, arrived } = await clientOf(1, { attemptTimeoutMs: 2000 });
  const outcome = mutate(1);
  await arrived(2);
  ok(world.nowMs >= 2000 && world.nowMs < 2100, `${world.nowMs} ms`);
  mutations()[1]?.answer(DONE);
  await world.until("it is answered", () => outcome.isDone);
  mutations()[0]?.answer(DONE);
  await world.pass(1000);
  equal(world.scm().opened.length, 1);
});

test("a follower's hint leads to the leader, and the session goes with it", async () => {
  const { world, mutations, mutate, arrived } = await clientOf(2);
  const [first, second] = [mutate(1), mutate(2)];
  await arrived(2);
  const leaderHint = world.endpoints[1] as string;
  for (const mutation of mutations()) mutation.fail(new StrataError("NOT_LEADER", { term: 4, leaderHint }));
  await arrived(2, 1);
  deepEqual(mutations(1).map(stampOf), [
    [501, 1, 0],
    [501, 2, 0],
  ]);
  equal(world.scm(1).requestsOf("openSession").length, 0);
  for (const mutation of mutations(1)) mutation.answer(DONE);
  await world.until("both are answered", () => first.isDone && second.isDone);
});

test("without a hint the client asks everybody who leads", async () => {
  const { world, client } = await clientOf(3);
  world.scm(0).on("listNodes", (request) => {
    world.lead(undefined, 4);
    world.scheduler.after(500, () => world.lead(2, 5));
    request.fail(new StrataError("NOT_LEADER", { term: 4 }));
  });
  world.scm(2).on("listNodes", (request) => request.answer({ nodes: [], more: false }));
  await world.scheduler.settle(client.listNodes({ countMax: 1 }));
  deepEqual(
    world.scms.map((scm) => scm.requestsOf("listNodes").length),
    [1, 0, 1],
  );
  ok(world.nowMs < 600, `${world.nowMs} ms`);
});

test("what the SCM cannot do now is asked again after a pause, as long as the SCM advises", async () => {
  const { world, client } = await clientOf(1);
  const times: number[] = [];
  world.scm().on("scmRoles", (request) => {
    times.push(world.nowMs);
    if (times.length === 3) request.answer(NO_ROLES);
    else request.fail(new StrataError("OVERLOADED", { reason: "test", retryAfterMs: 4000 }));
  });
  await world.scheduler.settle(client.scmRoles());
  ok((times[1] ?? 0) - (times[0] ?? 0) >= 4000, `${times}`);
  ok((times[2] ?? 0) - (times[1] ?? 0) >= 4000, `${times}`);
});

test("a refusal is the outcome, and its number counts as answered", async () => {
  const { world, client, mutations, mutate, arrived } = await clientOf(1);
  const call = client.suppressContainers(suppression(1));
  const settled = world.scheduler.settle(call);
  settled.catch(() => {});
  await arrived(1);
  mutations()[0]?.fail(new StrataError("INVALID_ARGUMENT", { field: "containerIds", reason: "test" }));
  await rejects(settled, { code: "INVALID_ARGUMENT", retry: "never", class: "RejectedError" });
  mutate(2);
  await arrived(2);
  deepEqual(stampOf(mutations()[1] as Mutation), [501, 2, 1]);
});

test("a transfer of leadership that failed is not tried again: each try stops writes", async () => {
  const { world, client } = await clientOf(1);
  world.scm().on("transferLeadership", (request) => {
    request.fail(new StrataError("TRANSFER_FAILED", { member: "test", reason: "test" }));
  });
  await rejects(world.scheduler.settle(client.transferLeadership({})), { code: "TRANSFER_FAILED" });
  equal(world.scm().requestsOf("transferLeadership").length, 1);
});

test("a mutation refused at its only attempt for want of its session goes into a new one", async () => {
  const { world, mutations, mutate, arrived } = await clientOf(1);
  const outcome = mutate(1);
  await arrived(1);
  mutations()[0]?.fail(new StrataError("SESSION_EXPIRED", { sessionId: 501 }));
  await arrived(2);
  deepEqual(stampOf(mutations()[1] as Mutation), [502, 1, 0]);
  mutations()[1]?.answer(DONE);
  await world.until("it is answered", () => outcome.isDone);
  deepEqual(outcome.value, DONE);
});

test("a mutation that may have been carried out is never sent under another number", async () => {
  const { world, mutations, mutate, arrived } = await clientOf(1);
  const outcome = mutate(1);
  await arrived(1);
  world.scm().connection.close(1001, "");
  await arrived(2);
  mutations()[1]?.fail(new StrataError("SESSION_EXPIRED", { sessionId: 501 }));
  await world.until("it has failed", () => outcome.isDone);
  equal(outcome.error?.code, "SESSION_EXPIRED");
  mutate(2);
  await arrived(3);
  deepEqual(stampOf(mutations()[2] as Mutation), [502, 1, 0]);
  equal(mutations().length, 3);
});

test("sessions that are always unknown end in a failure, not in a loop", async () => {
  const { world, mutations, mutate } = await clientOf(1);
  const expired = new StrataError("SESSION_EXPIRED", { sessionId: 1 });
  world.scm().on("suppressContainers", (request) => request.fail(expired));
  const outcome = mutate(1);
  await world.until("it has failed", () => outcome.isDone);
  equal(outcome.error?.code, "SESSION_EXPIRED");
  equal(mutations().length, 2);
});

test("when no session can be opened the waiting mutations fail with the reason", async () => {
  const { world, mutate, mutations } = await clientOf(1);
  world.scm().on("openSession", (request) => request.fail(new StrataError("SESSION_LIMIT", { limit: 1 })));
  const outcomes = [mutate(1), mutate(2)];
  await world.until("both have failed", () => outcomes.every(({ isDone }) => isDone));
  for (const { error } of outcomes) equal(error?.code, "SESSION_LIMIT");
  giveSessions(world.scm());
  mutate(3);
  await world.until("the third arrived", () => mutations().length === 1);
});

test("mutations do not run further ahead than the session's window, reads pass them", async () => {
  const { world, client, mutations, mutate, arrived } = await clientOf(1);
  world.scm().hello = { ...world.scm().hello, requestsInFlightMax: 5000 };
  for (let i = 1; i <= SESSION_WINDOW + 50; i++) mutate(i);
  await arrived(SESSION_WINDOW);
  for (const mutation of mutations().slice(1)) mutation.answer(DONE);
  await world.until("all but the first are answered", () => client.openCount === 51);
  await world.pass(1000);
  equal(mutations().length, SESSION_WINDOW);
  world.scm().on("scmRoles", (request) => request.answer(NO_ROLES));
  await world.scheduler.settle(client.scmRoles());
  mutations()[0]?.answer(DONE);
  await arrived(SESSION_WINDOW + 50);
  deepEqual(stampOf(mutations().at(-1) as Mutation), [501, SESSION_WINDOW + 50, SESSION_WINDOW]);
});

test("the SCM's limit of requests is kept, and everything is sent in the end", async () => {
  const { world, client, mutations, mutate } = await clientOf(1);
  world.scm().hello = { ...world.scm().hello, requestsInFlightMax: 8 };
  let open = 0;
  let mostOpen = 0;
  world.scm().on("suppressContainers", (request) => {
    mostOpen = Math.max(mostOpen, ++open);
    world.scheduler.after(5, () => {
      open--;
      request.answer(DONE);
    });
  });
  const outcomes = Array.from({ length: 300 }, (_, i) => mutate(i + 1));
  await world.until("all are answered", () => client.openCount === 0);
  equal(mutations().length, 300);
  equal(
    outcomes.every(({ value }) => value !== undefined),
    true,
  );
  equal(mostOpen, 8);
});

test("a call without an answer ends when its time is over, whether it was sent or waited", async () => {
  const { world, client } = await clientOf(1, { timeoutMs: 20_000, attemptTimeoutMs: 3000 });
  await rejects(world.scheduler.settle(client.scmInfo()), { code: "NO_ANSWER", retry: "later" });
  ok(world.nowMs >= 20_000 && world.nowMs < 20_100, `${world.nowMs} ms`);

  await world.scm().close();
  await world.until("it is lost", () => world.network.connections.length === 0);
  const startMs = world.nowMs;
  await rejects(world.scheduler.settle(client.scmInfo()), (error: StrataError) => {
    return error.code === "NO_ANSWER";
  });
  const tookMs = world.nowMs - startMs;
  ok(tookMs >= 20_000 && tookMs < 21_100, `${tookMs} ms`);
  equal(client.openCount, 0);
});

test("an SCM that refuses this client at hello fails its calls at once", async () => {
  const { world, client } = await clientOf(1);
  const refusal = new StrataError("CLUSTER_ID_MISMATCH", { given: "a", expected: "b" });
  world.scm().on("hello", (request) => request.fail(refusal));
  await rejects(world.scheduler.settle(client.scmInfo()), { code: "CLUSTER_ID_MISMATCH" });
  ok(world.nowMs < 100);
});

test("a request that cannot be encoded fails alone", async () => {
  const { world, client, mutations, arrived, mutate } = await clientOf(1);
  const tooMany = { containerIds: new Array<number>(1025).fill(1), suppress: true };
  const wrong = client.suppressContainers(tooMany);
  const right = mutate(2);
  await rejects(world.scheduler.settle(wrong), { code: "FIELD_INVALID", message: /containerIds/ });
  await arrived(1);
  mutations()[0]?.answer(DONE);
  await world.until("it is answered", () => right.isDone);
  mutate(3);
  await arrived(2);
  deepEqual(stampOf(mutations()[1] as Mutation), [501, 3, 2]);
});

test("close fails what is open, and what is asked afterwards", async () => {
  const { world, client, mutate, arrived } = await clientOf(1);
  const sent = mutate(1);
  await arrived(1);
  const waiting = client.scmInfo();
  client.close();
  client.close();
  equal(sent.error?.code, "CONNECTION_LOST");
  await rejects(waiting, { code: "CONNECTION_LOST", message: /the client was closed/ });
  await rejects(client.scmInfo(), { code: "CONNECTION_LOST" });
  await world.pass(300_000);
  equal(world.network.connections.length, 0);
  equal(world.scm().opened.length, 1);
});

test("more waiting calls than the limit are refused at once", async () => {
  const { client } = await clientOf(1, { waitingCountMax: 3 });
  const calls = [1, 2, 3, 4].map(() => client.scmInfo());
  await rejects(calls[3] as Promise<unknown>, { code: "OVERLOADED" });
  equal(client.openCount, 3);
  for (const call of calls) call.catch(() => {});
  client.close();
});

test("an SCM that stops says so, and the calls go to the next one", async () => {
  const { world, client } = await clientOf(2);
  world.scm(0).on("scmRoles", ({ connection }) => connection.close(closeCodeOf("SHUTTING_DOWN"), "stopping"));
  world.scm(1).on("scmRoles", (request) => request.answer(NO_ROLES));
  deepEqual(await world.scheduler.settle(client.scmRoles()), NO_ROLES);
});
