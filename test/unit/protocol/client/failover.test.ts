import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { StrataError } from "../../../../engine/core/errors.js";
import type { AdminClientOptions } from "../../../../protocol/client/admin-calls.js";
import { AdminClient } from "../../../../protocol/client/admin-client.js";
import type { ResponseOf } from "../../../../protocol/schema/messages.js";
import type { ScmAddress } from "../../../../protocol/schema/records.js";
import { CLIENT_HOST, ClientWorld, Outcome, SCM_PORT } from "../../../support/client-world.js";

const SUPPRESSION = { containerIds: [1], suppress: true };
const NO_ROLES = { peers: [], term: 1, configVersion: 0, isJoint: false };
const DONE = { failedContainerIds: [] };
/** Beyond what the protocol needs: one-way delays in this world are below a millisecond. */
const AT_ONCE_MS = 10;
/** Two rounds of questions at their slowest, at the beginning of a search. */
const SOON_MS = 120;

/** SCMs that open sessions and carry out mutations while they lead; each notes what it was asked. */
class Group {
  readonly world: ClientWorld;
  readonly client: AdminClient;

  private constructor(world: ClientWorld, client: AdminClient) {
    this.world = world;
    this.client = client;
  }

  static async of(count: number, options: Partial<AdminClientOptions> = {}): Promise<Group> {
    const world = await ClientWorld.withScms(count);
    for (const scm of world.scms) {
      const refusal = () => {
        const { term, leaderHint = "" } = scm.hello;
        return new StrataError("NOT_LEADER", { term, leaderHint });
      };
      scm.on("openSession", (request) => {
        if (scm.hello.isLeader) request.answer({ sessionId: 501 });
        else request.fail(refusal());
      });
      scm.on("suppressContainers", (request) => {
        if (scm.hello.isLeader) request.answer(DONE);
        else request.fail(refusal());
      });
      scm.on("scmRoles", (request) => request.answer(NO_ROLES));
    }
    const { endpoints } = world;
    const client = new AdminClient(world.environment, { endpoints, clientName: "test", ...options });
    return new Group(world, client);
  }

  mutate(): Outcome<ResponseOf<"suppressContainers">> {
    const outcome = new Outcome<ResponseOf<"suppressContainers">>();
    this.client.mutate("suppressContainers", SUPPRESSION, outcome);
    return outcome;
  }

  /** Runs one mutation to its end; how long it took. */
  async mutated(): Promise<number> {
    const startMs = this.world.nowMs;
    const outcome = this.mutate();
    await this.world.until("the mutation is done", () => outcome.isDone);
    equal(outcome.error, undefined);
    return this.world.nowMs - startMs;
  }

  count(index: number): number {
    return this.world.scm(index).requestsOf("suppressContainers").length;
  }
}

function address(index: number, group: Group): ScmAddress {
  return {
    nodeId: index + 1,
    scmId: group.world.scm(index).hello.scmId,
    name: `scm${index}`,
    host: `10.0.0.${index + 1}`,
    strataPort: SCM_PORT,
    raftPort: 9894,
    httpPort: 0,
    clientPort: 0,
    datanodePort: 0,
    blockPort: 0,
    securityPort: 0,
  };
}

test("the leader is found whatever place it has among the endpoints", async () => {
  for (const index of [0, 1, 2]) {
    const group = await Group.of(3);
    group.world.lead(index, 7);
    ok((await group.mutated()) < SOON_MS);
    deepEqual([group.count(0), group.count(1), group.count(2)], [0, 0, 0].with(index, 1));
  }
});

test("connections to all endpoints stand before they are needed", async () => {
  const group = await Group.of(3);
  await group.mutated();
  await group.world.pass(100);
  deepEqual(
    group.world.scms.map(({ opened }) => opened.length),
    [1, 1, 1],
  );
  await group.world.pass(60_000);
  equal(group.world.network.connections.length, 3);
});

