import type { AdminClient } from "../../protocol/client/index.js";
import type { PipelineRecord } from "../../protocol/schema/records.js";
import { openContainer, pipelineOfCommand, pipelineRecord } from "./convert.js";
import type { TraceModel } from "./model.js";
import { type JsonObject, number, object, objects, string } from "./trace.js";

/** Brings containers and pipelines into the SCM when the trace creates them: their own allocation is not
 * played. */
export class Importer {
  readonly containerIds = new Set<number>();
  readonly pipelineIds = new Set<string>();
  readonly #model: TraceModel;

  constructor(model: TraceModel) {
    this.#model = model;
  }

  /** A createPipelineCommand goes to every member; the first one counts. */
  async pipelineOfCommand(client: AdminClient, command: JsonObject, nowMs: number): Promise<void> {
    await this.#import(client, [pipelineOfCommand(command, nowMs)]);
  }

  /** Containers and pipelines of an answer to AllocateScmBlock, AllocateContainer or AllocatePipeline. */
  async allocation(
    client: AdminClient,
    request: JsonObject,
    response: JsonObject,
    nowMs: number,
  ): Promise<void> {
    const owner = string(object(request["allocateScmBlockRequest"])["owner"]);
    for (const block of objects(object(response["allocateScmBlockResponse"])["blocks"])) {
      const id = number(object(block["containerBlockID"])["containerID"]);
      await this.#container(client, id, owner, object(block["pipeline"]), nowMs);
    }
    const made = object(object(response["containerResponse"])["containerWithPipeline"]);
    const info = object(made["containerInfo"]);
    if (info["containerID"] !== undefined) {
      const id = number(info["containerID"]);
      await this.#container(client, id, string(info["owner"]), object(made["pipeline"]), nowMs);
    }
    const pipeline = object(response["pipelineResponse"])["pipeline"];
    if (pipeline !== undefined) await this.#import(client, [pipelineRecord(object(pipeline), nowMs)]);
  }

  /** Each answer names its container; the first one counts. */
  async #container(
    client: AdminClient,
    containerId: number,
    owner: string,
    pipeline: JsonObject,
    nowMs: number,
  ): Promise<void> {
    if (this.containerIds.has(containerId)) return;
    const record = pipelineRecord(pipeline, nowMs);
    await this.#import(client, [record]);
    this.containerIds.add(containerId);
    const { type, ecData, ecParity } = record.replication;
    if (type === "EC") this.#model.ecWidth.set(containerId, ecData + ecParity);
    const container = openContainer(containerId, owner, record, nowMs);
    await client.import({ pipelines: [], containers: [container] });
  }

  async #import(client: AdminClient, pipelines: readonly PipelineRecord[]): Promise<void> {
    const fresh = pipelines.filter(({ pipelineId }) => !this.pipelineIds.has(pipelineId));
    if (fresh.length === 0) return;
    for (const { pipelineId } of fresh) this.pipelineIds.add(pipelineId);
    await client.import({ pipelines: fresh, containers: [] });
  }
}
