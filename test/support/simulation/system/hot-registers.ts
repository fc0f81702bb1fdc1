import type { SeededRandom } from "../../../../engine/core/random.js";
import type { Uuid } from "../../../../engine/core/uuid.js";
import type { ContainerRecord, NodeRecord } from "../../../../protocol/schema/records.js";
import type { HistoryRecorder } from "../../linearizability/history.js";
import type { Mutation, MutationSource } from "./mutations.js";
import { pick } from "./options.js";
import type { SimPlan } from "./plan.js";

/** A call on a hot thing: what to ask, and how it goes into the history. */
export type HotCall = { readonly key: string; readonly operation: unknown } & (
  | { readonly kind: "write"; readonly mutation: Mutation }
  | { readonly kind: "readContainer"; readonly containerId: number }
  | { readonly kind: "readNode"; readonly uuid: Uuid }
);

/** A few things that all administrators write and read at the same time. Who may have seen what is judged
 * afterwards, from the history of all calls (S2). */
export class HotRegisters {
  readonly #random: SeededRandom;
  readonly #plan: SimPlan;
  readonly #mutations: MutationSource;

  constructor(random: SeededRandom, plan: SimPlan, mutations: MutationSource) {
    this.#random = random;
    this.#plan = plan;
    this.#mutations = mutations;
  }

  declare(history: HistoryRecorder): void {
    for (const id of this.#plan.hotContainerIds) history.declare(flagKey(id), "register", false);
    for (const node of this.#plan.hotNodes) history.declare(intentKey(node), "register", "IN_SERVICE 0");
  }

  next(): HotCall {
    const random = this.#random;
    const isWrite = random.below(2) === 0;
    return random.below(2) === 0 ? this.#onContainer(isWrite) : this.#onNode(isWrite);
  }

  #onContainer(isWrite: boolean): HotCall {
    const containerId = pick(this.#random, this.#plan.hotContainerIds);
    const key = flagKey(containerId);
    if (!isWrite) return { kind: "readContainer", key, containerId, operation: { read: true } };
    const write = this.#random.below(2) === 0;
    return {
      kind: "write",
      key,
      operation: { write },
      mutation: this.#mutations.setFlag(containerId, write),
    };
  }

  #onNode(isWrite: boolean): HotCall {
    const node = pick(this.#random, this.#plan.hotNodes);
    const key = intentKey(node);
    if (!isWrite) return { kind: "readNode", key, uuid: this.#plan.uuid(node), operation: { read: true } };
    const { mutation, value } = this.#mutations.setIntent(node);
    return { kind: "write", key, operation: { write: value }, mutation };
  }
}

const flagKey = (id: number): string => `flag of ${id}`;
const intentKey = (node: number): string => `intent for ${node}`;

export function flagRead({ suppressed }: ContainerRecord): boolean {
  return suppressed;
}

export function intentRead({ operationalState, operationalStateExpiry }: NodeRecord): string {
  return `${operationalState} ${operationalStateExpiry}`;
}
