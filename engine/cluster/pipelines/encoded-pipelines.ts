import type { PipelineRecord } from "../../../protocol/schema/records.js";
import type { Uuid } from "../../core/uuid.js";
import type { PipelineReports } from "./pipeline-reports.js";
import type { PipelineTable } from "./pipeline-table.js";

export interface EncodedPipeline {
  /** Of the record with the leader as observed; never changed. */
  readonly bytes: Uint8Array;
  /** Another one for other bytes, whatever the pipeline: for caches of what holds them. */
  readonly version: number;
}

export interface EncodedPipelinesParts {
  readonly pipelines: Pick<PipelineTable, "get">;
  readonly reports: Pick<PipelineReports, "withLeader">;
  encode(pipeline: PipelineRecord): Uint8Array;
}

/** Pipelines as the bytes of the wire, each made once for as long as nothing of it changes: answers to
 * allocations and reads say the same few again and again (spec 12 §8.2 H9). */
export class EncodedPipelines {
  readonly #parts: EncodedPipelinesParts;
  readonly #encoded = new Map<Uuid, EncodedPipeline>();
  #lastVersion = 0;
  /** For who keeps the bytes of a pipeline: they are others now. Undefined: all of them. */
  onChanged: (id: Uuid | undefined) => void = () => undefined;

  constructor(parts: EncodedPipelinesParts) {
    this.#parts = parts;
  }

  /** Undefined when there is no such pipeline. */
  get(id: Uuid): EncodedPipeline | undefined {
    const known = this.#encoded.get(id);
    if (known !== undefined) return known;
    const { pipelines, reports, encode } = this.#parts;
    const pipeline = pipelines.get(id);
    if (pipeline === undefined) return undefined;
    const encoded = { bytes: encode(reports.withLeader(pipeline)), version: ++this.#lastVersion };
    this.#encoded.set(id, encoded);
    return encoded;
  }

  /** Its record, or its leader; undefined: all of them. */
  changed(id: Uuid | undefined): void {
    if (id === undefined) this.#encoded.clear();
    else this.#encoded.delete(id);
    this.onChanged(id);
  }
}
