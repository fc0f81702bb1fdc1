import { FleetPlan } from "../../bench/fleet/plan.js";
import { importPlan } from "../../engine/cli/demo/workload.js";
import { SeededRandom } from "../../engine/core/random.js";
import { ScmHome, serving } from "../../test/support/process/scm-home.js";
import type { StrataProcess } from "../../test/support/process/strata-process.js";
import { waitFor } from "../../test/support/wait.js";
import { Datanodes } from "./datanodes.js";
import { Lane } from "./lane.js";
import { LibraryClient } from "./library-client.js";
import type { LoadClient } from "./load-client.js";
import { type Moment, moments, momentText, randomSettings, stateLogBytes } from "./moments.js";
import { Observer } from "./observer.js";
import { SessionClient } from "./session-client.js";

export interface Kill9Options {
  readonly times: number;
  readonly seed: number;
  /** Every second one uses the client library, the others handle their sessions by hand. */
  readonly clients: number;
  /** One line a round. */
  readonly print: (line: string) => void;
}

export interface Kill9Result {
  readonly passed: number;
  /** Undefined when all rounds passed. */
  readonly failure: Error | undefined;
  /** Kept after a failure. */
  readonly directory: string;
}

/** Streams of operations that share one client of the library, and so a session. */
const LANES_PER_LIBRARY_CLIENT = 3;
const CONTAINERS_PER_NODE = 60;
const FLEET_LIMIT_MS = 30_000;
const FLUSH_LIMIT_MS = 5_000;
const LOAD_MS_MAX = 600;

/** Kills an SCM again and again, and compares what is left with what it had answered. Ends at the first
 * round that fails. Nothing that it started is left when it resolves. */
export async function runKill9(options: Kill9Options): Promise<Kill9Result> {
  const home = await ScmHome.create();
  const run = new Kill9Run(options, home);
  let failure: Error | undefined;
  try {
    await run.run();
    home.remove();
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error));
  } finally {
    await run.end();
  }
  return { passed: run.passedCount, failure, directory: home.directory };
}

class Kill9Run {
  passedCount = 0;
  readonly #options: Kill9Options;
  readonly #home: ScmHome;
  readonly #random: SeededRandom;
  readonly #plan: FleetPlan;
  readonly #datanodes: Datanodes;
  readonly #observer: Observer;
  readonly #clients: readonly LoadClient[];
  readonly #sessionClients: readonly SessionClient[];
  readonly #lanes: readonly Lane[];
  #scm: StrataProcess | undefined;
  #problem: unknown;
  /** Of the last look before the kill: no later one may be below. */
  #highest = { term: 0, appliedIndex: 0, sessionId: 0 };
  #bootMs = 1000;
  /** State hash when nothing was under way before the kill. */
  #hashAtRest: string | undefined;