test("after a crash of the leader the next one is asked within a round of its election", async () => {
  const group = await Group.of(3);
  await group.mutated();
  await group.world.pass(100);
  for (const connection of group.world.scm(0).opened) connection.close(1006, "");
  await group.world.scm(0).close();
  const outcome = group.mutate();
  // Nobody leads for a while, as in an election.
  group.world.lead(undefined, 3);
  await group.world.pass(200);
  equal(outcome.isDone, false);
  group.world.lead(1, 4);
  const startMs = group.world.nowMs;
  await group.world.until("it is done", () => outcome.isDone);
  ok(group.world.nowMs - startMs < 50, `${group.world.nowMs - startMs} ms`);
  equal(group.count(1), 1);
});

test("questions become rarer while nobody leads, and there is no end to them", async () => {
  const group = await Group.of(2);
  group.world.lead(undefined, 3);
  const asked: number[] = [];
  group.world.scm(0).on("findLeader", (request) => {
    asked.push(group.world.nowMs);
    request.answer({ term: 3, isLeader: false });
  });
  const outcome = group.mutate();
  await group.world.pass(30_000);
  const early = asked.filter((atMs) => atMs < 1000).length;
  const late = asked.filter((atMs) => atMs >= 29_000).length;
  ok(early >= 15 && early <= 80, `${early} in the first second`);
  ok(late >= 2 && late <= 8, `${late} in the last second`);
  group.world.lead(0, 4);
  group.world.scm(0).on("findLeader", (request) => request.answer({ term: 4, isLeader: true }));
  await group.world.until("it is done", () => outcome.isDone, 500);
});

test("a leader that hangs is left for the next one as soon as there is one", async () => {
  const group = await Group.of(3, { attemptTimeoutMs: 200 });
  await group.mutated();
  await group.world.pass(100);
  const hung = group.world.scm(0);
  hung.on("suppressContainers", () => undefined);
  hung.on("findLeader", () => undefined);
  const outcome = group.mutate();
  await group.world.pass(1000);
  equal(outcome.isDone, false);
  group.world.lead(1, 4);
  const startMs = group.world.nowMs;
  await group.world.until("it is done", () => outcome.isDone);
  ok(group.world.nowMs - startMs < SOON_MS, `${group.world.nowMs - startMs} ms`);
  equal(group.count(1), 1);
});

test("silence of the leader is noticed without waiting for a long attempt", async () => {
  const group = await Group.of(3, { attemptTimeoutMs: 30_000 });
  await group.mutated();
  const hung = group.world.scm(0);
  hung.on("suppressContainers", () => undefined);
  hung.on("findLeader", (request) => request.answer({ term: 3, isLeader: true }));
  const outcome = group.mutate();
  await group.world.pass(100);
  group.world.scm(1).hello = { ...group.world.scm(1).hello, term: 4, isLeader: true };
  const startMs = group.world.nowMs;
  await group.world.until("it is done", () => outcome.isDone);
  ok(group.world.nowMs - startMs < 2500, `${group.world.nowMs - startMs} ms`);
});

test("a slow leader stays the leader, though it is doubted", async () => {
  const group = await Group.of(3, { attemptTimeoutMs: 200 });
  await group.mutated();
  group.world.scm(0).on("suppressContainers", (request) => {
    group.world.scheduler.after(450, () => request.answer(DONE));
  });
  const outcome = group.mutate();
  await group.world.until("the attempts are over", () => group.count(0) === 4);
  group.world.scm(0).on("suppressContainers", (request) => request.answer(DONE));
  await group.world.until("it is done", () => outcome.isDone);
  deepEqual([group.count(1), group.count(2)], [0, 0]);
  deepEqual(
    group.world
      .scm(0)
      .requestsOf("suppressContainers")
      .map(({ body }) => body.sequence),
    [1, 2, 2, 2, 2],
  );
  equal(group.world.scm(0).opened.length, 1);
});

