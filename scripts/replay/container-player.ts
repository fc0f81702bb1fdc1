import { setTimeout as sleep } from "node:timers/promises";
import { type AdminClient, RemoteError } from "../../protocol/client/index.js";
import type { ContainerRecord } from "../../protocol/schema/records.js";
import { compareReplicas, type Differences } from "./compare.js";
import { Importer } from "./importer.js";
import type { TraceModel } from "./model.js";
import { type JsonObject, number, object, type TraceLine } from "./trace.js";
import { type ContainerNews, shownInfos, shownReplicas } from "./trace-containers.js";
import type { TraceDatanode } from "./trace-datanode.js";

/** A step that a report brings about goes from a shard over main and the log, in real time. */
const SETTLE_MS_MAX = 10_000;
const SETTLE_STEP_MS = 2;

/** Plays what the trace says of containers, and compares its answers about them. */
export class ContainerPlayer {
  readonly #differences: Differences;
  readonly #model: TraceModel;
  readonly #client: () => AdminClient;
  readonly #importer = new Importer();

  constructor(differences: Differences, model: TraceModel, client: () => AdminClient) {
    this.#differences = differences;
    this.#model = model;
    this.#client = client;
  }

  /** What a datanode says in one call: each report when the steps of the one before are done. The actions
   * were in the heartbeat, which has been sent. */
  async news(where: string, datanode: TraceDatanode, { closes, reports }: ContainerNews): Promise<void> {
    const { containers } = this.#model;
    const reported = reports.flatMap(({ rows }) => rows.map(({ containerId }) => containerId));
    containers.actions(closes, new Set(reported));
    await this.#settle(where);
    for (const report of reports) {
      containers.report(report);
      if (report.isFull) await datanode.fullReport(report.body, report.isFromRegistration);
      else await datanode.incrementalReport(report.body);
      await this.#settle(where);
    }
    containers.actionsDone(closes);
  }

  async command(command: JsonObject, nowMs: number): Promise<void> {
    const created = command["createPipelineCommandProto"];
    if (created === undefined) return;
    await this.#importer.pipelineOfCommand(this.#client(), object(created), nowMs);
  }

  /** Plays or compares an answer to the OM or an administrator; false when it is about something else. */
  async answer(line: TraceLine, response: JsonObject, nowMs: number): Promise<boolean> {
    await this.#importer.allocation(this.#client(), line.request, response, nowMs);
    const infos = shownInfos(response);
    await this.#importer.shown(this.#client(), infos, nowMs);
    switch (line.type) {
      case "AllocateScmBlock":
      case "AllocateContainer":
      case "AllocatePipeline":
        return true;
      case "GetContainerReplicas":
        await this.#replicas(line, object(response["getContainerReplicasResponse"]));
        return true;
      default:
        return false;
    }
  }

  /** All containers and replicas against the model. */
  async compareTables(where: string): Promise<void> {
    const { containers } = this.#model;
    for (const id of containers.ids) {
      const { replicas } = await this.#client().getContainerReplicas({ containerId: id });
      compareReplicas(this.#differences, where, id, replicas, containers.replicas(id));
    }
    this.#differences.leaveOut("pipelines", this.#importer.pipelineIds.size);
  }

  async #replicas({ where, request }: TraceLine, answer: JsonObject): Promise<void> {
    const containerId = number(object(request["getContainerReplicasRequest"])["containerID"]);
    const { replicas } = await this.#client().getContainerReplicas({ containerId });
    compareReplicas(this.#differences, where, containerId, replicas, shownReplicas(answer));
  }

  async #get(containerId: number): Promise<ContainerRecord | undefined> {
    try {
      return (await this.#client().getContainer({ containerId })).container;
    } catch (error) {
      if (error instanceof RemoteError && error.code === "CONTAINER_NOT_FOUND") return undefined;
      throw error;
    }
  }

  /** Waits until the SCM has done what the last report or request brings about. */
  async #settle(where: string): Promise<void> {
    for (const id of this.#model.containers.takeMoved()) {
      const wanted = this.#model.containers.strata(id)?.state;
      let ours = (await this.#get(id))?.state;
      for (let ms = 0; ours !== wanted && ms < SETTLE_MS_MAX; ms += SETTLE_STEP_MS) {
        await sleep(SETTLE_STEP_MS);
        ours = (await this.#get(id))?.state;
      }
      this.#differences.equal(`${where}: container ${id}`, "state by the rules", ours, wanted);
    }
  }
}
