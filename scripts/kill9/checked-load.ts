import { FleetPlan } from "../../bench/fleet/plan.js";
import { importContainers } from "../../engine/cli/demo/workload.js";
import type { AdminClient } from "../../protocol/client/index.js";
import { Datanodes } from "./datanodes.js";
import { Lane } from "./lane.js";
import { LibraryClient } from "./library-client.js";
import type { LoadClient } from "./load-client.js";
import { Observer } from "./observer.js";
import { SessionClient } from "./session-client.js";

export interface CheckedLoadOptions {
  readonly endpoint: string;
  readonly seed: number;
  /** Every second one uses the client library, the others handle their sessions by hand. */
  readonly clients: number;
}

/** Settings of the SCM under a checked load: it imports every pipeline there is, and nothing changes at rest,
 * so the SCM makes no pipelines by itself. */
export const CHECKED_LOAD_SETTINGS: readonly string[] = ["ozone.replication=none"];

/** What a check has looked at. */
export interface Checked {
  readonly laneCount: number;
  /** Operations that were asked again within their session and answered as the first time. */
  readonly askedAgainCount: number;
  readonly containerCount: number;
}

/** Streams of operations that share one client of the library, and so a session. */
const LANES_PER_LIBRARY_CLIENT = 3;
const CONTAINERS_PER_NODE = 60;
const FLEET_LIMIT_MS = 30_000;

/** The state changes no more when it stays the same this long. */
const REST_MS = 200;

/** Datanodes and administrators at work on an SCM, with a ledger of what it answered. They stay when it
 * goes, and go on when it is back. */
export class CheckedLoad {
  readonly plan: FleetPlan;
  readonly #endpoint: string;
  readonly #datanodes: Datanodes;
  readonly #observer: Observer;
  readonly #clients: readonly LoadClient[];
  readonly #sessionClients: readonly SessionClient[];
  readonly #lanes: readonly Lane[];
  #problem: unknown;
  /** No later start may be below. */
  #highest = { term: 0, appliedIndex: 0, sessionId: 0 };
  /** While nothing is under way: the next start must find it again. */
  #hashAtRest: string | undefined;

  constructor({ endpoint, seed, clients }: CheckedLoadOptions) {
    const libraryCount = Math.ceil(clients / 2);
    const sessionCount = clients - libraryCount;
    const laneCount = libraryCount * LANES_PER_LIBRARY_CLIENT + sessionCount;
    const nodeCount = Math.max(3, laneCount);
    const plan = new FleetPlan({ nodeCount, containersPerNode: CONTAINERS_PER_NODE, seed });
    this.plan = plan;
    this.#endpoint = endpoint;
    this.#datanodes = new Datanodes(plan, endpoint);
    this.#observer = new Observer(endpoint, plan, laneCount);
    const lanes = Array.from({ length: laneCount }, (_, index) => new Lane({ index, laneCount, seed, plan }));
    this.#lanes = lanes;
    const options = {
      endpoint,
      isNodeRegistered: (lane: number) => this.#datanodes.isRegistered(lane),
      onProblem: (error: unknown) => {
        this.#problem ??= error;
      },
    };
    this.#sessionClients = lanes.slice(0, sessionCount).map((lane) => new SessionClient(lane, options));
    const libraryClients = Array.from({ length: libraryCount }, (_, i) => {
      const first = sessionCount + i * LANES_PER_LIBRARY_CLIENT;
      return new LibraryClient(lanes.slice(first, first + LANES_PER_LIBRARY_CLIENT), options);
    });
    this.#clients = [...this.#sessionClients, ...libraryClients];
  }

  /** For other questions. */
  get client(): AdminClient {
    return this.#observer.client;
  }

  get answeredCount(): number {
    return this.#lanes.reduce((sum, { answeredCount }) => sum + answeredCount, 0);
  }

  /** Operations that may have happened or not. */
  get unknownCount(): number {
    return this.#lanes.reduce((sum, { openCount }) => sum + openCount, 0);
  }

