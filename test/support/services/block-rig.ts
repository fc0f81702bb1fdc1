import { Allocation } from "../../../engine/cluster/blocks/allocation.js";
import type { BlockRequest } from "../../../engine/cluster/blocks/block-request.js";
import { checkReplication } from "../../../engine/cluster/blocks/block-request.js";
import { createChoosePolicy } from "../../../engine/cluster/blocks/choose-policy.js";
import { ratis } from "../../../engine/cluster/containers/replication-config.js";
import { NO_SESSION, OPERATION, type Operation } from "../../../engine/cluster/operation.js";
import type { ProposalCallback } from "../../../engine/consensus/consensus.js";
import { StrataError } from "../../../engine/core/errors.js";
import { term } from "../../../engine/core/ids.js";
import { SeededRandom } from "../../../engine/core/random.js";
import type { Uuid } from "../../../engine/core/uuid.js";
import { BlockService } from "../../../engine/services/block-service.js";
import { ContainerGrowth, type PipelineSource } from "../../../engine/services/container-growth.js";
import { ContainerSupply } from "../../../engine/services/container-supply.js";
import { WritableGroups } from "../../../engine/services/writable-groups.js";
import type { PipelineRecord } from "../../../protocol/schema/records.js";
import { AppliedState } from "../cluster/applied-state.js";
import { importBatch, pipelineRecord, seedCluster } from "../cluster/builders.js";
import { ManualScheduler } from "../consensus/manual-scheduler.js";

export const CONTAINER_BYTES = 1000;
export const WAIT_MS = 60_000;
export const EVERYTHING = /^/;

export interface Block {
  readonly containerId: number;
  readonly localId: bigint;
  readonly pipelineId: string;
}

export type Outcome = { readonly blocks: readonly Block[] } | { readonly error: StrataError };

type Created = Parameters<PipelineSource["create"]>;

/** Block allocation on real tables; proposals wait until the test settles them, and pipelines are created
 * when the test says so. */
export class BlockRig {
  readonly time = new ManualScheduler();
  readonly applied = new AppliedState();
  readonly context = { leaderReady: false, safeMode: false, term: term(1) };
  readonly supply: ContainerSupply<object>;
  readonly groups: WritableGroups;
  readonly service: BlockService;
  /** Bytes in containers, as reported. */
  readonly used = new Map<number, number>();
  /** Pipelines whose datanodes have no room for another container. */
  readonly full = new Set<string>();
  containerLimit = 2;
  healthyNodeCount = 0;
  healthyVolumeCount = 0;
  /** Pipelines that were asked for, and those that were to be closed. */
  readonly asked: Created[] = [];
  readonly closed: string[] = [];
  #closing: { readonly pipelineId: Uuid; readonly done: Parameters<PipelineSource["close"]>[1] }[] = [];
  /** Why no pipeline can be created; undefined: the test says what becomes of it. */
  noPipeline: StrataError | undefined;
  /** Proposals that find no room: why. */
  refusal: StrataError | undefined;
  readonly #allocation = new Allocation();
  #waiting: { readonly operation: Operation; readonly onOutcome: ProposalCallback }[] = [];
  #askedForRoom: object[] = [];

  constructor({ seed = 1, policy = "RandomPipelineChoosePolicy", allowed = EVERYTHING } = {}) {
    this.applied.nowMs = this.time.wallMs();
    this.applied.done(seedCluster(true));
    const choose = createChoosePolicy(policy, new SeededRandom(seed), {
      isHealthy: () => true,
      usedRatios: () => [0],
    });
    const propose = (operation: Operation, onOutcome: ProposalCallback): void => {
      if (this.refusal !== undefined) onOutcome(this.refusal);
      else this.#waiting.push({ operation, onOutcome });
    };
    this.supply = new ContainerSupply<object>({
      clock: this.time,
      room: {
        reserve: ({ pipelineId }) => {
          if (this.full.has(pipelineId)) return undefined;
          const room = {};
          this.#askedForRoom.push(room);
          return room;
        },
        bind: (room) => this.#freeRoom(room),
        release: (room) => this.#freeRoom(room),
      },
      propose,
      onEnd: () => this.service.roomChanged(),
    });
    this.groups = new WritableGroups({
      cluster: this.applied.state,
      onRoom: () => this.service.roomChanged(),
      check: (replication) => checkReplication(replication, allowed),
    });
    this.service = new BlockService({
      clock: this.time,
      scheduler: this.time,
      context: this.context,
      groups: this.groups,
      growth: new ContainerGrowth({
        clock: this.time,
        supply: this.supply,
        pipelines: {
          create: (...created) => {
            this.asked.push(created);
            if (this.noPipeline !== undefined) created[1](this.noPipeline);
          },
          open: () => undefined,
          whenOpen: () => undefined,
          close: (pipelineId, done) => {
            this.closed.push(pipelineId);
            this.#closing.push({ pipelineId, done });
          },
        },
        index: this.applied.state.pipelines.index,
        slotOf: () => undefined,
        fleet: () => this,
        onEnd: () => this.service.roomChanged(),
        waitMs: WAIT_MS,
        ecPipelineCountMin: 2,
        ecPipelinesPerVolume: 1,
      }),
      propose,
      touchUsage: () => 0,
      usedBytes: (id) => this.used.get(id) ?? 0,
      policyOf: () => choose,
      containerLimitOf: () => this.containerLimit,
      containerBytes: CONTAINER_BYTES,
      idBatchCount: 1000,
      waitMs: WAIT_MS,
    });
    this.service.start();
  }

