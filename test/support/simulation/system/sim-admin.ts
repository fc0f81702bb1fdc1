import { assert } from "../../../../engine/core/assert.js";
import type { SeededRandom } from "../../../../engine/core/random.js";
import type { Timer } from "../../../../engine/core/scheduler.js";
import { AdminClient, type ReadName } from "../../../../protocol/client/admin-client.js";
import type { Completion, RpcError } from "../../../../protocol/client/completion.js";
import { RemoteError } from "../../../../protocol/codec/errors.js";
import type { RequestOf, ResponseOf } from "../../../../protocol/schema/messages.js";
import type { ContainerRecord } from "../../../../protocol/schema/records.js";
import type { HistoryRecorder } from "../../linearizability/history.js";
import type { SimWorld } from "../sim-world.js";
import { flagRead, type HotRegisters, intentRead } from "./hot-registers.js";
import type { Glimpse, Ledger, Outcome } from "./ledger.js";
import { containerKey, type Mutation, type MutationSource, NOT_SUPPRESSED, SUPPRESSED } from "./mutations.js";
import { pick, type SimOptions } from "./options.js";
import type { SimPlan } from "./plan.js";
import type { SimGroup } from "./sim-group.js";
import type { SimTrace } from "./trace.js";

/** Calls that one client has open at a time by itself. */
const OPEN_MAX = 64;
/** Answers of a slow reader's burst together exceed what the SCM buffers for a connection. */
const BURST_READS = 60;

export interface SimAdminParts {
  readonly world: SimWorld;
  readonly plan: SimPlan;
  readonly options: SimOptions;
  readonly trace: SimTrace;
  readonly random: SeededRandom;
  readonly ledger: Ledger;
  readonly mutations: MutationSource;
  readonly hot: HotRegisters;
  readonly history: HistoryRecorder;
  readonly number: number;
  readonly group: SimGroup;
}

/** An administrator: mutations over a session, with repetitions through all that happens to connections
 * and SCM, and reads that are judged by what it knows. */
export class SimAdmin {
  readonly host: string;
  readonly #parts: SimAdminParts;
  readonly #name: string;
  readonly #client: AdminClient;
  readonly #timers: Timer[] = [];
  /** Calls without an outcome. */
  #openCount = 0;
  /** Hot things with a call of this client. */
  readonly #openHot = new Set<string>();
  /** Answered mutations, done and refused by the SCM: each must have its audit record. */
  readonly answered = { done: 0, refused: 0 };

