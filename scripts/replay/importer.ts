import type { AdminClient } from "../../protocol/client/index.js";
import type { PipelineRecord } from "../../protocol/schema/records.js";
import {
  type NewContainer,
  openContainer,
  pipelineOfCommand,
  pipelineRecord,
  replicationOfInfo,
  toUuid,
} from "./convert.js";
import { type JsonObject, number, object, objects, string, uuidText } from "./trace.js";

/** Brings containers and pipelines into the SCM when the trace first shows them: their own allocation is not
 * played. A container comes in as it was created, open and empty; what became of it since, reports tell. */
export class Importer {
  readonly containerIds = new Set<number>();
  readonly pipelineIds = new Set<string>();

  /** A createPipelineCommand goes to every member; the first one counts. */
  async pipelineOfCommand(client: AdminClient, command: JsonObject, nowMs: number): Promise<void> {
    await this.#pipeline(client, pipelineOfCommand(command, nowMs));
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
      await this.#onPipeline(client, id, owner, object(block["pipeline"]), nowMs);
    }
    const made = object(object(response["containerResponse"])["containerWithPipeline"]);
    const info = object(made["containerInfo"]);
    if (info["containerID"] !== undefined) {
      const id = number(info["containerID"]);
      await this.#onPipeline(client, id, string(info["owner"]), object(made["pipeline"]), nowMs);
    }
    const pipeline = object(response["pipelineResponse"])["pipeline"];
    if (pipeline !== undefined) await this.#pipeline(client, pipelineRecord(object(pipeline), nowMs));
  }

  /** Containers of an answer that tells about containers. Their pipelines may never have been shown. */
  async shown(client: AdminClient, infos: readonly JsonObject[], nowMs: number): Promise<void> {
    for (const info of infos) {
      const pipelineId = uuidText(object(info["pipelineID"]));
      const on = {
        replication: replicationOfInfo(info),
        ...(this.pipelineIds.has(pipelineId) ? { pipelineId: toUuid(pipelineId) } : {}),
      };
      await this.#container(
        client,
        number(info["containerID"]),
        openContainer(string(info["owner"]), on, nowMs),
      );
    }
  }

  async #onPipeline(
    client: AdminClient,
    id: number,
    owner: string,
    pipeline: JsonObject,
    nowMs: number,
  ): Promise<void> {
    if (this.containerIds.has(id)) return;
    const record = pipelineRecord(pipeline, nowMs);
    await this.#pipeline(client, record);
    await this.#container(client, id, openContainer(owner, record, nowMs));
  }

  /** Each answer names its container; the first one counts. */
  async #container(client: AdminClient, containerId: number, container: NewContainer): Promise<void> {
    if (this.containerIds.has(containerId)) return;
    await client.import({ pipelines: [], containers: [{ containerId, ...container }] });
    this.containerIds.add(containerId);
  }

  async #pipeline(client: AdminClient, pipeline: PipelineRecord): Promise<void> {
    if (this.pipelineIds.has(pipeline.pipelineId)) return;
    await client.import({ pipelines: [pipeline], containers: [] });
    this.pipelineIds.add(pipeline.pipelineId);
  }
}
