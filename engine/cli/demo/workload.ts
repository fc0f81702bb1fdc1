import type { FleetPlan } from "../../../bench/fleet/plan.js";
import { Histogram } from "../../../bench/harness/histogram.js";
import type { AdminClient } from "../../../protocol/client/index.js";
import type { Ledger } from "./ledger.js";

const IMPORT_BATCH = 500;
const LIST_PAGE = 512;
/** Mutations a second: a stream to watch, not a load. */
const MUTATIONS_PER_SECOND = 200;
const STEP_MS = 20;

/** Compares what was acknowledged before with what the SCM holds. Answers how many operations were checked
 * and the containers that are not as they must be. */
export async function checkLedger(
  client: AdminClient,
  ledger: Ledger,
): Promise<{ readonly checked: number; readonly lost: readonly number[] }> {
  const wanted = new Map(ledger.acknowledged());
  let found = 0;
  const lost: number[] = [];
  for (let startContainerId = 1; startContainerId !== 0; ) {
    const page = await client.listContainers({ startContainerId, countMax: LIST_PAGE });
    for (const { containerId, suppressed } of page.containers) {
      // Behind those that were imported come those that blocks were written to.
      if (containerId <= ledger.containerCount) found++;
      const suppress = wanted.get(containerId);
      if (suppress !== undefined && suppress !== suppressed) lost.push(containerId);
      wanted.delete(containerId);
    }
    startContainerId = page.nextContainerId;
  }
  lost.push(...wanted.keys());
  for (let missing = found + 1; missing <= ledger.containerCount; missing++) lost.push(missing);
  return { checked: [...ledger.acknowledged()].length + ledger.containerCount, lost };
}

/** Brings the plan's containers into the SCM, all closed: nobody serves the plan's pipelines any more. Ids
 * are dense, so that an import that was cut off goes on behind the last container. */
export async function importContainers(
  client: AdminClient,
  plan: FleetPlan,
  onProgress: (containerCount: number) => void,
): Promise<void> {
  const { containerCount } = await client.scmInfo();
  for (let first = containerCount + 1; first <= plan.containerCount; first += IMPORT_BATCH) {
    const count = Math.min(IMPORT_BATCH, plan.containerCount - first + 1);
    const containers = Array.from({ length: count }, (_, i) => plan.container(first + i));
    await client.import({ pipelines: [], containers });
    onProgress(first + count - 1);
  }
}

/** A steady stream of durable operations: each suppresses a container or lifts that again, one after the
 * other through all of them. */
export class Workload {
  readonly commitUs = new Histogram();
  count = 0;
  failedCount = 0;
  readonly #client: AdminClient;
  readonly #ledger: Ledger;
  readonly #containerCount: number;
  #next = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #underWay = new Set<Promise<void>>();

  constructor(client: AdminClient, ledger: Ledger, containerCount: number) {
    this.#client = client;
    this.#ledger = ledger;
    this.#containerCount = containerCount;
  }

  start(): void {
    if (this.#containerCount === 0) return;
    const perStep = (MUTATIONS_PER_SECOND * STEP_MS) / 1000;
    this.#timer = setInterval(() => {
      for (let i = 0; i < perStep; i++) this.#start();
    }, STEP_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#underWay);
  }

  #start(): void {
    const mutation = this.#mutate().finally(() => this.#underWay.delete(mutation));
    this.#underWay.add(mutation);
  }

  async #mutate(): Promise<void> {
    const at = this.#next++;
    const containerId = 1 + (at % this.#containerCount);
    const suppress = Math.floor(at / this.#containerCount) % 2 === 0;
    this.#ledger.sent(containerId, suppress);
    const startedMs = performance.now();
    try {
      await this.#client.suppressContainers({ containerIds: [containerId], suppress });
      this.commitUs.record((performance.now() - startedMs) * 1000);
      this.#ledger.done(containerId, suppress);
      this.count++;
    } catch {
      // Without a definite answer the note stays "sent": either outcome is right.
      this.failedCount++;
    }
  }
}
