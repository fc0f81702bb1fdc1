import type { EXCLUDED } from "../../../protocol/schema/block-messages.js";
import type { ValueOfRecord } from "../../../protocol/schema/types.js";
import type { Uuid } from "../../core/uuid.js";
import type { WritablePipeline } from "./writable-pipeline.js";

export type Excluded = ValueOfRecord<typeof EXCLUDED>;

/** What a failing writer wants avoided (spec 05 §2.1), ready to be asked often. */
export class Exclusions {
  readonly datanodes: ReadonlySet<Uuid>;
  readonly #pipelines: ReadonlySet<Uuid>;
  readonly #containers: ReadonlySet<number>;
  /** False when all that is left to choose from is excluded: then pipelines and datanodes are not avoided any
   * more, containers still are (spec 03 §10.2 step 1). */
  avoidsPipelines = true;

  constructor({ datanodes, pipelineIds, containerIds }: Excluded) {
    this.datanodes = new Set(datanodes);
    this.#pipelines = new Set(pipelineIds);
    this.#containers = new Set(containerIds);
  }

  hasPipeline({ record }: WritablePipeline): boolean {
    if (!this.avoidsPipelines) return false;
    if (this.#pipelines.has(record.pipelineId)) return true;
    return record.members.some(({ details }) => this.datanodes.has(details.uuid));
  }

  hasContainer(containerId: number): boolean {
    return this.#containers.has(containerId);
  }
}

/** Undefined when nothing is excluded. */
export function exclusionsOf(excluded: Excluded | undefined): Exclusions | undefined {
  if (excluded === undefined) return undefined;
  const { datanodes, pipelineIds, containerIds } = excluded;
  if (datanodes.length + pipelineIds.length + containerIds.length === 0) return undefined;
  return new Exclusions(excluded);
}