  /** Whether who waits for these has gone. */
  hasLeft = (_: readonly Outcome[]): boolean => false;
  /** Reservations of room that are neither bound nor released. */
  get openRoomCount(): number {
    return this.#askedForRoom.length;
  }

  /** This SCM's standing; each time it leads in a term of its own. */
  lead(leads = true): this {
    if (leads) this.context.term = term(this.context.term + 1);
    this.context.leaderReady = leads;
    if (!leads) this.#waiting = [];
    this.service.onStatus(leads);
    return this;
  }

  /** Open pipelines by number. */
  addPipelines(numbers: readonly number[], changes: Partial<PipelineRecord> = {}): this {
    const records = numbers.map((number) => pipelineRecord(number, changes));
    this.applied.done(importBatch([], records));
    this.#tellChanges();
    return this;
  }

  /** In the call; "waits" when there is no room. */
  allocate(changes: Partial<BlockRequest> = {}): readonly Block[] | "waits" {
    const request = { size: 10, count: 1, replication: ratis(3), owner: "om", ...changes };
    return this.service.allocate(request, this.#allocation) ? this.#blocks() : "waits";
  }

  /** Waits if it must; the outcome comes into the list. */
  request(changes: Partial<BlockRequest> = {}): Outcome[] {
    const outcomes: Outcome[] = [];
    const request = { size: 10, count: 1, replication: ratis(3), owner: "om", ...changes };
    try {
      if (this.service.allocate(request, this.#allocation)) return [{ blocks: this.#blocks() }];
    } catch (error) {
      if (error instanceof StrataError) return [{ error }];
      throw error;
    }
    this.service.wait(request, this.#allocation, {
      isWanted: () => !this.hasLeft(outcomes),
      onEnd: (error) => outcomes.push(error === undefined ? { blocks: this.#blocks() } : { error }),
    });
    return outcomes;
  }

  /** Operations without outcome. */
  get waiting(): readonly Operation[] {
    return this.#waiting.map(({ operation }) => operation);
  }

  /** Applies what waits, and what follows from it, until nothing waits. */
  settle(): this {
    for (let rounds = 0; this.#waiting.length > 0; rounds++) {
      if (rounds > 100) throw new Error("proposals never end");
      this.settleOnce();
    }
    return this;
  }

  settleOnce(): this {
    const waiting = this.#waiting.splice(0);
    this.applied.nowMs = this.time.wallMs();
    const results = this.applied.apply(...waiting.map(({ operation }) => operation));
    this.#tellChanges();
    waiting.forEach(({ onOutcome }, at) => {
      onOutcome(results[at] as (typeof results)[number]);
    });
    this.time.turn();
    return this;
  }

  /** An operation of somebody else. */
  apply(operation: Operation): this {
    this.applied.done(operation);
    this.#tellChanges();
    this.time.turn();
    return this;
  }

  /** Closes the pipelines that were to be closed, or refuses to. */
  endClosing(refusal?: StrataError): this {
    for (const { pipelineId, done } of this.#closing.splice(0)) {
      if (refusal === undefined) {
        this.apply({ kind: OPERATION.closePipeline, session: NO_SESSION, pipelineId, containers: [] });
      }
      done(refusal);
    }
    this.time.turn();
    return this;
  }

  #blocks(): Block[] {
    const { count, containerIds, idHigh, idLow, pipelineOf, pipelines } = this.#allocation;
    return Array.from({ length: count }, (_, i) => ({
      containerId: containerIds[i] as number,
      localId: (BigInt(idHigh[i] as number) << 32n) | BigInt(idLow[i] as number),
      pipelineId: pipelines[pipelineOf[i] as number]?.record.pipelineId ?? "",
    }));
  }

  #tellChanges(): void {
    for (const id of this.applied.changedPipelines.splice(0)) this.groups.pipelineChanged(id);
    for (const id of this.applied.changedContainers.splice(0)) this.groups.containerChanged(id);
  }

  #freeRoom(room: object): void {
    this.#askedForRoom = this.#askedForRoom.filter((other) => other !== room);
  }
}
