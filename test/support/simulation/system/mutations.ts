import type { Operation } from "../../../../engine/cluster/operation.js";
import { OPERATION } from "../../../../engine/cluster/operation.js";
import type { OperationalState } from "../../../../engine/core/enums.js";
import type { Random } from "../../../../engine/core/random.js";
import type { Uuid } from "../../../../engine/core/uuid.js";
import type { MutationName, MutationRequest } from "../../../../protocol/client/admin-client.js";
import type { ResponseOf } from "../../../../protocol/schema/messages.js";
import type { Change, Ledger } from "./ledger.js";
import { pick } from "./options.js";
import type { SimPlan } from "./plan.js";

/** Ids above it are no containers: one in a request to suppress makes the request known again in the log. */
const TAG_ID_BASE = 2 ** 50;
const IMPORT_MAX = 12;
const END_TAG = "end of import";
const SUPPRESS_MAX = 6;
const OPERATIONAL_STATES: readonly OperationalState[] = [
  "IN_SERVICE",
  "DECOMMISSIONING",
  "ENTERING_MAINTENANCE",
  "IN_MAINTENANCE",
];

/** Those whose expiry a registration does not take away. */
const LASTING_STATES: readonly OperationalState[] = ["DECOMMISSIONING", "ENTERING_MAINTENANCE"];

export const containerKey = (id: number): string => `container ${id}`;
export const intentKey = (uuid: string): string => `intent ${uuid}`;
export const NOT_SUPPRESSED = "listed";
export const SUPPRESSED = "suppressed";

/** A mutation to ask for, what it changes, and what a correct answer is. */
export type Mutation = {
  [N in MutationName]: {
    readonly name: N;
    readonly request: MutationRequest<N>;
    readonly change: Change;
    /** What is wrong with the answer, undefined when nothing is. */
    readonly problem: (response: ResponseOf<N>) => string | undefined;
  };
}[MutationName];

/** Draws mutations. No two that are under way touch the same thing, so that the ledger knows what to
 * expect. */
export class MutationSource {
  readonly #random: Random;
  readonly #plan: SimPlan;
  readonly #ledger: Ledger;
  #lastTag = 0;
  /** By these ids imports are known in the log. */
  readonly #firstImported = new Set<number>();

  constructor(random: Random, plan: SimPlan, ledger: Ledger) {
    this.#random = random;
    this.#plan = plan;
    this.#ledger = ledger;
  }

  /** Undefined when there is nothing to do of the kind that was drawn. */
  next(): Mutation | undefined {
    const dice = this.#random.below(10);
    if (dice < 3) return this.#import();
    return dice < 8 ? this.#suppress() : this.#intent();
  }

  /** Containers that are not there yet, with or without the pipeline of the open ones. */
  #import(): Mutation | undefined {
    const wanted = 1 + this.#random.below(IMPORT_MAX);
    const isNew = (key: string) => this.#ledger.value(key) === "" && this.#ledger.isCertain(key);
    const ids = this.#someContainers(isNew, wanted);
    const [first] = ids;
    // One that was refused cannot be told from its repetition in the log.
    if (first === undefined || this.#firstImported.has(first)) return undefined;
    this.#firstImported.add(first);
    return this.importOf(ids);
  }