  constructor(options: Kill9Options, home: ScmHome) {
    const { seed, clients } = options;
    this.#options = options;
    this.#home = home;
    this.#random = new SeededRandom(seed);
    const libraryCount = Math.ceil(clients / 2);
    const sessionCount = clients - libraryCount;
    const laneCount = libraryCount * LANES_PER_LIBRARY_CLIENT + sessionCount;
    const nodeCount = Math.max(3, laneCount);
    this.#plan = new FleetPlan({ nodeCount, containersPerNode: CONTAINERS_PER_NODE, seed });
    this.#datanodes = new Datanodes(this.#plan, home.endpoint);
    this.#observer = new Observer(home.endpoint, this.#plan, laneCount);
    this.#lanes = Array.from({ length: laneCount }, (_, index) => {
      return new Lane({ index, laneCount, seed, plan: this.#plan });
    });
    const clientOptions = {
      endpoint: home.endpoint,
      isNodeRegistered: (lane: number) => this.#datanodes.isRegistered(lane),
      onProblem: (error: unknown) => {
        this.#problem ??= error;
      },
    };
    this.#sessionClients = this.#lanes
      .slice(0, sessionCount)
      .map((lane) => new SessionClient(lane, clientOptions));
    const libraryClients = Array.from({ length: libraryCount }, (_, i) => {
      const first = sessionCount + i * LANES_PER_LIBRARY_CLIENT;
      return new LibraryClient(this.#lanes.slice(first, first + LANES_PER_LIBRARY_CLIENT), clientOptions);
    });
    this.#clients = [...this.#sessionClients, ...libraryClients];
  }

  async run(): Promise<void> {
    await this.#start();
    await importPlan(this.#observer.client, this.#plan, () => {});
    this.#datanodes.start();
    await this.#checkAll();
    const order = moments(this.#random);
    for (let round = 1; round <= this.#options.times; round++) {
      const moment = order.next().value;
      const line = await this.#round(moment).catch((error: unknown) => {
        throw new Error(`round ${round}, killed ${momentText(moment)}: ${textOf(error)}`, { cause: error });
      });
      this.passedCount++;
      this.#options.print(`round ${round}: ${line}`);
    }
    await this.#stopCleanly();
  }

  async end(): Promise<void> {
    for (const client of this.#clients) client.close();
    this.#datanodes.close();
    this.#observer.close();
    if (this.#scm?.isAlive === true) await this.#scm.kill();
  }

  async #round(moment: Moment): Promise<string> {
    const before = this.#answeredCount();
    for (const lane of this.#lanes) lane.startRound();
    for (const client of this.#clients) await client.resume();
    await this.#killAt(moment);
    for (const client of this.#clients) client.pause();
    await Promise.all(this.#sessionClients.map((client) => client.settled()));
    const unknownCount = this.#lanes.reduce((sum, { openCount }) => sum + openCount, 0);
    const answeredCount = this.#answeredCount() - before;
    await this.#verify();
    await this.#start();
    const checked = await this.#checkAll();
    return [
      `killed ${momentText(moment)}`,
      `${answeredCount} answered, ${unknownCount} unknown`,
      `started in ${Math.round(this.#bootMs)} ms`,
      checked,
      "verify clean",
    ].join(" | ");
  }

  async #killAt(moment: Moment): Promise<void> {
    const scm = this.#running();
    const random = this.#random;
    await this.#pause(random.below(moment === "load" ? LOAD_MS_MAX : LOAD_MS_MAX / 3));
    switch (moment) {
      case "load":
        await this.#kill(scm);
        return;
      case "flush":
        await this.#awaitFlush();
        await this.#pause(random.below(5));
        await this.#kill(scm);
        return;
      case "boot":
        await this.#kill(scm);
        this.#scm = this.#home.spawn(randomSettings(random));
        await this.#pause(random.fraction() * this.#bootMs);
        await this.#kill(this.#scm);
        return;
      case "rest":
        await this.#comeToRest();
        await this.#kill(scm);
        return;
      case "stop":
        scm.signal("SIGTERM");
        await this.#pause(random.below(300));
        await this.#endStopping(scm);
        return;
    }
  }

  async #awaitFlush(): Promise<void> {
    const bytes = stateLogBytes(this.#home.metadataDir);
    const hasGrown = (): boolean => stateLogBytes(this.#home.metadataDir) !== bytes;
    await waitFor("the state is written", hasGrown, FLUSH_LIMIT_MS);
  }

  async #comeToRest(): Promise<void> {
    for (const client of this.#clients) client.pause();
    await Promise.all(this.#clients.map((client) => client.settled()));
    const { stateHash } = await this.#look();
    this.#hashAtRest = stateHash;
    await this.#pause(this.#random.below(1200));
  }

  async #kill(scm: StrataProcess): Promise<void> {
    const wasAlive = scm.isAlive;
    const { code, signal } = await scm.kill();
    if (!wasAlive || signal !== "SIGKILL")
      throw new Error(`the SCM ended by itself with ${code ?? signal}: ${scm.text}`);
  }

  /** It may have been faster than the kill. */
  async #endStopping(scm: StrataProcess): Promise<void> {
    const { code, signal } = await scm.kill();
    if (signal !== "SIGKILL" && code !== 0)
      throw new Error(`the stop ended with ${code ?? signal}: ${scm.text}`);
  }

  async #verify(): Promise<void> {
    const { code, text } = await this.#home.verify();
    if (code !== 0) throw new Error(`strata verify ended with ${code}: ${text}`);
  }

  async #start(): Promise<void> {
    const startedMs = performance.now();
    this.#scm = this.#home.spawn(randomSettings(this.#random));
    await serving(this.#scm);
    this.#bootMs = performance.now() - startedMs;
  }

  /** Everything that must hold after a start. Answers what was checked. */
  async #checkAll(): Promise<string> {
    await this.#checkNumbers();
    const nodes = await this.#observer.fleetReported(FLEET_LIMIT_MS);
    await Promise.all(this.#clients.map((client) => client.settled()));
    // Those who handle their session by hand have asked nothing yet: this is what the kill has left.
    await this.#checkLanes();
    await Promise.all(this.#sessionClients.map((client) => client.connect()));
    const counts = await Promise.all(this.#sessionClients.map((client) => client.askAgain()));
    const askedCount = counts.reduce((sum, count) => sum + count, 0);
    const containerCount = await this.#checkLanes();
    await this.#checkReplicas(nodes);
    const unknown = this.#lanes.filter(({ openCount }) => openCount > 0);
    if (unknown.length > 0) throw new Error(`${unknown.length} lanes have operations without an answer`);
    await this.#checkSessionIds();
    this.#throwProblem();
    await this.#look();
    return `${this.#lanes.length} lanes right, ${askedCount} asked again, ${containerCount} containers`;
  }

  async #checkNumbers(): Promise<void> {
    const { term, appliedIndex, stateHash } = await this.#observer.info();
    const highest = this.#highest;
    if (term <= highest.term) throw new Error(`term ${term} after term ${highest.term}`);
    if (appliedIndex < highest.appliedIndex) {
      throw new Error(`applied index ${appliedIndex} after ${highest.appliedIndex}`);
    }
    const expected = this.#hashAtRest;
    this.#hashAtRest = undefined;
    if (expected === undefined || stateHash === expected) return;
    throw new Error(`state hash ${stateHash}, before the kill at rest it was ${expected}`);
  }

  /** Each session has an id above all that were ever given. */
  async #checkSessionIds(): Promise<void> {
    const probe = new SessionClient(this.#lanes[0] as Lane, {
      endpoint: this.#home.endpoint,
      isNodeRegistered: () => false,
      onProblem: () => {},
    });
    await probe.connect();
    probe.close();
    const known = this.#sessionClients.map(({ sessionId }) => sessionId);
    const highest = Math.max(this.#highest.sessionId, ...known);
    if (probe.sessionId <= highest) throw new Error(`session id ${probe.sessionId} after ${highest}`);
    this.#highest.sessionId = probe.sessionId;
  }

  async #checkLanes(): Promise<number> {
    const observed = await this.#observer.lanes();
    for (const [index, lane] of this.#lanes.entries()) {
      const problem = lane.problem(observed[index] as (typeof observed)[number]);
      if (problem !== undefined) throw new Error(problem);
    }
    return observed.reduce((sum, { containers }) => sum + containers.size, 0);
  }

  async #checkReplicas(nodes: Awaited<ReturnType<Observer["fleetReported"]>>): Promise<void> {
    let expectedCount = 0;
    for (let node = 0; node < this.#plan.nodeCount; node++) {
      const expected = this.#plan.containersOfNode(node);
      const uuid = this.#plan.uuid(node);
      const found = nodes.find(({ details }) => details.uuid === uuid)?.containerCount;
      if (found !== expected) throw new Error(`datanode ${node} holds ${found} containers, not ${expected}`);
      expectedCount += expected;
    }
    const { replicaCount } = await this.#observer.info();
    if (replicaCount !== expectedCount) throw new Error(`${replicaCount} replicas, not ${expectedCount}`);
  }

  async #look() {
    const info = await this.#observer.info();
    this.#highest = { ...this.#highest, term: info.term, appliedIndex: info.appliedIndex };
    return info;
  }

  async #stopCleanly(): Promise<void> {
    const scm = this.#running();
    scm.signal("SIGTERM");
    const { code, signal } = await scm.ended;
    if (code !== 0) throw new Error(`the orderly stop at the end: ${code ?? signal}: ${scm.text}`);
    await this.#verify();
  }

  #running(): StrataProcess {
    if (this.#scm === undefined) throw new Error("the SCM was not started");
    return this.#scm;
  }

  #answeredCount(): number {
    return this.#lanes.reduce((sum, { answeredCount }) => sum + answeredCount, 0);
  }

  async #pause(ms: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, ms));
    this.#throwProblem();
  }

  #throwProblem(): void {
    if (this.#problem !== undefined) throw this.#problem;
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
