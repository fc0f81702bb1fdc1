import { FRAME_BYTES_MAX, type RequestOf } from "../../protocol/schema/messages.js";
import { requiredNodes } from "../cluster/containers/replication-config.js";
import { CONTAINER_STATE } from "../core/enums.js";
import { StrataError } from "../core/errors.js";
import { Fifo } from "../core/fifo.js";
import type { LateAnswer } from "../gateway/answer.js";
import type { AdminServices } from "./admin-services.js";
import { ContainerWriter } from "./container-writer.js";
import { ReadAnswer } from "./read-answer.js";
import { ReadBatch } from "./read-batch.js";

/** Of GET_CONTAINERS_WITH_PIPELINES_RESPONSE. */
const FIELD_COUNT = 6;
/** Batches that are kept to be used again. */
const SPARE_MAX = 64;
/** Records of containers take no more, so that pipelines find room in the same frame. */
const RECORDS_BYTES_MAX = FRAME_BYTES_MAX / 4;

/** Containers with the pipelines that they are written or read through (spec 02 §14). Ozone Manager asks for
 * every key that it does not have in its cache, so answers are made of bytes: records of containers from
 * their rows, pipelines and datanodes from caches. */
export class ReadRequests {
  readonly #services: AdminServices;
  readonly #writer: ContainerWriter;
  readonly #answer: ReadAnswer;
  readonly #spare: ReadBatch[] = [];
  /** Their bytes are still to be sent. */
  readonly #done = new Fifo<ReadBatch>();

  constructor(services: AdminServices) {
    this.#services = services;
    this.#writer = new ContainerWriter(services.cluster, services.replicas);
    this.#answer = new ReadAnswer(services.nodes);
  }

  containers(
    request: RequestOf<"getContainersWithPipelines">,
    answer: LateAnswer<"getContainersWithPipelines">,
  ): void {
    const batch = this.#spare.pop() ?? new ReadBatch();
    batch.clear();
    this.#collect(batch, request);
    // What can fail before has an earlier place in the request, and that decides.
    if (batch.holders.containerIds.length === 0 || (batch.failure !== undefined && !this.#isSafeMode)) {
      this.#finish(batch, request, answer);
      return;
    }
    this.#services.replicas.queryHolders(batch.holders, (error) => {
      if (error !== undefined) batch.failure = error;
      this.#finish(batch, request, answer, error === undefined);
    });
  }

  /** Not later than the question, since the answer may come when this SCM does not lead any more and loads
   * its state anew. */
  #collect(batch: ReadBatch, { containerIds, existingOnly }: RequestOf<"getContainersWithPipelines">): void {
    const { table } = this.#services.cluster.containers;
    batch.coveredCount = containerIds.length;
    batch.writer.array(FIELD_COUNT);
    batch.listAt = batch.writer.position;
    batch.writer.openArray(0);
    for (let i = 0; i < containerIds.length; i++) {
      const containerId = containerIds[i] as number;
      if (table.state(containerId) !== 0) this.#add(batch, containerId, i);
      else if (!existingOnly) {
        batch.failure = new StrataError("CONTAINER_NOT_FOUND", { containerId });
        return;
      }
      if (batch.writer.position > RECORDS_BYTES_MAX) {
        batch.coveredCount = i + 1;
        return;
      }
    }
  }

  #add(batch: ReadBatch, containerId: number, requestIndex: number): void {
    const { cluster, encodedPipelines } = this.#services;
    const entry = batch.add();
    entry.containerId = containerId;
    entry.requestIndex = requestIndex;
    entry.start = batch.writer.position;
    const { state, replication } = this.#writer.write(batch.writer, containerId);
    entry.end = batch.writer.position;
    const config = cluster.containers.replications.valueOf(replication);
    const isOpen = state === CONTAINER_STATE.OPEN || state === CONTAINER_STATE.CLOSING;
    const pipelineId = isOpen ? cluster.containers.table.pipelineId(containerId) : undefined;
    entry.pipeline = pipelineId === undefined ? undefined : encodedPipelines.get(pipelineId);
    entry.isEc = config.type === "EC";
    entry.requiredCount = isOpen && this.#isSafeMode ? requiredNodes(config) : 0;
    const isAsked = entry.pipeline === undefined || entry.requiredCount > 0;
    entry.question = isAsked ? batch.ask(containerId) : -1;
  }

  get #isSafeMode(): boolean {
    return this.#services.context.safeMode;
  }

  #finish(
    batch: ReadBatch,
    { existingOnly }: RequestOf<"getContainersWithPipelines">,
    answer: LateAnswer<"getContainersWithPipelines">,
    hasHolders = false,
  ): void {
    if (hasHolders) guard(batch, existingOnly);
    if (batch.failure !== undefined) answer.fail(batch.failure);
    else {
      try {
        answer.doneEncoded(this.#answer.encode(batch));
      } catch (error) {
        if (!(error instanceof StrataError)) throw error;
        answer.fail(error);
      }
    }
    this.#done.push(batch);
    this.#services.scheduler.endOfTurn(this.#release);
  }

  /** Behind the task that sends the answer of the first batch: that was scheduled before this one. */
  readonly #release = (): void => {
    const batch = this.#done.shift();
    if (batch !== undefined && this.#spare.length < SPARE_MAX) this.#spare.push(batch);
  };
}

/** Whether the containers that are open have been reported by so many datanodes that they can be read: in
 * safe mode that is not certain (spec 02 §14). */
function guard(batch: ReadBatch, existingOnly: boolean): void {
  for (let i = 0; i < batch.count; i++) {
    const { question, requiredCount } = batch.entry(i);
    if (requiredCount === 0 || batch.holders.count(question) >= requiredCount) continue;
    if (!existingOnly) {
      batch.failure = new StrataError("SAFE_MODE_EXCEPTION");
      return;
    }
    batch.remove(i--);
  }
}
