import { setTimeout as sleep } from "node:timers/promises";
import type { FleetPlan } from "../../bench/fleet/plan.js";
import type { SeededRandom } from "../../engine/core/random.js";
import { type AdminClient, codeOf, createAdminClient } from "../../protocol/client/index.js";
import type { HistoryRecorder } from "../../test/support/linearizability/history.js";
import type { Account, Outcome } from "./account.js";
import type { Acknowledgements } from "./acknowledgements.js";
import { Repetition } from "./repetition.js";
import type { Tags } from "./tag.js";

export interface ChaosClientOptions {
  readonly number: number;
  readonly endpoints: readonly string[];
  readonly random: SeededRandom;
  readonly plan: FleetPlan;
  /** The first ones of the plan are taken out of service, and read. */
  readonly nodeCount: number;
  readonly account: Account;
  readonly acknowledgements: Acknowledgements;
  readonly tags: Tags;
  /** From a call to its outcome: with little, outcomes stay unknown. */
  readonly timeoutMs: number;
  /** Where an answer is wrong by itself. */
  onProblem(error: unknown): void;
}

/** Between two calls, at most: the clients are there to see, and not to fill the machine. */
const PAUSE_MS_MAX = 40;
/** One attempt: the next one asks somebody else. */
const ATTEMPT_TIMEOUT_MS = 200;
const BACKOFF = { initialMs: 10, maximumMs: 100 };
/** Without IN_SERVICE: its expiry is dropped when the datanode registers again. */
const STATES = ["DECOMMISSIONING", "DECOMMISSIONED", "ENTERING_MAINTENANCE", "IN_MAINTENANCE"] as const;

/** The call may have been carried out, or may still be. */
const UNKNOWN_CODES = new Set([
  "REQUEST_TIMEOUT",
  "NO_ANSWER",
  "CONNECTION_LOST",
  "OUTCOME_UNKNOWN",
  "SESSION_EXPIRED",
]);
/** It was not, and will not be: a datanode that has not registered with the leader gets no intent. */
const REFUSAL = "NO_SUCH_DATANODE";

export const containerName = (id: number): string => `container ${id}`;
export const nodeName = (node: number): string => `datanode ${node}`;

/** Someone who asks one thing after the other, in a session of the client library, and writes everything
 * down. */
export class ChaosClient {
  readonly client: AdminClient;
  readonly #options: ChaosClientOptions;
  readonly #asking = new Repetition();

  constructor(options: ChaosClientOptions) {
    this.#options = options;
    this.client = createAdminClient({
      endpoints: options.endpoints,
      clientName: `chaos ${options.number}`,
      timeoutMs: options.timeoutMs,
      attemptTimeoutMs: ATTEMPT_TIMEOUT_MS,
      handshakeTimeoutMs: ATTEMPT_TIMEOUT_MS,
      backoff: BACKOFF,
    });
  }

  start(recorder: HistoryRecorder): void {
    const { random, onProblem } = this.#options;
    this.#asking.start(async () => {
      await this.#step(recorder).catch(onProblem);
      await sleep(random.below(PAUSE_MS_MAX));
    });
  }

  /** Nothing new is asked; resolves when the last call has its outcome. */
  async stop(): Promise<void> {
    await this.#asking.stop();
  }

  close(): void {
    this.client.close();
  }

  async #step(recorder: HistoryRecorder): Promise<void> {
    const { random, plan, nodeCount } = this.#options;
    const dice = random.below(100);
    const id = 1 + random.below(plan.containerCount);
    const node = random.below(nodeCount);
    if (dice < 30) await this.readContainer(recorder, id);
    else if (dice < 50) await this.readNode(recorder, node);
    else if (dice < 80) await this.#suppress(recorder, id, random.below(2) === 0);
    else await this.#setIntent(recorder, node, STATES[random.below(STATES.length)] ?? "DECOMMISSIONED");
  }

  /** False when there was no answer. */
  async readContainer(recorder: HistoryRecorder, id: number): Promise<boolean> {
    return await this.#read(recorder, containerName(id), async () => {
      const { container } = await this.client.getContainer({ containerId: id });
      return container.suppressed;
    });
  }

  /** False when there was no answer. */
  async readNode(recorder: HistoryRecorder, node: number): Promise<boolean> {
    return await this.#read(recorder, nodeName(node), async () => {
      const { node: found } = await this.client.getNode({ uuid: this.#options.plan.uuid(node) });
      return `${found.operationalState} ${found.operationalStateExpiry}`;
    });
  }

  async #read(
    recorder: HistoryRecorder,
    name: string,
    ask: () => Promise<string | boolean>,
  ): Promise<boolean> {
    const call = recorder.invoke(this.#options.number, name, { read: true });
    try {
      call.returned(await ask());
      return true;
    } catch (error) {
      // A read without an answer says nothing.
      call.refused();
      this.#outcomeOf(error);
      return false;
    }
  }

  async #suppress(recorder: HistoryRecorder, id: number, suppress: boolean): Promise<void> {
    const tag = this.#options.tags.nextId();
    await this.#mutate(recorder, containerName(id), suppress, tag, async () => {
      const request = { containerIds: [id, tag], suppress };
      const { failedContainerIds } = await this.client.suppressContainers(request);
      const isRight = failedContainerIds.length === 1 && failedContainerIds[0] === tag;
      if (!isRight) throw new Error(`ids without a container are ${failedContainerIds}, not ${tag}`);
    });
  }

  async #setIntent(
    recorder: HistoryRecorder,
    node: number,
    operationalState: (typeof STATES)[number],
  ): Promise<void> {
    const { tags, plan } = this.#options;
    const operationalStateExpiry = tags.nextNumber();
    const value = `${operationalState} ${operationalStateExpiry}`;
    await this.#mutate(recorder, nodeName(node), value, operationalStateExpiry, async () => {
      const uuid = plan.uuid(node);
      await this.client.setNodeOperationalState({ uuid, operationalState, operationalStateExpiry });
    });
  }

  async #mutate(
    recorder: HistoryRecorder,
    name: string,
    write: string | boolean,
    tag: number,
    ask: () => Promise<void>,
  ): Promise<void> {
    const { account, acknowledgements, number } = this.#options;
    const startMs = performance.now();
    const call = recorder.invoke(number, name, { write });
    let outcome: Outcome = "acknowledged";
    try {
      await ask();
      call.returned();
      acknowledgements.add(startMs, performance.now());
    } catch (error) {
      outcome = this.#outcomeOf(error);
      if (outcome === "refused") call.refused();
    }
    account.settle(tag, outcome);
  }

  /** Throws what is no outcome. */
  #outcomeOf(error: unknown): Outcome {
    const code = codeOf(error);
    if (code !== undefined && UNKNOWN_CODES.has(code)) return "unknown";
    if (code === REFUSAL) return "refused";
    throw error;
  }
}