  constructor(parts: SimAdminParts) {
    const { world, options, random, number, group } = parts;
    this.#parts = parts;
    this.#name = `admin${number}`;
    this.host = `10.200.0.${number + 1}`;
    this.#client = new AdminClient(
      {
        clock: world.clock,
        scheduler: world.scheduler,
        random: random.stream("client"),
        network: world.network.network(this.host),
      },
      {
        endpoints: group.endpoints,
        clientName: this.#name,
        handshakeTimeoutMs: 3_000,
        timeoutMs: options.callTimeoutMs,
        attemptTimeoutMs: 4_000,
        backoff: { initialMs: 50, maximumMs: 2_000 },
      },
    );
  }

  /** Calls without an outcome. */
  get openCount(): number {
    return this.#openCount;
  }

  connections() {
    return this.#parts.world.network.connections.filter(({ clientHost }) => clientHost === this.host);
  }

  /** Asks at the options' rates until `rest`. */
  work(): void {
    const { options } = this.#parts;
    this.#repeat(options.mutationRate, () => {
      const mutation = this.#parts.mutations.next();
      if (mutation !== undefined) this.#mutate(mutation);
    });
    this.#repeat(options.readRate, () => this.#read());
    this.#repeat(options.hotRate, () => this.#useHot());
  }

  rest(): void {
    for (const timer of this.#timers.splice(0)) timer.cancel();
  }

  /** Asks for a lot at once. */
  burst(): void {
    for (let i = 0; i < BURST_READS; i++) this.#listContainers(1);
  }

  close(): void {
    this.rest();
    this.#client.close();
  }

  /** As often as `rate` says on average. */
  #repeat(rate: number, task: () => void): void {
    const { world, random } = this.#parts;
    const index = this.#timers.length;
    const again = (): void => {
      const delayMs = (-Math.log(1 - random.fraction()) / rate) * 1000;
      this.#timers[index] = world.scheduler.after(delayMs, () => {
        again();
        if (this.#openCount < OPEN_MAX) task();
      });
    };
    again();
  }

  /** Imports the container with the lowest id, the hot ones, and the one with the highest id. */
  importFirst(): void {
    const { plan, mutations } = this.#parts;
    this.#mutate(mutations.importOf(plan.containerIds.slice(0, 1)));
    this.#mutate(mutations.importOf(plan.hotContainerIds));
    this.#mutate(mutations.importOf([plan.lastContainerId]));
  }

  endImport(): void {
    this.#mutate(this.#parts.mutations.endImport());
  }

  /** One call at a time on each thing, so that the history is easy to judge. */
  #useHot(): void {
    const { history, hot, number } = this.#parts;
    const call = hot.next();
    if (this.#openHot.has(call.key)) return;
    this.#openHot.add(call.key);
    const entry = history.invoke(number, call.key, call.operation);
    const returned = (answer?: unknown): void => {
      this.#openHot.delete(call.key);
      entry.returned(answer);
    };
    const failed = (outcome: Outcome): void => {
      this.#openHot.delete(call.key);
      if (outcome === "refused") entry.refused();
    };
    if (call.kind === "write") {
      this.#mutate(call.mutation, (outcome) => (outcome === "done" ? returned() : failed(outcome)));
    } else if (call.kind === "readContainer") {
      const { containerId } = call;
      this.#ask<"getContainer">(
        "getContainer",
        { containerId },
        ({ container }) => returned(flagRead(container)),
        () => failed("refused"),
      );
    } else {
      const { uuid } = call;
      this.#ask<"getNode">(
        "getNode",
        { uuid },
        ({ node }) => returned(intentRead(node)),
        () => failed("refused"),
      );
    }
  }

  #mutate(mutation: Mutation, onOutcome: (outcome: Outcome) => void = () => {}): void {
    const { ledger, trace } = this.#parts;
    ledger.begin(mutation.change);
    trace.line(this.#name, `asks ${mutation.change.tag}`);
    this.#openCount++;
    const completion: Completion<never> = {
      succeeded: (response) => {
        this.#ended(mutation, "done", JSON.stringify(response));
        const problem = (mutation.problem as (response: never) => string | undefined)(response);
        assert(problem === undefined, `${mutation.change.tag}: ${problem}`);
        this.answered.done++;
        onOutcome("done");
      },
      failed: (error) => {
        const outcome = outcomeOf(error);
        this.#ended(mutation, outcome, error.code);
        if (outcome === "refused") this.answered.refused++;
        onOutcome(outcome);
      },
    };
    this.#client.mutate(mutation.name, mutation.request as never, completion);
  }

  #ended({ change }: Mutation, outcome: Outcome, answer: string): void {
    this.#openCount--;
    this.#parts.trace.line(this.#name, `${outcome} ${change.tag}: ${answer}`);
    this.#parts.ledger.end(change, outcome);
  }

  #read(): void {
    const { random, plan } = this.#parts;
    const reads = [
      () => this.#listNodes(),
      () => this.#listContainers(1),
      () => this.#listContainers(1 + random.below(70_000)),
      () => this.#getReplicas(plan.anyReplicaId(random)),
      () => this.#ask<"listPipelines">("listPipelines", { countMax: 128 }, () => {}),
      () => this.#scmInfo(),
      () => this.#getContainer(pick(random, plan.containerIds)),
      () => this.#getContainer(pick(random, plan.containerIds)),
    ];
    pick(random, reads)();
  }

  #getReplicas(containerId: number): void {
    this.#ask<"getContainerReplicas">("getContainerReplicas", { containerId }, () => {});
  }

  #getContainer(containerId: number): void {
    const { ledger } = this.#parts;
    const glimpse = ledger.glimpse(containerKey(containerId));
    this.#ask<"getContainer">(
      "getContainer",
      { containerId },
      ({ container }) => ledger.checkRead(glimpse, flagOf(container)),
      (error) => {
        if (error.code === "CONTAINER_NOT_FOUND") ledger.checkRead(glimpse, "");
      },
    );
  }

  /** Everything from `startContainerId` to the last id of the page must be on it. */
  #listContainers(startContainerId: number): void {
    const { ledger, plan } = this.#parts;
    const asked = plan.containerIds.filter((id) => id >= startContainerId);
    const glimpses = asked.map((id) => ledger.glimpse(containerKey(id)));
    this.#ask<"listContainers">(
      "listContainers",
      { startContainerId, countMax: 512 },
      ({ containers, nextContainerId }) => {
        const values = new Map(containers.map((container) => [container.containerId, flagOf(container)]));
        asked.forEach((id, index) => {
          if (nextContainerId !== 0 && id >= nextContainerId) return;
          ledger.checkRead(glimpses[index] as Glimpse, values.get(id) ?? "");
        });
      },
    );
  }

  #listNodes(): void {
    this.#ask<"listNodes">("listNodes", { countMax: 256 }, ({ nodes }) => {
      for (const { details, report } of nodes) {
        for (const volume of report?.storageReports ?? []) {
          assert(volume.remaining >= 0 && volume.scmUsed >= 0, `usage of ${details.uuid} is negative`);
        }
      }
    });
  }

  #scmInfo(): void {
    this.#ask<"scmInfo">("scmInfo", {}, (info) => {
      assert(info.durableAppliedIndex <= info.appliedIndex, "durable ≤ applied");
      assert(info.healthyNodeCount <= info.nodeCount, "healthy nodes are nodes");
    });
  }

  #ask<N extends ReadName>(
    name: N,
    request: RequestOf<N>,
    onAnswer: (response: ResponseOf<N>) => void,
    onRefused: (error: RpcError) => void = () => {},
  ): void {
    const { trace } = this.#parts;
    this.#openCount++;
    this.#client.read(name, request, {
      succeeded: (response) => {
        this.#openCount--;
        trace.line(this.#name, `${name} ${sizeOf(response)}`);
        onAnswer(response);
      },
      failed: (error) => {
        this.#openCount--;
        trace.line(this.#name, `${name} ${error.code}`);
        onRefused(error);
      },
    });
  }
}

/** Only an answer that comes from the SCM, and says so, is certain: without one it may have happened. */
function outcomeOf(error: RpcError): Outcome {
  return error instanceof RemoteError && error.code !== "SESSION_EXPIRED" ? "refused" : "unknown";
}

function flagOf(container: ContainerRecord): string {
  return container.suppressed ? SUPPRESSED : NOT_SUPPRESSED;
}

/** Answers go into the trace, long ones by their length and ends. */
function sizeOf(response: object): string {
  const text = JSON.stringify(response, (_, value: unknown) =>
    typeof value === "bigint" ? `${value}` : value,
  );
  return text.length <= 200 ? text : `${text.length} ${text.slice(0, 90)}…${text.slice(-90)}`;
}
