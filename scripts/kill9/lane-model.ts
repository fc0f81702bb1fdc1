import type { ResponseOf } from "../../protocol/client/index.js";
import type { ContainerRecord, PipelineRecord } from "../../protocol/schema/records.js";
import type { LaneOperation } from "./lane.js";

/** What the SCM shows of one lane's own. */
export interface Observed {
  readonly containers: ReadonlyMap<number, ContainerRecord>;
  readonly pipelineIds: ReadonlySet<string>;
  /** State and expiry of the lane's datanode. */
  readonly intent: string;
}

/** Before the first one: the datanode is in service. */
const NO_INTENT = "IN_SERVICE 0";

/** What the SCM must hold of one lane's own after the operations applied so far, and what it must have
 * answered to each. Says it in its own words: nothing here is shared with the SCM. */
export class LaneModel {
  readonly #containers = new Map<number, ContainerRecord>();
  readonly #pipelineIds = new Set<string>();
  #intent = NO_INTENT;

  clone(): LaneModel {
    const copy = new LaneModel();
    for (const [id, container] of this.#containers) copy.#containers.set(id, container);
    for (const id of this.#pipelineIds) copy.#pipelineIds.add(id);
    copy.#intent = this.#intent;
    return copy;
  }

  /** Carries the operation out and answers what the SCM answers. */
  apply({ name, request }: LaneOperation): string {
    switch (name) {
      case "import":
        return this.#import(request.containers, request.pipelines);
      case "suppressContainers":
        return this.#suppress(request.containerIds, request.suppress);
      case "setNodeOperationalState":
        this.#intent = intentText(request.operationalState, request.operationalStateExpiry);
        return "done";
    }
  }

  /** The first difference, in words; undefined when there is none. */
  difference(observed: Observed): string | undefined {
    const { containers, pipelineIds, intent } = observed;
    if (intent !== this.#intent) return `the datanode's intent is ${intent}, not ${this.#intent}`;
    for (const id of this.#pipelineIds) if (!pipelineIds.has(id)) return `pipeline ${id} is missing`;
    for (const id of pipelineIds) if (!this.#pipelineIds.has(id)) return `pipeline ${id} was never imported`;
    for (const [id, expected] of this.#containers) {
      const found = containers.get(id);
      if (found === undefined) return `container ${id} is missing`;
      const difference = differenceOf(expected, found);
      if (difference !== undefined) return `container ${id}: ${difference}`;
    }
    for (const id of containers.keys()) {
      if (!this.#containers.has(id)) return `container ${id} was never imported`;
    }
    return undefined;
  }

  #import(containers: readonly ContainerRecord[], pipelines: readonly PipelineRecord[]): string {
    for (const container of containers) {
      const existing = this.#containers.get(container.containerId);
      const isEqual = existing === undefined || differenceOf(existing, container) === undefined;
      if (!isEqual) return "CONTAINER_ALREADY_EXISTS";
    }
    const newOnes = containers.filter(({ containerId }) => !this.#containers.has(containerId));
    for (const container of newOnes) this.#containers.set(container.containerId, container);
    for (const { pipelineId } of pipelines) this.#pipelineIds.add(pipelineId);
    return importedText({ containerCount: newOnes.length, pipelineCount: pipelines.length });
  }

  #suppress(containerIds: readonly number[], suppressed: boolean): string {
    const failedContainerIds: number[] = [];
    for (const id of containerIds) {
      const container = this.#containers.get(id);
      if (container === undefined) failedContainerIds.push(id);
      else this.#containers.set(id, { ...container, suppressed });
    }
    return suppressedText({ failedContainerIds });
  }
}

/** An answer of the SCM in the model's words. */
export function answerText(name: LaneOperation["name"], response: object): string {
  switch (name) {
    case "import":
      return importedText(response as ResponseOf<"import">);
    case "suppressContainers":
      return suppressedText(response as ResponseOf<"suppressContainers">);
    case "setNodeOperationalState":
      return "done";
  }
}

export function intentText(operationalState: string, expirySeconds: number): string {
  return `${operationalState} ${expirySeconds}`;
}

function importedText({ containerCount, pipelineCount }: ResponseOf<"import">): string {
  return `added ${containerCount} containers, ${pipelineCount} pipelines`;
}

function suppressedText({ failedContainerIds }: ResponseOf<"suppressContainers">): string {
  return `done, but not ${JSON.stringify(failedContainerIds)}`;
}

function differenceOf(expected: ContainerRecord, found: ContainerRecord): string | undefined {
  for (const [field, value] of Object.entries(expected)) {
    const other = found[field as keyof ContainerRecord];
    const isSame =
      typeof value === "object" ? JSON.stringify(value) === JSON.stringify(other) : value === other;
    if (!isSame) return `${field} is ${JSON.stringify(other)}, not ${JSON.stringify(value)}`;
  }
  return undefined;
}
