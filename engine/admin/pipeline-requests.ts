import type { OperationName, RequestOf, ResponseOf } from "../../protocol/schema/messages.js";
import type { PipelineRecord, ReplicationRecord } from "../../protocol/schema/records.js";
import { printReplication, replicationProblem } from "../cluster/containers/replication-config.js";
import { OPERATION, type SessionStamp } from "../cluster/operation.js";
import { readCreatedPipeline } from "../cluster/operation-result.js";
import type { SettablePipelineState } from "../cluster/pipelines/pipeline-state.js";
import { StrataError } from "../core/errors.js";
import type { Uuid } from "../core/uuid.js";
import type { Answer, LateAnswer } from "../gateway/answer.js";
import type { RpcSession } from "../gateway/rpc-session.js";
import type { AdminServices } from "./admin-services.js";
import { type Decision, type Mutations, refusalOf } from "./mutations.js";
import { checkCount, stampOf } from "./request-checks.js";

const LIST_COUNT_MAX = 128;
/** Pipelines that a list looks at in one call: a millisecond. */
const LIST_ROWS_MAX = 8192;

/** `ozone admin pipeline …` (spec 03 §9.5, spec 09 §4.3). */
export class PipelineRequests {
  readonly #services: AdminServices;
  readonly #mutations: Mutations;

  constructor(services: AdminServices, mutations: Mutations) {
    this.#services = services;
    this.#mutations = mutations;
  }

  list(request: RequestOf<"listPipelines">, answer: LateAnswer<"listPipelines">): void {
    checkCount("countMax", request.countMax, LIST_COUNT_MAX);
    const { pipelineReports, cluster } = this.#services;
    const pipelines: PipelineRecord[] = [];
    let lookedAt = 0;
    let next = request.after;
    let more = true;
    while (more && pipelines.length < request.countMax && lookedAt < LIST_ROWS_MAX) {
      const found = cluster.pipelines.list(next, LIST_COUNT_MAX + 1);
      more = found.length > LIST_COUNT_MAX;
      for (const pipeline of found.slice(0, LIST_COUNT_MAX)) {
        if (pipelines.length === request.countMax) {
          more = true;
          break;
        }
        next = pipeline.pipelineId;
        if (fits(pipeline, request)) pipelines.push(pipelineReports.withLeader(pipeline));
      }
      lookedAt += found.length;
    }
    answer.done({ pipelines, more, ...(more && next !== undefined ? { next } : {}) });
  }

  get({ pipelineId }: RequestOf<"getPipeline">, answer: LateAnswer<"getPipeline">): void {
    const { cluster, pipelineReports } = this.#services;
    const pipeline = cluster.pipelines.get(pipelineId);
    if (pipeline === undefined) answer.fail(new StrataError("PIPELINE_NOT_FOUND", { pipelineId }));
    else answer.done({ pipeline: pipelineReports.withLeader(pipeline) });
  }

  /** Answered when it is committed; whether its members make it shows later. */
  create(session: RpcSession, request: RequestOf<"createPipeline">, answer: Answer<"createPipeline">): void {
    const { replication } = request;
    checkReplication(replication);
    const stamp = stampOf(request);
    const audit = {
      operation: "CREATE_PIPELINE",
      parameters: { replication: printReplication(replication) },
    };
    this.#mutations.runDecided<"createPipeline">(session, answer, audit, (onDecision) => {
      onDecision(this.#creation(replication, stamp));
    });
  }

  close(session: RpcSession, request: RequestOf<"closePipeline">, answer: Answer<"closePipeline">): void {
    const { pipelineId } = request;
    const stamp = stampOf(request);
    const audit = { operation: "CLOSE_PIPELINE", parameters: { pipelineId } };
    this.#mutations.runDecided<"closePipeline">(session, answer, audit, (onDecision) => {
      const operation = this.#services.pipelines.closeOperation(pipelineId, stamp);
      onDecision({ operation, respond: () => ({}) });
    });
  }

  activate(
    session: RpcSession,
    request: RequestOf<"activatePipeline">,
    answer: Answer<"activatePipeline">,
  ): void {
    this.#setState(session, answer, { ...request, state: "OPEN" }, "ACTIVATE_PIPELINE");
  }

  deactivate(
    session: RpcSession,
    request: RequestOf<"deactivatePipeline">,
    answer: Answer<"deactivatePipeline">,
  ): void {
    this.#setState(session, answer, { ...request, state: "DORMANT" }, "DEACTIVATE_PIPELINE");
  }

  #setState<N extends "activatePipeline" | "deactivatePipeline">(
    session: RpcSession,
    answer: Answer<N>,
    request: SessionStamp & { readonly pipelineId: Uuid; readonly state: SettablePipelineState },
    operation: string,
  ): void {
    const { pipelineId, state } = request;
    this.#mutations.run<OperationName>(
      session,
      answer,
      { kind: OPERATION.setPipelineState, session: stampOf(request), pipelineId, state },
      { operation, parameters: { pipelineId } },
      () => ({}),
    );
  }

  #creation(
    replication: ReplicationRecord,
    stamp: SessionStamp,
  ): Decision<ResponseOf<"createPipeline">> | StrataError {
    const prepared = this.#services.pipelines.prepare({ replication }, stamp);
    if (prepared instanceof StrataError) {
      if (prepared.code === "NOT_LEADER" || stamp.sessionId === 0) return prepared;
      return { operation: refusalOf(stamp), respond: (body) => this.#earlier(body) ?? prepared };
    }
    let outcome: PipelineRecord | StrataError | undefined;
    return {
      operation: prepared.operation,
      settled: (result) => {
        outcome = prepared.settled(result);
      },
      respond: () => this.#response(outcome as PipelineRecord | StrataError),
    };
  }

  /** What an earlier attempt has created, although it would be refused now. */
  #earlier(body: Uint8Array): ResponseOf<"createPipeline"> | StrataError | undefined {
    const created = readCreatedPipeline(body);
    if (created === undefined) return undefined;
    const { pipelineId } = created;
    const pipeline = this.#services.cluster.pipelines.get(pipelineId);
    return this.#response(pipeline ?? new StrataError("PIPELINE_NOT_FOUND", { pipelineId }));
  }

  #response(outcome: PipelineRecord | StrataError): ResponseOf<"createPipeline"> | StrataError {
    if (outcome instanceof StrataError) return outcome;
    return { pipeline: this.#services.pipelineReports.withLeader(outcome) };
  }
}

function fits(
  pipeline: PipelineRecord,
  { state, replicationType, replication }: RequestOf<"listPipelines">,
): boolean {
  if (state !== undefined && pipeline.state !== state) return false;
  if (replicationType !== undefined && pipeline.replication.type !== replicationType) return false;
  return (
    replication === undefined || printReplication(pipeline.replication) === printReplication(replication)
  );
}

/** Throws StrataError INVALID_ARGUMENT. EC pipelines come with their first container alone (spec 03 §9.5). */
function checkReplication(replication: ReplicationRecord): void {
  const reason =
    replicationProblem(replication) ?? (replication.type === "EC" ? "EC is not supported" : undefined);
  if (reason !== undefined) throw new StrataError("INVALID_ARGUMENT", { field: "replication", reason });
}