test("a deposed leader that does not know it is not believed any more", async () => {
  const group = await Group.of(2);
  group.world.lead(1, 5);
  await group.mutated();
  // It calls itself leader of term 4, and is the only one that can be reached.
  group.world.scm(0).hello = { ...group.world.scm(0).hello, term: 4, isLeader: true };
  for (const connection of group.world.scm(1).opened) connection.close(1006, "");
  await group.world.scm(1).close();
  const outcome = group.mutate();
  await group.world.pass(5_000);
  equal(outcome.isDone, false);
  equal(group.count(0), 0);
});

test("a hint of an older term than one that was followed is not followed", async () => {
  const group = await Group.of(3, { attemptTimeoutMs: 200 });
  group.world.lead(2, 9);
  await group.mutated();
  const [one, two] = [group.world.scm(0), group.world.scm(1)];
  // The leader resigns, one SCM still tells of a leader of term 8.
  group.world.lead(undefined, 9);
  one.hello = { ...one.hello, term: 8, leaderHint: group.world.endpoints[1] as string };
  const outcome = group.mutate();
  await group.world.pass(2_000);
  equal(two.requestsOf("suppressContainers").length, 0);
  group.world.lead(0, 10);
  await group.world.until("it is done", () => outcome.isDone);
});

test("two SCMs that call each other the leader are not asked in a loop", async () => {
  const group = await Group.of(2);
  const [one, two] = group.world.endpoints as [string, string];
  group.world.lead(undefined, 3);
  group.world.scm(0).hello = { ...group.world.scm(0).hello, leaderHint: two };
  group.world.scm(1).hello = { ...group.world.scm(1).hello, leaderHint: one };
  const outcome = group.mutate();
  await group.world.pass(10_000);
  equal(outcome.isDone, false);
  const count = group.world.scms.reduce((sum, scm) => sum + scm.requestsOf("openSession").length, 0);
  ok(count < 10, `${count} attempts`);
});

test("an SCM that refuses and still calls itself leader is asked again with pauses", async () => {
  const group = await Group.of(1);
  const scm = group.world.scm();
  scm.on("openSession", (request) => request.fail(new StrataError("SHUTTING_DOWN")));
  const outcome = group.mutate();
  await group.world.pass(10_000);
  equal(outcome.isDone, false);
  const { length } = scm.requestsOf("openSession");
  ok(length > 20 && length < 200, `${length} attempts in 10 s`);
});

test("SCMs that the client was not told of are learned, and dialled to look for the leader", async () => {
  const group = await Group.of(3);
  const { world } = group;
  const members = [0, 1, 2].map((index) => address(index, group));
  for (const scm of world.scms) scm.hello = { ...scm.hello, members };
  const client = new AdminClient(world.environment, {
    endpoints: [world.endpoints[0] as string],
    clientName: "test",
  });
  const mutate = () => world.scheduler.settle(client.suppressContainers(SUPPRESSION));
  await mutate();
  deepEqual(
    world.scms.map(({ opened }) => opened.length),
    [1, 0, 0],
  );
  for (const connection of world.scm(0).opened) connection.close(1006, "");
  await world.scm(0).close();
  world.lead(2, 4);
  const startMs = world.nowMs;
  await mutate();
  ok(world.nowMs - startMs < SOON_MS, `${world.nowMs - startMs} ms`);
  equal(group.count(2), 1);
});

test("a quiet client learns of members that come while it talks to one that stays", async () => {
  const group = await Group.of(3);
  const { world } = group;
  const members = [0, 1, 2].map((index) => address(index, group));
  for (const scm of world.scms) scm.hello = { ...scm.hello, members: members.slice(0, 1) };
  const client = new AdminClient(world.environment, {
    endpoints: [world.endpoints[0] as string],
    clientName: "test",
  });
  const mutate = () => world.scheduler.settle(client.suppressContainers(SUPPRESSION));
  await mutate();
  for (const scm of world.scms) scm.hello = { ...scm.hello, members };
  await world.pass(20_000);
  for (const connection of world.scm(0).opened) connection.close(1006, "");
  await world.scm(0).close();
  world.lead(2, 4);
  await mutate();
  equal(group.count(2), 1);
});