  /** Brings the fleet's containers into an empty SCM that serves, and starts the datanodes. */
  async prepare(): Promise<void> {
    const pipelines = Array.from({ length: this.plan.nodeCount }, (_, i) => this.plan.pipeline(i));
    await this.client.import({ pipelines, containers: [] });
    await importContainers(this.client, this.plan, () => {});
    this.#datanodes.start();
    await this.check();
  }

  /** The administrators go to work. Only after a check. */
  async resume(): Promise<void> {
    for (const lane of this.#lanes) lane.startRound();
    for (const client of this.#clients) await client.resume();
  }

  /** Nothing new is begun. The SCM may be gone: what it had not answered stays unknown, or waits for it. */
  async pause(): Promise<void> {
    for (const client of this.#clients) client.pause();
    await Promise.all(this.#sessionClients.map((client) => client.settled()));
  }

  /** Finishes what is under way. The SCM must find the same state when it is started again. */
  async rest(): Promise<void> {
    await this.pause();
    await Promise.all(this.#clients.map((client) => client.settled()));
    // What follows from the last operations, such as the close of a pipeline whose datanode leaves service,
    // the SCM does by itself.
    let { stateHash } = await this.#look();
    for (let before = ""; stateHash !== before; ) {
      before = stateHash;
      await new Promise((resolve) => setTimeout(resolve, REST_MS));
      stateHash = (await this.#look()).stateHash;
    }
    this.#hashAtRest = stateHash;
  }

  /** Throws when the SCM gave a wrong answer. */
  throwProblem(): void {
    if (this.#problem !== undefined) throw this.#problem;
  }

  /** Requires everything that must hold of an SCM that was started again, while the load pauses: the fleet
   * has reported, every answered operation has happened once, the others in a way that fits; then asks
   * the others again and requires all. Throws what is wrong. */
  async check(): Promise<Checked> {
    await this.#checkNumbers();
    const nodes = await this.#observer.fleetReported(FLEET_LIMIT_MS);
    await Promise.all(this.#clients.map((client) => client.settled()));
    // Those who handle their session by hand have asked nothing yet: this is what the SCM has found.
    await this.#checkLanes();
    await Promise.all(this.#sessionClients.map((client) => client.connect()));
    const counts = await Promise.all(this.#sessionClients.map((client) => client.askAgain()));
    const containerCount = await this.#checkLanes();
    await this.#checkReplicas(nodes);
    if (this.unknownCount > 0) throw new Error(`${this.unknownCount} operations have no answer`);
    await this.#checkSessionIds();
    this.throwProblem();
    await this.#look();
    return {
      laneCount: this.#lanes.length,
      askedAgainCount: counts.reduce((sum, count) => sum + count, 0),
      containerCount,
    };
  }

  close(): void {
    for (const client of this.#clients) client.close();
    this.#datanodes.close();
    this.#observer.close();
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
    throw new Error(`state hash ${stateHash}, at rest before it was ${expected}`);
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
    for (let node = 0; node < this.plan.nodeCount; node++) {
      const expected = this.plan.containersOfNode(node);
      const uuid = this.plan.uuid(node);
      const found = nodes.find(({ details }) => details.uuid === uuid)?.containerCount;
      if (found !== expected) throw new Error(`datanode ${node} holds ${found} containers, not ${expected}`);
      expectedCount += expected;
    }
    const { replicaCount } = await this.#observer.info();
    if (replicaCount !== expectedCount) throw new Error(`${replicaCount} replicas, not ${expectedCount}`);
  }

  /** Each session has an id above all that were ever given. */
  async #checkSessionIds(): Promise<void> {
    const probe = new SessionClient(this.#lanes[0] as Lane, {
      endpoint: this.#endpoint,
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

  async #look() {
    const info = await this.#observer.info();
    this.#highest = { ...this.#highest, term: info.term, appliedIndex: info.appliedIndex };
    return info;
  }
}