  importOf(ids: readonly number[]): Mutation {
    const wantsPipeline = this.#random.below(3) === 0 && this.#plan.importsPipelines;
    const pipelineNumber = wantsPipeline ? this.#random.below(this.#plan.fleet.nodeCount) : undefined;
    const pipelines = pipelineNumber === undefined ? [] : [this.#plan.pipeline(pipelineNumber)];
    const containers = ids.map((id) => this.#plan.container(id, pipelineNumber));
    return {
      name: "import",
      request: { pipelines, containers },
      change: this.#change(`import ${ids[0]}`, ids.map(containerKey), NOT_SUPPRESSED),
      problem: ({ containerCount }) =>
        containerCount === ids.length
          ? undefined
          : `${containerCount} of ${ids.length} containers were added`,
    };
  }

  /** To be asked for when no import is under way, and once. */
  endImport(): Mutation {
    return {
      name: "endImport",
      request: {},
      change: this.#change(END_TAG, [], ""),
      problem: () => undefined,
    };
  }

  /** Sets the suppressed flag of a hot container, whatever else is under way. */
  setFlag(id: number, suppress: boolean): Mutation {
    const tagId = TAG_ID_BASE + ++this.#lastTag;
    return suppression([id], tagId, suppress, { tag: `suppress ${tagId}`, values: new Map() });
  }

  /** Records an intent for a hot datanode; `value` says which. */
  setIntent(node: number): { readonly mutation: Mutation; readonly value: string } {
    const state = pick(this.#random, LASTING_STATES);
    const expiry = ++this.#lastTag;
    const mutation = intent(
      this.#plan.uuid(node),
      state,
      { tag: `intent ${expiry}`, values: new Map() },
      expiry,
    );
    return { mutation, value: `${state} ${expiry}` };
  }

  #suppress(): Mutation | undefined {
    const wanted = 1 + this.#random.below(SUPPRESS_MAX);
    const ids = this.#someContainers((key) => this.#ledger.value(key) !== "", wanted);
    if (ids.length === 0) return undefined;
    const suppress = this.#random.below(2) === 0;
    const tagId = TAG_ID_BASE + ++this.#lastTag;
    const value = suppress ? SUPPRESSED : NOT_SUPPRESSED;
    return suppression(ids, tagId, suppress, this.#change(`suppress ${tagId}`, ids.map(containerKey), value));
  }

  #intent(): Mutation | undefined {
    const node = this.#random.below(this.#plan.fleet.nodeCount);
    const uuid = this.#plan.uuid(node);
    if (this.#plan.hotNodes.includes(node) || !this.#ledger.isFree(intentKey(uuid))) return undefined;
    const state = pick(this.#random, OPERATIONAL_STATES);
    const expiry = ++this.#lastTag;
    return intent(
      uuid,
      state,
      this.#change(`intent ${expiry}`, [intentKey(uuid)], `${state} ${expiry}`),
      expiry,
    );
  }

  /** Up to `count` containers that nobody is changing, ascending, most of them neighbours. */
  #someContainers(isWanted: (key: string) => boolean, count: number): number[] {
    const all = this.#plan.containerIds;
    const ids = new Set<number>();
    let at = this.#random.below(all.length);
    for (let tries = 0; tries < 3 * count && ids.size < count; tries++) {
      const id = all[at % all.length] as number;
      const key = containerKey(id);
      if (this.#ledger.isFree(key) && isWanted(key)) ids.add(id);
      at = this.#random.below(5) === 0 ? this.#random.below(all.length) : at + 1;
    }
    return [...ids].sort((a, b) => a - b);
  }

  #change(tag: string, keys: readonly string[], value: string): Change {
    return { tag, values: new Map(keys.map((key) => [key, value])) };
  }
}

function suppression(ids: readonly number[], tagId: number, suppress: boolean, change: Change): Mutation {
  return {
    name: "suppressContainers",
    request: { containerIds: [...ids, tagId], suppress },
    change,
    problem: ({ failedContainerIds }) =>
      failedContainerIds.length === 1 && failedContainerIds[0] === tagId
        ? undefined
        : `failed ids are ${failedContainerIds.join(", ")}, not ${tagId}`,
  };
}

function intent(uuid: Uuid, operationalState: OperationalState, change: Change, expiry: number): Mutation {
  return {
    name: "setNodeOperationalState",
    request: { uuid, operationalState, operationalStateExpiry: expiry },
    change,
    problem: () => undefined,
  };
}

/** The tag of the change that an operation of the log was asked for with. */
export function tagOf(operation: Operation, value: unknown): string | undefined {
  switch (operation.kind) {
    case OPERATION.importBatch: {
      const { containerCount } = value as { containerCount: number };
      return containerCount > 0 ? `import ${operation.containers[0]?.containerId}` : undefined;
    }
    case OPERATION.endImport:
      return END_TAG;
    case OPERATION.suppressContainers:
      return `suppress ${operation.containerIds.find((id) => id > TAG_ID_BASE)}`;
    case OPERATION.setNodeIntent:
      return `intent ${operation.expirySeconds}`;
    default:
      return undefined;
  }
}