test("a member that is known under another name is not dialled twice", async () => {
  const group = await Group.of(2);
  const { world } = group;
  // The address book has other host names than the configuration.
  const members = [0, 1].map((index) => ({ ...address(index, group), host: `10.9.9.${index + 1}` }));
  world.lead(undefined, 3);
  for (const scm of world.scms) scm.hello = { ...scm.hello, members };
  const dialled = new Set<string>();
  const { network } = world.environment;
  const dial: typeof network.dial = (url, ...rest) => {
    dialled.add(new URL(url).hostname);
    return network.dial(url, ...rest);
  };
  const client = new AdminClient(
    { ...world.environment, network: { dial } },
    { endpoints: world.endpoints, clientName: "test" },
  );
  const outcome = new Outcome<ResponseOf<"suppressContainers">>();
  client.mutate("suppressContainers", SUPPRESSION, outcome);
  await world.pass(1_000);
  world.scm(0).hello = { ...world.scm(0).hello, term: 4, leaderHint: `ws://10.9.9.2:${SCM_PORT}` };
  world.scm(1).hello = { ...world.scm(1).hello, term: 4, isLeader: true };
  await world.until("it is done", () => outcome.isDone);
  equal(group.count(1), 1);
  deepEqual([...dialled].sort(), ["10.0.0.1", "10.0.0.2"]);
  // One that cannot be reached for long is looked for where the address book says.
  await world.scm(0).close();
  world.lead(undefined, 4);
  for (const connection of world.network.connections) connection.reset();
  await world.pass(10_000);
  ok(dialled.has("10.9.9.1"), [...dialled].join());
});

test("a member that left the group is not talked to any more", async () => {
  const group = await Group.of(3);
  const { world } = group;
  const members = [0, 1, 2].map((index) => address(index, group));
  world.lead(undefined, 3);
  for (const scm of world.scms) scm.hello = { ...scm.hello, members };
  const client = new AdminClient(world.environment, {
    endpoints: [world.endpoints[0] as string],
    clientName: "test",
  });
  const read = client.listNodes({ countMax: 1 });
  read.catch(() => undefined);
  await world.until("all are greeted", () => world.scms.every((scm) => scm.greetings.length === 1));
  for (const scm of world.scms) scm.hello = { ...scm.hello, members: members.slice(0, 2) };
  await world.until("one is left", () => world.network.connections.length === 2);
  await world.pass(10_000);
  equal(world.scm(2).opened.length, 1);
  client.close();
});

test("a leader that was slow, and then says that it leads no more, keeps its connection", async () => {
  const group = await Group.of(2, { attemptTimeoutMs: 200 });
  await group.mutated();
  const { world } = group;
  const slow = world.scm(0);
  slow.on("suppressContainers", () => undefined);
  const outcome = group.mutate();
  await world.until("it was asked twice", () => group.count(0) === 3);
  world.lead(1, 4);
  slow.on("findLeader", () => undefined);
  world.scm(1).on("findLeader", () => undefined);
  slow
    .requestsOf("suppressContainers")
    .at(-1)
    ?.fail(new StrataError("NOT_LEADER", { term: 4, leaderHint: world.endpoints[1] as string }));
  await world.until("it is done", () => outcome.isDone);
  await world.pass(50);
  equal(slow.opened.length, 1);
  equal(world.network.connections.length, 2);
});

test("the first attempt that gets no answer makes the client look around", async () => {
  for (const phaseMs of [0, 40, 80, 120, 160]) {
    const group = await Group.of(2, { attemptTimeoutMs: 200 });
    await group.mutated();
    await group.world.pass(100 + phaseMs);
    const hung = group.world.scm(0);
    hung.on("suppressContainers", () => undefined);
    hung.on("findLeader", () => undefined);
    const { hello } = group.world.scm(1);
    group.world.scm(1).hello = { ...hello, term: 4, isLeader: true };
    const tookMs = await group.mutated();
    ok(tookMs < 200 + AT_ONCE_MS, `${tookMs} ms`);
  }
});

