import { setTimeout as sleep } from "node:timers/promises";
import type { Uuid } from "../../engine/core/uuid.js";
import {
  type AdminClient,
  type LocatedContainer,
  locatedContainers,
  RemoteError,
} from "../../protocol/client/index.js";
import type { RequestOf } from "../../protocol/schema/messages.js";
import type { ContainerRecord, PipelineRecord } from "../../protocol/schema/records.js";
import { compareReplicas, type Differences } from "./compare.js";
import { ContainerComparison, REFUSED } from "./compare-containers.js";
import { PipelineComparison, shownLocations, shownPipelines } from "./compare-pipelines.js";
import { containerFilter } from "./convert.js";
import { Importer } from "./importer.js";
import type { TraceModel } from "./model.js";
import { type JsonObject, number, object, objects, string, type TraceLine, uuidText } from "./trace.js";
import { type ContainerNews, shownContainer, shownInfos, shownReplicas } from "./trace-containers.js";
import type { TraceDatanode } from "./trace-datanode.js";

const LIST_PAGE = 512;
const PIPELINES_PAGE = 128;
const STRIPE_ROWS = 65_536;
/** A step that a report brings about goes from a shard over main and the log, in real time. */
const SETTLE_MS_MAX = 10_000;
const SETTLE_STEP_MS = 2;

export interface ContainerPlayerParts {
  readonly differences: Differences;
  readonly model: TraceModel;
  readonly client: () => AdminClient;
  readonly shardCount: number;
}

/** Plays what the trace says of containers, and compares its answers about them. */
export class ContainerPlayer {
  readonly #differences: Differences;
  readonly #model: TraceModel;
  readonly #client: () => AdminClient;
  readonly #shardCount: number;
  readonly #importer = new Importer();
  readonly #comparison: ContainerComparison;
  readonly #pipelines: PipelineComparison;

  constructor({ differences, model, client, shardCount }: ContainerPlayerParts) {
    this.#shardCount = shardCount;
    this.#differences = differences;
    this.#model = model;
    this.#client = client;
    this.#comparison = new ContainerComparison(differences, model.containers);
    this.#pipelines = new PipelineComparison(differences, model.parts);
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

  /** Plays or compares an answer to the OM or an administrator; false when it is about something else.
   * A failed call has none. */
  async answer(line: TraceLine, nowMs: number): Promise<boolean> {
    const { response } = line;
    if (line.type === "CloseContainer") {
      await this.#close(line);
      return true;
    }
    if (response === undefined) return false;
    await this.#importer.allocation(this.#client(), line.request, response, nowMs);
    const infos = shownInfos(response);
    await this.#importer.shown(this.#client(), infos, nowMs);
    await this.#settle(line.where);
    switch (line.type) {
      case "AllocateScmBlock":
        await this.#blocks(line.where, response);
        return true;
      case "AllocateContainer":
      case "AllocatePipeline":
        return true;
      case "GetContainer":
      case "GetContainerWithPipeline":
      case "GetContainerWithPipelineBatch":
      case "GetExistContainerWithPipelinesInBatch":
        await this.#containers(line, infos);
        await this.#locations(line.where, response);
        return true;
      case "ListPipelines":
      case "GetPipeline":
        await this.#comparePipelines(line, response);
        return true;
      case "ListContainer":
        await this.#list(line, infos);
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
      if (containers.strata(id) !== undefined) this.#comparison.atEnd(where, id, await this.#get(id));
    }
    for (const pipeline of (await this.#ourPipelines()).values()) this.#pipelines.atEnd(where, pipeline);
  }

  async #comparePipelines({ where, type }: TraceLine, response: JsonObject): Promise<void> {
    const shown = shownPipelines(response);
    const ours = await this.#openedPipelines(shown);
    const { pipelineIds } = this.#importer;
    for (const theirs of shown) {
      const id = uuidText(object(theirs["id"]));
      this.#pipelines.shown(where, ours.get(id), theirs, pipelineIds.has(id));
      ours.delete(id);
    }
    if (type !== "ListPipelines") return;
    for (const [id, pipeline] of ours) this.#pipelines.notListed(where, pipeline, pipelineIds.has(id));
  }

  /** Ours, when those that the answer shows as open have had the time that the log takes to open them. */
  async #openedPipelines(shown: readonly JsonObject[]): Promise<Map<string, PipelineRecord>> {
    const open = shown.filter(({ state }) => state === "PIPELINE_OPEN");
    const ids = open.map(({ id }) => uuidText(object(id)));
    let ours = await this.#ourPipelines();
    for (let ms = 0; ms < SETTLE_MS_MAX; ms += SETTLE_STEP_MS) {
      if (ids.every((id) => ours.get(id)?.state !== "ALLOCATED")) break;
      await sleep(SETTLE_STEP_MS);
      ours = await this.#ourPipelines();
    }
    return ours;
  }

  async #ourPipelines(): Promise<Map<string, PipelineRecord>> {
    const pipelines = new Map<string, PipelineRecord>();
    let after: Uuid | undefined;
    for (let more = true; more; ) {
      const next = after === undefined ? {} : { after };
      const page = await this.#client().listPipelines({ countMax: PIPELINES_PAGE, ...next });
      for (const pipeline of page.pipelines) pipelines.set(pipeline.pipelineId, pipeline);
      after = page.pipelines.at(-1)?.pipelineId;
      more = page.more;
    }
    return pipelines;
  }

