import { Fleet } from "../../bench/fleet/fleet.js";
import { FleetPlan } from "../../bench/fleet/plan.js";
import { importContainers } from "../../engine/cli/demo/workload.js";
import { SeededRandom } from "../../engine/core/random.js";
import { checkHistory } from "../../test/support/linearizability/check.js";
import { HistoryRecorder, type Partition } from "../../test/support/linearizability/history.js";
import { waitFor } from "../../test/support/wait.js";
import { Account } from "./account.js";
import { Acknowledgements } from "./acknowledgements.js";
import { BlockWriter } from "./block-writer.js";
import { ChaosClient, containerName, nodeName } from "./chaos-client.js";
import { HistoryViolation } from "./history-violation.js";
import { PinnedReader } from "./pinned-reader.js";
import { SESSIONS, SessionOpener } from "./session-opener.js";
import { Tags } from "./tag.js";

/** Datanodes that operators take out of service all the time: few, so that several clients meet at each. */
const OPERATED_NODES = 4;
/** With these come those that stay in service, which blocks are written to. */
const NODES = 10;
const HEARTBEAT_INTERVAL_MS = 200;
const DATANODE_BACKOFF = { initialMs: 20, maximumMs: 300 };
const CONTAINERS_PER_NODE = 4;
const REGISTER_LIMIT_MS = 30_000;
/** Half of the clients wait for an outcome as long as a round may take, the others give up early. */
const PATIENT_MS = 60_000;
const IMPATIENT_MS = 1_500;
const HISTORY_PAGE = 256;
/** For a whole round's calls; far more than it takes. */
const CHECK_MS_MAX = 20_000;
const READ_AGAIN_COUNT = 20;
/** The group's membership as a thing in the history. */
export const MEMBERSHIP_NAME = "membership";

export interface ChaosLoadOptions {
  readonly endpoints: readonly string[];
  readonly seed: number;
  readonly clients: number;
  /** Of the group, as it is now. */
  readonly memberCount: () => number;
}

/** Datanodes and administrators at work on a group, and everything that they have seen. Goes on through
 * whatever happens to the SCMs. */
export class ChaosLoad {
  readonly acknowledgements = new Acknowledgements();
  readonly #plan: FleetPlan;
  readonly #memberCount: () => number;
  readonly #datanodes: Fleet;
  readonly #writer: BlockWriter;
  readonly #account = new Account();
  readonly #clients: readonly ChaosClient[];
  readonly #sessions: SessionOpener;
  readonly #readers: readonly PinnedReader[];
  /** Asks what is left when the others pause. */
  readonly #checker: ChaosClient;
  #recorder = new HistoryRecorder(() => performance.now());
  /** Of each thing, at the end of the round before. */
  #values = new Map<string, string | boolean>();
  #nextSessionId = 1;
  #membershipVersion = 0;
  #problem: unknown;

