import type { WritableGroup } from "../cluster/blocks/writable-group.js";
import type { WritablePipeline } from "../cluster/blocks/writable-pipeline.js";
import { NO_SESSION, OPERATION, type Operation } from "../cluster/operation.js";
import { bodyOfOutcome, readFirstContainerId } from "../cluster/operation-result.js";
import type { ProposalCallback } from "../consensus/consensus.js";
import { assert } from "../core/assert.js";
import type { Clock } from "../core/clock.js";
import { StrataError } from "../core/errors.js";
import { type ContainerId, containerId } from "../core/ids.js";

/** Containers that are being created at a time; more wait for the next request that needs them. */
const CREATING_COUNT_MAX = 1024;
/** After a refusal. */
const RETRY_MS = 1000;

/** Room for one container on every member of a pipeline, for as long as they have not shown it. */
export interface Room<R> {
  /** Undefined when a member has none left. */
  reserve(pipeline: WritablePipeline["record"], nowMs: number): R | undefined;
  bind(room: R, containerId: ContainerId): void;
  release(room: R): void;
}

export interface ContainerSupplyParts<R> {
  readonly clock: Clock;
  readonly room: Room<R>;
  readonly propose: (operation: Operation, onOutcome: ProposalCallback) => void;
  /** Containers were created, or not: those who wait for them look again. */
  readonly onEnd: (group: WritableGroup) => void;
}

/** Since start (spec 02 §16). */
export interface SupplyCounters {
  numSuccessfulCreateContainers: number;
  numFailureCreateContainers: number;
}

/** Creates containers ahead of need, for as long as this SCM leads (spec 03 §10.4 step 4): room first, then
 * the operation. Ids are given by `apply`, so that a refusal costs none. */
export class ContainerSupply<R> {
  readonly counters: SupplyCounters = { numSuccessfulCreateContainers: 0, numFailureCreateContainers: 0 };
  readonly #parts: ContainerSupplyParts<R>;
  #creatingCount = 0;
  /** Proposals of an earlier term change nothing here. */
  #term = {};

  constructor(parts: ContainerSupplyParts<R>) {
    this.#parts = parts;
  }

  /** The term is over. */
  forget(): void {
    this.#term = {};
    this.#creatingCount = 0;
  }

  /** Asks for `count` containers on a pipeline; false when it cannot be now, and `group.refusal` says why. */
  create(group: WritableGroup, pipeline: WritablePipeline, count: number): boolean {
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs < pipeline.retryAtMs) return false;
    if (this.#creatingCount + count > CREATING_COUNT_MAX) {
      group.refusal = "too many containers are being created";
      return false;
    }
    const rooms: R[] = [];
    while (rooms.length < count) {
      const room = this.#parts.room.reserve(pipeline.record, nowMs);
      if (room === undefined) break;
      rooms.push(room);
    }
    if (rooms.length === 0) {
      pipeline.retryAtMs = nowMs + RETRY_MS;
      group.refusal = `pipeline ${pipeline.record.pipelineId} has a datanode without room for a container`;
      this.counters.numFailureCreateContainers++;
      return false;
    }
    this.#propose(group, pipeline, rooms);
    return true;
  }

  #propose(group: WritableGroup, pipeline: WritablePipeline, rooms: readonly R[]): void {
    const { propose, room, onEnd } = this.#parts;
    const count = rooms.length;
    const term = this.#term;
    this.#creatingCount += count;
    pipeline.creatingCount += count;
    group.creatingContainerCount += count;
    const { pipelineId } = pipeline.record;
    const { owner } = group;
    const kind = OPERATION.createContainers;
    propose({ kind, session: NO_SESSION, pipelineId, owner, count }, (outcome) => {
      const body = bodyOfOutcome(outcome);
      if (body instanceof StrataError) for (const one of rooms) room.release(one);
      if (term !== this.#term) return;
      this.#creatingCount -= count;
      pipeline.creatingCount -= count;
      group.creatingContainerCount -= count;
      if (body instanceof StrataError) this.#refused(group, pipeline, body);
      else this.#created(body, rooms);
      onEnd(group);
    });
  }

  #created(body: Uint8Array, rooms: readonly R[]): void {
    const first = readFirstContainerId(body);
    assert(first !== undefined, "without a session the result is the operation's own");
    this.counters.numSuccessfulCreateContainers += rooms.length;
    for (const [i, room] of rooms.entries()) this.#parts.room.bind(room, containerId(first + i));
  }

  #refused(group: WritableGroup, pipeline: WritablePipeline, error: StrataError): void {
    this.counters.numFailureCreateContainers++;
    pipeline.retryAtMs = this.#parts.clock.monotonicMs() + RETRY_MS;
    group.refusal = error.message;
  }
}