  async #blocks(where: string, response: JsonObject): Promise<void> {
    const blocks = objects(object(response["allocateScmBlockResponse"])["blocks"]);
    const idOf = (block: JsonObject): number => number(object(block["containerBlockID"])["containerID"]);
    const ours = await this.#located(blocks.map(idOf));
    for (const block of blocks) {
      this.#pipelines.allocated(where, ours.get(idOf(block)), object(block["pipeline"]));
    }
  }

  async #located(containerIds: readonly number[]): Promise<ReadonlyMap<number, LocatedContainer>> {
    const answer = await this.#client().getContainersWithPipelines({ containerIds, existingOnly: true });
    return new Map(locatedContainers(answer).map((each) => [each.container.containerId, each]));
  }

  async #locations(where: string, response: JsonObject): Promise<void> {
    const shown = shownLocations(response);
    if (shown.length === 0) return;
    const containerIds = shown.map((each) => number(object(each["containerInfo"])["containerID"]));
    const ours = await this.#located(containerIds);
    shown.forEach((theirs, i) => {
      this.#pipelines.located(where, ours.get(containerIds[i] as number), theirs);
    });
  }

  async #containers({ where, request }: TraceLine, infos: readonly JsonObject[]): Promise<void> {
    for (const info of infos) {
      const shown = shownContainer(info);
      this.#comparison.shown(where, await this.#get(shown.id), shown);
    }
    const asked = object(request["getExistContainerWithPipelinesInBatchRequest"])["containerIDs"];
    const left = new Set(Array.isArray(asked) ? asked.map(number) : []);
    for (const info of infos) left.delete(number(info["containerID"]));
    for (const id of left) {
      this.#differences.equal(
        `${where}: container ${id}`,
        "exists",
        (await this.#get(id)) !== undefined,
        false,
      );
    }
  }

  async #list({ where, request }: TraceLine, infos: readonly JsonObject[]): Promise<void> {
    const asked = object(request["scmListContainerRequest"]);
    const shown = new Map(infos.map((info) => [number(info["containerID"]), shownContainer(info)]));
    // Both lists end where the shorter one does, when it was cut off.
    const isCut = infos.length >= number(asked["count"]);
    const last = isCut ? Math.max(...shown.keys()) : Number.POSITIVE_INFINITY;
    const ours = await this.#listed(asked, last);
    for (const [id, theirs] of shown) {
      const container = ours.get(id) ?? (await this.#get(id));
      if (ours.has(id) || string(asked["state"]) === "") this.#comparison.shown(where, container, theirs);
      else this.#comparison.listed(where, container, { id, state: theirs.state, isListed: true });
    }
    for (const [id, container] of ours) {
      if (shown.has(id)) continue;
      this.#comparison.listed(where, container, { id, state: string(asked["state"]), isListed: false });
    }
  }

  async #replicas({ where, request }: TraceLine, answer: JsonObject): Promise<void> {
    const containerId = number(object(request["getContainerReplicasRequest"])["containerID"]);
    const { replicas } = await this.#client().getContainerReplicas({ containerId });
    const container = await this.#get(containerId);
    this.#comparison.replicas(where, containerId, { container, replicas }, shownReplicas(answer));
  }

  async #close({ where, request, response }: TraceLine): Promise<void> {
    const id = number(object(request["scmCloseContainerRequest"])["containerID"]);
    const answer = object(response?.["scmCloseContainerResponse"]);
    const theirs = response === undefined ? REFUSED : string(answer["status"]) || "OK";
    const before = await this.#get(id);
    const ours = await this.#answerToClose(id);
    this.#comparison.closed(where, before, { id, ours, theirs });
    this.#model.containers.close(id, theirs === "OK");
    await this.#settle(where);
  }

  async #get(containerId: number): Promise<ContainerRecord | undefined> {
    try {
      return (await this.#client().getContainer({ containerId })).container;
    } catch (error) {
      if (error instanceof RemoteError && error.code === "CONTAINER_NOT_FOUND") return undefined;
      throw error;
    }
  }

  async #answerToClose(containerId: number): Promise<string> {
    try {
      return (await this.#client().closeContainer({ containerId })).status;
    } catch (error) {
      if (error instanceof RemoteError) return REFUSED;
      throw error;
    }
  }

  /** All containers that the filter of the request lets through, up to the id `last`. */
  async #listed(asked: JsonObject, last: number): Promise<Map<number, ContainerRecord>> {
    const filter: Partial<RequestOf<"listContainers">> = containerFilter(asked);
    const listed = new Map<number, ContainerRecord>();
    for (let start = number(asked["startContainerID"]); ; ) {
      const page = await this.#client().listContainers({
        ...filter,
        startContainerId: start,
        countMax: LIST_PAGE,
      });
      for (const container of page.containers) {
        if (container.containerId <= last) listed.set(container.containerId, container);
      }
      start = page.nextContainerId;
      if (start === 0 || start > last) return listed;
    }
  }

  /** Resolves when every shard has merged what was sent before, and has told what follows from it. */
  async merged(): Promise<void> {
    for (let shard = 0; shard < this.#shardCount; shard++) {
      await this.#client().getContainerReplicas({ containerId: shard * STRIPE_ROWS + 1 });
    }
  }

  /** Waits until the SCM has done what the last report or request brings about. */
  async #settle(where: string): Promise<void> {
    await this.merged();
    for (const id of this.#model.containers.takeMoved()) {
      const wanted = this.#model.containers.strata(id)?.state;
      let ours = (await this.#get(id))?.state;
      for (let ms = 0; ours !== wanted && ms < SETTLE_MS_MAX; ms += SETTLE_STEP_MS) {
        await sleep(SETTLE_STEP_MS);
        ours = (await this.#get(id))?.state;
      }
      this.#differences.equal(`${where}: container ${id}`, "state by the rules", ours, wanted);
      await this.merged();
    }
  }
}
