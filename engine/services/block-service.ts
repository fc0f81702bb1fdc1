import type { PipelineRecord } from "../../protocol/schema/records.js";
import type { Allocation } from "../cluster/blocks/allocation.js";
import { BlockPlacer } from "../cluster/blocks/block-placer.js";
import { type BlockRequest, checkBlockRequest } from "../cluster/blocks/block-request.js";
import type { ChoosePolicy } from "../cluster/blocks/choose-policy.js";
import { type Exclusions, exclusionsOf } from "../cluster/blocks/exclusions.js";
import { LocalIds } from "../cluster/blocks/local-ids.js";
import type { WritableGroup } from "../cluster/blocks/writable-group.js";
import type { WritablePipeline } from "../cluster/blocks/writable-pipeline.js";
import { printReplication } from "../cluster/containers/replication-config.js";
import { NO_SESSION, OPERATION, type Operation } from "../cluster/operation.js";
import { bodyOfOutcome, readReservation } from "../cluster/operation-result.js";
import type { ProposalCallback } from "../consensus/consensus.js";
import type { Clock } from "../core/clock.js";
import { StrataError } from "../core/errors.js";
import type { Term } from "../core/ids.js";
import type { Scheduler, Timer } from "../core/scheduler.js";
import { BlockWaiters } from "./block-waiters.js";
import type { ScmContext } from "./scm-context.js";
import type { Service } from "./service.js";
import type { WritableGroups } from "./writable-groups.js";

/** Requests that wait; more are refused. */
const WAITING_COUNT_MAX = 65_536;
/** How often those who wait are looked at, whatever happens. */
const LOOK_MS = 100;
/** How often limits that come from datanodes' volumes are found out anew. */
const LIMITS_MS = 10_000;

/** Where containers and pipelines come from when there are too few. */
export interface Growth {
  /** `pipeline` has fewer containers than it should, or none with room (`isFull`). */
  onShort(group: WritableGroup, pipeline: WritablePipeline, isFull: boolean): void;
  /** Called for each request, before it looks for room. */
  aheadOfNeed(group: WritableGroup): void;
  /** There was no room for a request. False when nothing is under way that could bring some;
   * `group.refusal` says why. */
  grow(group: WritableGroup, exclusions: Exclusions | undefined): boolean;
  /** The term is over. */
  forget(): void;
}

export interface BlockServiceParts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly context: Pick<ScmContext, "leaderReady" | "safeMode" | "term">;
  readonly groups: WritableGroups;
  readonly growth: Growth;
  readonly propose: (operation: Operation, onOutcome: ProposalCallback) => void;
  readonly usedBytes: (containerId: number) => number;
  readonly touchUsage: (containerId: number) => number;
  readonly policyOf: (group: WritableGroup) => ChoosePolicy;
  readonly containerLimitOf: (pipeline: PipelineRecord) => number;
  /** `ozone.scm.container.size`. */
  readonly containerBytes: number;
  /** `ozone.scm.sequence.id.batch.size`. */
  readonly idBatchCount: number;
  /** `hdds.pipeline.report.interval`: how long a request waits for room. */
  readonly waitMs: number;
}

/** Since start. */
export interface BlockCounters {
  blocksAllocated: number;
  allocationsDone: number;
  allocationsFailed: number;
  allocationsWaited: number;
}

/** Who waits for blocks. */
interface BlockWaiter {
  /** False: there is nobody any more who would get them. */
  readonly isWanted: () => boolean;
  readonly onEnd: (error: StrataError | undefined) => void;
}

interface Waiter extends BlockWaiter {
  readonly request: BlockRequest;
  readonly exclusions: Exclusions | undefined;
  readonly deadlineMs: number;
}

/** Gives out blocks, as leader and out of safe mode (spec 05 §2): in memory, in the call, from ids that were
 * reserved and containers that were created before. Who finds no room waits, asynchronously, until there is
 * some, or nothing is under way that could bring it, or its time is over (spec 03 §10.2 steps 3 to 5). */
