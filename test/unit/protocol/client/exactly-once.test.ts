import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { StrataError } from "../../../../engine/core/errors.js";
import type { SeededRandom } from "../../../../engine/core/random.js";
import { AdminClient } from "../../../../protocol/client/admin-client.js";
import type { ResponseOf } from "../../../../protocol/schema/messages.js";
import { SESSION_WINDOW } from "../../../../protocol/schema/messages.js";
import { ClientWorld, Outcome } from "../../../support/client-world.js";
import type { FakeRequest } from "../../../support/fake-scm.js";

const SEEDS = 12;
const MUTATION_COUNT = 300;
const CLIENT_COUNT = 2;
const TROUBLE_MS = 20_000;

type Response = ResponseOf<"suppressContainers">;
type Mutation = FakeRequest<"suppressContainers">;

interface Session {
  acked: number;
  readonly replies: Map<number, Response>;
}

/** Three SCMs with one state between them, as replication would give them. For a while leaders change,
 * connections break before or after a mutation was carried out, and answers are lost. */
class TroubledCluster {
  readonly appliedCount = new Map<number, number>();
  readonly #world: ClientWorld;
  readonly #random: SeededRandom;
  readonly #sessions = new Map<number, Session>();
  #leader = 0;
  #term = 3;

  constructor(world: ClientWorld) {
    this.#world = world;
    this.#random = world.random.stream("trouble");
    world.scms.forEach((scm, index) => {
      scm.on("openSession", (request) => this.#lead(index, request) && this.#open(request));
      scm.on("suppressContainers", (request) => this.#lead(index, request) && this.#mutate(request));
    });
    const trouble = world.scheduler.every(700, () => {
      if (world.nowMs > TROUBLE_MS) trouble.cancel();
      else if (this.#chance(3)) this.#elect();
      else for (const connection of world.network.connections) if (this.#chance(2)) connection.reset();
    });
  }

  /** The others hear of it after a while; some never, until there is another leader. */
  #elect(): void {
    this.#leader = this.#random.below(this.#world.scms.length);
    const term = ++this.#term;
    const scm = this.#world.scm(this.#leader);
    scm.hello = { ...scm.hello, term, isLeader: true };
    this.#world.scheduler.after(this.#random.below(2000), () => {
      if (term === this.#term) this.#world.lead(this.#leader, term);
    });
  }

  /** One in `n`, while there is trouble. */
  #chance(n: number): boolean {
    return this.#world.nowMs < TROUBLE_MS && this.#random.below(n) === 0;
  }

  #lead(index: number, request: FakeRequest<"openSession"> | Mutation): boolean {
    if (index === this.#leader) return true;
    // The hint may be missing, or out of date.
    const hinted = this.#chance(4) ? this.#random.below(this.#world.scms.length) : this.#leader;
    const leaderHint = this.#chance(4) ? "" : (this.#world.endpoints[hinted] as string);
    request.fail(new StrataError("NOT_LEADER", { term: this.#term, leaderHint }));
    return false;
  }

  #open(request: FakeRequest<"openSession">): void {
    const sessionId = this.#sessions.size + 1;
    this.#sessions.set(sessionId, { acked: 0, replies: new Map() });
    this.#reply(request, () => request.answer({ sessionId }));
  }

  #mutate(request: Mutation): void {
    const { sessionId, sequence, ackedSequence, containerIds } = request.body;
    const session = this.#sessions.get(sessionId);
    ok(session !== undefined, `session ${sessionId} was never opened`);
    if (this.#chance(20)) {
      request.fail(new StrataError("OVERLOADED", { reason: "test" }));
      return;
    }
    session.acked = Math.max(session.acked, ackedSequence);
    ok(
      sequence > session.acked || session.replies.has(sequence),
      "a number is used after it was acknowledged",
    );
    ok(sequence <= session.acked + SESSION_WINDOW);
    let reply = session.replies.get(sequence);
    if (reply === undefined) {
      const [containerId = 0] = containerIds;
      this.appliedCount.set(containerId, (this.appliedCount.get(containerId) ?? 0) + 1);
      reply = { failedContainerIds: [containerId] };
      session.replies.set(sequence, reply);
    }
    const answer = reply;
    this.#reply(request, () => request.answer(answer));
  }

  /** Carried out; now the answer may get lost. */
  #reply(request: FakeRequest, answer: () => void): void {
    if (this.#chance(8)) return;
    if (this.#chance(8)) request.connection.close(1001, "trouble");
    else this.#world.scheduler.after(this.#random.below(40), answer);
  }
}

async function run(seed: number): Promise<{ digest: number; repeated: number }> {
  const world = await ClientWorld.withScms(3, seed);
  const cluster = new TroubledCluster(world);
  const options = { endpoints: world.endpoints, clientName: "admin 1.0", attemptTimeoutMs: 500 };
  const clients = Array.from({ length: CLIENT_COUNT }, () => new AdminClient(world.environment, options));
  const random = world.random.stream("workload");
  const outcomes = Array.from({ length: MUTATION_COUNT }, () => new Outcome<Response>());
  outcomes.forEach((outcome, i) => {
    world.scheduler.after(random.below(TROUBLE_MS), () => {
      const request = { containerIds: [i], suppress: true };
      clients[i % CLIENT_COUNT]?.mutate("suppressContainers", request, outcome);
    });
  });
  const isOver = (): boolean => outcomes.every(({ isDone }) => isDone);
  await world.until("every mutation has its outcome", isOver, 120_000);
  outcomes.forEach(({ value, error }, i) => {
    deepEqual(value, { failedContainerIds: [i] }, `seed ${seed}, mutation ${i}: ${error?.message}`);
    equal(cluster.appliedCount.get(i), 1, `seed ${seed}, mutation ${i}`);
  });
  for (const client of clients) client.close();
  const sentCount = world.scms.flatMap((scm) => scm.requestsOf("suppressContainers")).length;
  return { digest: world.scheduler.digest, repeated: sentCount - MUTATION_COUNT };
}

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`through lost connections and leaders each mutation happens once (seed ${seed})`, async () => {
    const { repeated } = await run(seed);
    ok(repeated > 20, `only ${repeated} repetitions: there was no trouble`);
  });
}

test("the same seed gives the same run", async () => {
  equal((await run(77)).digest, (await run(77)).digest);
});