test("an SCM of a cluster that was founded anew is believed though its terms are low", async () => {
  const group = await Group.of(1);
  const scm = group.world.scm();
  group.world.lead(0, 9);
  await group.mutated();
  group.world.lead(0, 1);
  scm.hello = { ...scm.hello, clusterId: "CID-anew" };
  for (const connection of scm.opened) connection.close(1006, "");
  ok((await group.mutated()) < 1_000);
});

test("what every SCM answers is asked of anybody when nobody leads", async () => {
  const group = await Group.of(3);
  group.world.lead(undefined, 3);
  const startMs = group.world.nowMs;
  deepEqual(await group.world.scheduler.settle(group.client.scmRoles()), NO_ROLES);
  ok(group.world.nowMs - startMs < SOON_MS, `${group.world.nowMs - startMs} ms`);
});

test("a leader that is slower to connect is waited for: only it knows how far the others are", async () => {
  const group = await Group.of(3);
  const { world } = group;
  world.network.slow("10.0.0.1", CLIENT_HOST, 200);
  await world.scheduler.settle(group.client.scmRoles());
  const asked = world.scms.map((scm) => scm.requestsOf("scmRoles").length);
  deepEqual(asked, [1, 0, 0]);
});

test("a leader that cannot be reached is not waited for where any SCM can answer", async () => {
  const group = await Group.of(3);
  const { world } = group;
  world.network.partition("10.0.0.1", CLIENT_HOST);
  const startMs = world.nowMs;
  deepEqual(await world.scheduler.settle(group.client.scmRoles()), NO_ROLES);
  ok(world.nowMs - startMs < 1_000 + SOON_MS, `${world.nowMs - startMs} ms`);
});

test("a pinned client asks its SCM though it does not lead, and follows nobody", async () => {
  const group = await Group.of(2);
  const { world } = group;
  const client = new AdminClient(world.environment, {
    endpoints: [world.endpoints[1] as string],
    clientName: "test",
    pinned: true,
  });
  await world.scheduler.settle(client.scmRoles());
  equal(world.scm(1).requestsOf("scmRoles").length, 1);
  world.scm(1).on("listNodes", (request) => request.fail(new StrataError("NOT_LEADER", { term: 3 })));
  await rejects(world.scheduler.settle(client.listNodes({ countMax: 1 })), { code: "NOT_LEADER" });
  equal(world.scm(0).opened.length, 0);
});

test("an operation whose outcome was lost is repeated under its number, at the next leader", async () => {
  const group = await Group.of(3);
  const { world } = group;
  await group.mutated();
  world.scm(0).on("suppressContainers", (request) => {
    world.lead(2, 4);
    request.fail(new StrataError("OUTCOME_UNKNOWN"));
  });
  ok((await group.mutated()) < SOON_MS);
  const sequences = [0, 2].map((index) =>
    world
      .scm(index)
      .requestsOf("suppressContainers")
      .map(({ body }) => [body.sessionId, body.sequence]),
  );
  deepEqual(sequences, [
    [
      [501, 1],
      [501, 2],
    ],
    [[501, 2]],
  ]);
});

test("a planned change of leader costs one round trip", async () => {
  const group = await Group.of(3);
  await group.mutated();
  await group.world.pass(100);
  group.world.lead(1, 4);
  ok((await group.mutated()) < AT_ONCE_MS);
  equal(group.count(1), 1);
});

test("after a partition a connection of which nothing comes is dialled anew", async () => {
  const group = await Group.of(2, { attemptTimeoutMs: 200 });
  await group.mutated();
  const { world } = group;
  await world.pass(100);
  for (const connection of world.network.connections) connection.goSilent();
  const outcome = group.mutate();
  await world.until("it is done", () => outcome.isDone);
  ok(world.nowMs < 5_000, `${world.nowMs} ms`);
});
