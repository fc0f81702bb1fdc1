import { OPERATION, type Operation } from "../../../../engine/cluster/operation.js";
import type { SequenceName } from "../../../../engine/cluster/sequence/sequence-table.js";
import { assert } from "../../../../engine/core/assert.js";
import type { ResponseOf } from "../../../../protocol/schema/messages.js";
import type { PipelineRecord, ReplicationRecord } from "../../../../protocol/schema/records.js";
import type { NaiveCluster } from "../../cluster/naive-cluster.js";
import { type IdSpan, IssuedIds } from "../../issued-ids.js";

export type AllocatedBlocks = ResponseOf<"allocateBlocks">;

/** What clients were promised with their blocks, and what the log says about it (S6). */
export class BlockChecks {
  readonly #model: NaiveCluster;
  readonly #pipelineLimit: number;
  readonly #issued: Readonly<Record<SequenceName, IssuedIds>> = {
    localId: new IssuedIds("local id"),
    delTxnId: new IssuedIds("transaction id"),
    containerId: new IssuedIds("container id"),
    CertificateId: new IssuedIds("serial"),
  };
  /** Local ids that the log has reserved, for whomever. */
  readonly #reserved: IdSpan[] = [];
  /** Pipelines that SCMs created, and no import. */
  readonly created = new Set<string>();

  /** @param pipelineLimit of a datanode */
  constructor(model: NaiveCluster, pipelineLimit: number) {
    this.#model = model;
    this.#pipelineLimit = pipelineLimit;
  }

  /** Blocks that clients have got. */
  get blockCount(): number {
    return this.#issued.localId.count;
  }

  /** The log has carried it out. */
  done(operation: Operation, value: unknown): void {
    if (operation.kind === OPERATION.reserveSequence && operation.sequence === "localId") {
      const first = value as bigint;
      this.#reserved.push({ first, last: first + BigInt(operation.count) - 1n });
    }
    if (operation.kind === OPERATION.createPipeline) {
      this.created.add(operation.pipeline.pipelineId);
      this.#checkLimit(operation.pipeline);
    }
  }

  /** Somebody else than an allocator of blocks got these. */
  giveSpan(sequence: SequenceName, span: IdSpan): void {
    this.#issued[sequence].giveSpan(span);
  }

  /** A client got an answer. */
  allocated(
    { blocks, pipelines }: AllocatedBlocks,
    wanted: { owner: string; replication: ReplicationRecord },
  ) {
    for (const { containerId, localId, pipeline: index } of blocks) {
      const isReserved = this.#reserved.some(({ first, last }) => first <= localId && localId <= last);
      assert(isReserved, `local id ${localId} was given before the log had reserved it`);
      this.#issued.localId.give(localId);
      const pipeline = pipelines[index];
      assert(pipeline !== undefined, `a block is on pipeline ${index} of ${pipelines.length}`);
      this.#checkContainer(containerId, pipeline, wanted);
    }
  }

  /** At rest: no container has an id that somebody else was given. */
  checkContainers(): void {
    for (const id of this.#model.containers.keys()) {
      const isTaken = this.#issued.containerId.isInSpan(BigInt(id));
      assert(!isTaken, `container ${id} has an id that was given to somebody else`);
    }
  }

  #checkContainer(
    containerId: number,
    pipeline: PipelineRecord,
    { owner, replication }: { readonly owner: string; readonly replication: ReplicationRecord },
  ): void {
    const container = this.#model.containers.get(containerId);
    assert(container !== undefined, `container ${containerId} was given and is not in the log`);
    const text = `container ${containerId} of ${container.owner} on ${container.pipelineId}`;
    assert(container.pipelineId === pipeline.pipelineId, `${text} was given on ${pipeline.pipelineId}`);
    assert(container.owner === owner, `${text} was given to ${owner}`);
    const kind = JSON.stringify(container.replication);
    assert(kind === JSON.stringify(replication), `${text} is ${kind}, not as was asked for`);
  }

  /** Spec 03 §5.1 and §5.2, counting only what SCMs created: imports ask nobody. */
  #checkLimit({ members, replication }: Pick<PipelineRecord, "members" | "replication">): void {
    if (replication.type !== "RATIS" || replication.factor !== 3) return;
    for (const { details } of members) {
      let count = 0;
      for (const id of this.created) {
        const pipeline = this.#model.pipelines.get(id);
        if (pipeline === undefined || pipeline.state === "CLOSED") continue;
        if (pipeline.replication.type !== "RATIS" || pipeline.replication.factor !== 3) continue;
        if (pipeline.members.some((member) => member.details.uuid === details.uuid)) count++;
      }
      const limit = this.#pipelineLimit;
      assert(count <= limit, `${details.uuid} is in ${count} pipelines, the limit is ${limit}`);
    }
  }
}