  constructor({ endpoints, seed, clients, memberCount }: ChaosLoadOptions) {
    const random = new SeededRandom(seed);
    const planOptions = { nodeCount: NODES, containersPerNode: CONTAINERS_PER_NODE, seed };
    const plan = new FleetPlan(planOptions);
    this.#plan = plan;
    this.#memberCount = memberCount;
    this.#datanodes = new Fleet({
      endpoints,
      plan: planOptions,
      firstNode: 0,
      nodeCount: NODES,
      heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS,
      incrementalIntervalMs: 0,
      backoff: DATANODE_BACKOFF,
    });
    const shared = {
      endpoints,
      plan,
      nodeCount: OPERATED_NODES,
      account: this.#account,
      acknowledgements: this.acknowledgements,
      tags: new Tags(),
      onProblem: (error: unknown) => {
        this.#problem ??= error;
      },
    };
    const client = (number: number, timeoutMs: number) =>
      new ChaosClient({ ...shared, number, timeoutMs, random: random.stream(`client ${number}`) });
    this.#clients = Array.from({ length: clients }, (_, i) =>
      client(i + 1, i % 2 === 0 ? PATIENT_MS : IMPATIENT_MS),
    );
    this.#checker = client(0, PATIENT_MS);
    this.#sessions = new SessionOpener(endpoints);
    this.#writer = new BlockWriter(endpoints, {
      random: random.stream("blocks"),
      write: (blocks) => this.#datanodes.write(blocks),
      onProblem: shared.onProblem,
    });
    const { containerCount } = plan;
    this.#readers = endpoints.map(
      (endpoint) => new PinnedReader(endpoint, { random: random.stream(endpoint), containerCount }),
    );
    for (let id = 1; id <= plan.containerCount; id++) this.#values.set(containerName(id), false);
    for (let node = 0; node < OPERATED_NODES; node++) this.#values.set(nodeName(node), "IN_SERVICE 0");
  }

  /** Brings containers into a group that serves, and starts the datanodes. */
  async prepare(): Promise<void> {
    await importContainers(this.#checker.client, this.#plan, () => {});
    this.#datanodes.start();
    await this.#whenRegistered();
    await this.#readHistory();
  }

  /** Begins a round. */
  start(): void {
    this.#recorder = new HistoryRecorder(() => performance.now());
    for (const [name, value] of this.#values) this.#recorder.declare(name, "register", value);
    this.#recorder.declare(SESSIONS, "sequence", this.#nextSessionId);
    this.#recorder.declare(MEMBERSHIP_NAME, "membership", this.#membershipVersion);
    this.#account.startRound();
    for (const client of this.#working) client.start(this.#recorder);
  }

  /** Nothing new is asked; resolves when every call has its outcome. */
  async stop(): Promise<void> {
    await Promise.all(this.#working.map((client) => client.stop()));
    this.throwProblem();
  }

  /** Throws when an answer was wrong by itself. */
  throwProblem(): void {
    if (this.#problem !== undefined) throw this.#problem;
  }

  /** What is seen in this round. */
  get recorder(): HistoryRecorder {
    return this.#recorder;
  }

  /** Reads everything once more and requires that all that was seen can be explained, that what was
   * acknowledged happened, and nothing twice. While the load stands still and the group is whole, with this
   * membership. */
  async check(membership: { readonly version: number; readonly members: string }): Promise<string> {
    this.#recorder.invoke("all", MEMBERSHIP_NAME, { read: true }).returned(membership);
    await this.#readAll();
    const history = this.#recorder.partitions;
    const checked = checkHistory(history, { timeMsMax: CHECK_MS_MAX });
    if (checked.some(({ result }) => result.verdict !== "linearizable")) throw new HistoryViolation(checked);
    await this.#readHistory();
    this.#account.requireAcknowledged();
    const blocks = await this.#writer.check();
    this.#values = lastReads(history);
    this.#nextSessionId = Math.max(this.#nextSessionId, ...sessionIds(history).map((id) => id + 1));
    this.#membershipVersion = membership.version;
    const callCount = history.reduce((sum, { calls }) => sum + calls.length, 0);
    const account = this.#account;
    const mutations = `${account.count("acknowledged")} mutations, ${account.count("unknown")} unknown`;
    return `${callCount} calls, ${mutations}, ${blocks}`;
  }

  close(): void {
    // After a failure they are at work still, and would try again for ever.
    for (const client of this.#working) client.stop().catch(() => {});
    for (const client of [...this.#working, this.#checker]) client.close();
    this.#datanodes.stop();
  }

  get #working(): readonly (ChaosClient | SessionOpener | BlockWriter | PinnedReader)[] {
    return [...this.#clients, this.#sessions, this.#writer, ...this.#readers];
  }

  async #readAll(): Promise<void> {
    const recorder = this.#recorder;
    const checker = this.#checker;
    for (let id = 1; id <= this.#plan.containerCount; id++) {
      await again(containerName(id), () => checker.readContainer(recorder, id));
    }
    await this.#whenRegistered();
    for (let node = 0; node < OPERATED_NODES; node++) {
      await again(nodeName(node), () => checker.readNode(recorder, node));
    }
  }

  /** A registration is in no log: each SCM knows the datanodes that have registered with it, and one that was
   * just started refuses them until it has caught up, so that they come up to 5 s later. A majority is no
   * answer: of four members the one that leads may be the fourth. */
  async #whenRegistered(): Promise<void> {
    const areRegistered = () => this.#datanodes.areRegisteredWith(this.#memberCount());
    await waitFor("the datanodes register with every member", areRegistered, REGISTER_LIMIT_MS);
  }

  async #readHistory(): Promise<void> {
    const account = this.#account;
    for (let more = true; more; ) {
      const request = { start: account.lastNumber + 1, countMax: HISTORY_PAGE };
      const { entries, next } = await this.#checker.client.listHistory(request);
      for (const entry of entries) account.read(entry);
      more = next !== undefined;
    }
  }
}

async function again(what: string, read: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < READ_AGAIN_COUNT; i++) {
    if (await read()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${what} cannot be read`);
}

/** The last call of each register is a read. */
function lastReads(history: readonly Partition[]): Map<string, string | boolean> {
  const registers = history.filter(({ model }) => model === "register");
  return new Map(registers.map(({ name, calls }) => [name, calls.at(-1)?.answer as string | boolean]));
}

function sessionIds(history: readonly Partition[]): number[] {
  const calls = history.find(({ name }) => name === SESSIONS)?.calls ?? [];
  return calls.flatMap(({ answer }) => (typeof answer === "number" ? [answer] : []));
}