export class BlockService implements Service {
  readonly name = "block allocation";
  readonly counters: BlockCounters = {
    blocksAllocated: 0,
    allocationsDone: 0,
    allocationsFailed: 0,
    allocationsWaited: 0,
  };
  readonly #parts: BlockServiceParts;
  readonly #placer: BlockPlacer;
  readonly #ids: LocalIds;
  /** Why the last reservation of ids was not to be had. */
  #idRefusal = "";
  #isServing = false;
  readonly #waiters: BlockWaiters<Waiter>;
  /** Pipelines that growth had to look at for who avoids some, and attempts. */
  #growthWork = 0;
  #timer: Timer | undefined;
  #limitsTimer: Timer | undefined;
  /** What those who wait are answered from. */
  #into: Allocation | undefined;

  constructor(parts: BlockServiceParts) {
    this.#parts = parts;
    const { growth } = parts;
    this.#placer = new BlockPlacer({
      ...parts,
      onShort: (group, pipeline, isFull) => growth.onShort(group, pipeline, isFull),
    });
    this.#waiters = new BlockWaiters({
      scheduler: parts.scheduler,
      attempt: (waiter) => this.#into !== undefined && this.#isAnswered(waiter, this.#into),
      work: () => this.#placer.triedCount + parts.groups.madeCount + this.#growthWork,
    });
    this.#ids = new LocalIds(
      {
        batchCount: parts.idBatchCount,
        reserve: (count, term) => this.#reserve(count, term),
        nowMs: () => parts.clock.monotonicMs(),
      },
      parts.context.term,
    );
  }

  /** Requests that wait. */
  get waitingCount(): number {
    return this.#waiters.count;
  }

  start(): void {}

  stop(): void {
    this.#end(new StrataError("SHUTTING_DOWN"));
  }

  onStatus(leaderReady: boolean): void {
    const { context, scheduler } = this.#parts;
    if (leaderReady === this.#isServing) return;
    if (!leaderReady) {
      this.#end(new StrataError("NOT_LEADER", { term: context.term }));
      return;
    }
    this.#isServing = true;
    this.#ids.startTerm(context.term);
    this.#limitsTimer = scheduler.every(LIMITS_MS, () => {
      this.#placer.limitsChanged();
      this.#hopeAgain();
    });
  }

  status(): "RUNNING" | "PAUSED" {
    return this.#isServing && !this.#parts.context.safeMode ? "RUNNING" : "PAUSED";
  }

  /** Fills `into` with blocks, in the call. False when there is no room, or no id, just now: `wait` then.
   * Throws StrataError when it cannot be done. */
  allocate(request: BlockRequest, into: Allocation): boolean {
    this.#checkStanding();
    checkBlockRequest(request, this.#parts.containerBytes);
    const isDone = this.#attempt(request, exclusionsOf(request.excluded), into);
    if (isDone) this.#done(into);
    return isDone;
  }

  /** Waits until there are blocks for a request that `allocate` had none for. `into` is filled when `onEnd`
   * is called without an error, and the next call of anything here may fill it anew. */
  wait(request: BlockRequest, into: Allocation, { isWanted, onEnd }: BlockWaiter): void {
    if (this.waitingCount >= WAITING_COUNT_MAX) {
      onEnd(new StrataError("OVERLOADED", { reason: "too many allocations wait for room" }));
      return;
    }
    const { clock, scheduler, waitMs } = this.#parts;
    this.counters.allocationsWaited++;
    const exclusions = exclusionsOf(request.excluded);
    const waiter = { request, exclusions, deadlineMs: clock.monotonicMs() + waitMs, isWanted, onEnd };
    if (this.#isAnswered(waiter, into)) return;
    this.#waiters.add(waiter);
    this.#into = into;
    this.#timer ??= scheduler.every(LOOK_MS, () => this.#look());
  }

  /** There may be room now. */
  roomChanged(): void {
    this.#waiters.wake();
  }

  #checkStanding(): void {
    const { context } = this.#parts;
    if (!context.leaderReady || !this.#isServing) throw new StrataError("NOT_LEADER", { term: context.term });
    if (context.safeMode) throw new StrataError("SAFE_MODE_EXCEPTION");
  }

  #attempt(request: BlockRequest, exclusions: Exclusions | undefined, into: Allocation): boolean {
    const { growth } = this.#parts;
    const group = this.#parts.groups.of(request.replication, request.owner);
    growth.aheadOfNeed(group);
    if (exclusions !== undefined) exclusions.avoidsPipelines = true;
    this.#placer.place(group, request, exclusions, into);
    if (into.count < request.count && exclusions !== undefined && avoidsAll(group, exclusions)) {
      exclusions.avoidsPipelines = false;
      this.#placer.place(group, request, exclusions, into);
    }
    const isEnough = into.count === request.count || (request.allowLess === true && into.count > 0);
    if (!isEnough || !this.#ids.has(into.count)) return false;
    into.mint(this.#ids);
    return true;
  }

  #done(into: Allocation): void {
    this.counters.allocationsDone++;
    this.counters.blocksAllocated += into.count;
  }

  /** Answers the waiter if it can be answered now. */
  #isAnswered(waiter: Waiter, into: Allocation): boolean {
    const { request, exclusions } = waiter;
    this.#growthWork++;
    try {
      this.#checkStanding();
      checkBlockRequest(request, this.#parts.containerBytes);
      if (this.#attempt(request, exclusions, into)) {
        this.#done(into);
        waiter.onEnd(undefined);
        return true;
      }
      const reason = this.#hopelessness(waiter, into);
      if (reason === undefined) return false;
      throw notEnough(request, reason);
    } catch (error) {
      if (!(error instanceof StrataError)) throw error;
      this.counters.allocationsFailed++;
      waiter.onEnd(error);
      return true;
    }
  }

  /** Why waiting on has no sense; undefined when it has. */
  #hopelessness({ request, exclusions }: Waiter, into: Allocation): string | undefined {
    if (into.count >= request.count) return undefined;
    const { groups, growth } = this.#parts;
    const group = groups.of(request.replication, request.owner);
    if (exclusions !== undefined) this.#growthWork += group.pipelines.length;
    return growth.grow(group, exclusions) ? undefined : group.refusal;
  }

  /** What has grown without a word, as usage does when blocks are deleted, or a pause that is over. */
  #look(): void {
    this.#ids.reserveWhenDue();
    this.#hopeAgain();
    this.#endOver();
    this.roomChanged();
    if (this.waitingCount > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Who has left, or has waited for too long, does not wait for its turn. */
  #endOver(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    const over = this.#waiters.takeOut(({ isWanted, deadlineMs }) => nowMs >= deadlineMs || !isWanted());
    for (const { request, isWanted, onEnd } of over) {
      this.counters.allocationsFailed++;
      onEnd(isWanted() ? this.#tooLate(request) : new StrataError("CONNECTION_LOST", { reason: "closed" }));
    }
  }

  #tooLate(request: BlockRequest): StrataError {
    const { groups, waitMs } = this.#parts;
    const refusal = this.#idRefusal || groups.known(request.replication, request.owner)?.refusal;
    const last = refusal === undefined || refusal === "" ? "" : `; last: ${refusal}`;
    return notEnough(request, `nothing came up within ${waitMs} ms${last}`);
  }

  #hopeAgain(): void {
    this.#parts.groups.visit((group) => {
      group.hopelessBytes = Number.POSITIVE_INFINITY;
    });
  }

  #reserve(count: number, term: Term): void {
    const kind = OPERATION.reserveSequence;
    this.#parts.propose({ kind, session: NO_SESSION, sequence: "localId", count }, (outcome) => {
      const body = bodyOfOutcome(outcome);
      if (body instanceof StrataError) {
        this.#idRefusal = body.message;
        this.#ids.failed(term);
        return;
      }
      this.#idRefusal = "";
      this.#ids.reserved(readReservation(body), term);
      this.roomChanged();
    });
  }

  #end(reason: StrataError): void {
    if (!this.#isServing) return;
    const { context, groups, growth } = this.#parts;
    this.#isServing = false;
    this.#ids.endTerm(context.term);
    growth.forget();
    groups.forget();
    this.#limitsTimer?.cancel();
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const { onEnd } of this.#waiters.takeAll()) onEnd(reason);
  }
}

function notEnough({ size, count, owner, replication }: BlockRequest, reason: string): StrataError {
  const details = { size, count, owner, replication: printReplication(replication), reason };
  return new StrataError("FAILED_TO_ALLOCATE_ENOUGH_BLOCKS", details);
}

/** Everything there is, is excluded (spec 03 §10.2 step 1). EC opens another pipeline (§10.3). */
function avoidsAll(group: WritableGroup, exclusions: Exclusions): boolean {
  const { pipelines, replication } = group;
  if (replication.type === "EC" || pipelines.length === 0) return false;
  return pipelines.every((pipeline) => exclusions.hasPipeline(pipeline));
}
