import type { ReplicationConfig } from "../cluster/containers/replication-config.js";
import { ratis, standAlone } from "../cluster/containers/replication-config.js";
import type { Clock } from "../core/clock.js";
import { StrataError } from "../core/errors.js";
import type { Scheduler, Timer } from "../core/scheduler.js";
import type { Logger } from "../telemetry/logger.js";
import type { PipelineManager } from "./pipeline-manager.js";
import type { Service } from "./service.js";

export interface PipelineCreatorOptions {
  /** The cluster's default replication; undefined: the configuration names none that there is. */
  readonly replication: ReplicationConfig | undefined;
  readonly intervalMs: number;
  /** `ozone.scm.pipeline.creation.auto.factor.one`. */
  readonly createsRatisOne: boolean;
  /** `ozone.scm.pipeline.creation.ratis.three`: also with an EC default. */
  readonly createsRatisThree: boolean;
  /** `hdds.scm.safemode.pipeline.creation`. */
  readonly runsInSafeMode: boolean;
  /** `hdds.scm.wait.time.after.safemode.exit`. */
  readonly waitMs: number;
}

export interface PipelineCreatorParts {
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly logger: Pick<Logger, "info">;
  readonly manager: Pick<PipelineManager, "create" | "isFrozen">;
  readonly options: PipelineCreatorOptions;
}

/** Fills the cluster with pipelines up to the limits, in the background (spec 03 §8). */
export class PipelineCreator implements Service {
  readonly name = "pipeline creator";
  readonly #parts: PipelineCreatorParts;
  readonly #configs: readonly ReplicationConfig[];
  #isLeader = false;
  #isRunning = false;
  /** When it last began to run. */
  #sinceMs = 0;
  /** Somebody asked for a round, whether it runs or not. */
  #isWanted = false;
  /** Configurations of the round under way that have not met their limit. */
  #round: ReplicationConfig[] | undefined;
  #createdCount = 0;
  #timer: Timer | undefined;

  constructor(parts: PipelineCreatorParts) {
    this.#parts = parts;
    this.#configs = configsOf(parts.options);
  }

  start(): void {}

  stop(): void {
    this.#end();
  }

  onStatus(leaderReady: boolean, safeMode: boolean): void {
    const { options, clock } = this.#parts;
    const runs = leaderReady && (!safeMode || options.runsInSafeMode);
    if (runs && !this.#isRunning) this.#sinceMs = clock.monotonicMs();
    this.#isRunning = runs;
    if (leaderReady === this.#isLeader) return;
    this.#isLeader = leaderReady;
    if (leaderReady) this.#look();
    else this.#end();
  }

  status(): "RUNNING" | "PAUSED" {
    return this.#isRunning ? "RUNNING" : "PAUSED";
  }

  /** One round as soon as possible: a datanode has come that may be a member, or safe mode's pre-checks have
   * passed. Only the leader heeds it. */
  trigger(): void {
    if (!this.#isLeader) return;
    this.#isWanted = true;
    // Several datanodes may come in one turn.
    this.#parts.scheduler.endOfTurn(() => {
      if (this.#isWanted && this.#isLeader && this.#round === undefined) this.#look();
    });
  }

  /** Runs a round if it may, else looks again in time. */
  #look(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (!this.#mayRun() || this.#parts.manager.isFrozen) {
      this.#lookLater();
      return;
    }
    this.#isWanted = false;
    this.#createdCount = 0;
    this.#round = [...this.#configs];
    this.#next();
  }

  #mayRun(): boolean {
    const { options, clock } = this.#parts;
    if (this.#isWanted) return true;
    if (!this.#isRunning) return false;
    return options.runsInSafeMode || clock.monotonicMs() - this.#sinceMs >= options.waitMs;
  }

  /** One pipeline of each configuration in turn; one that cannot be made ends its configuration's round. */
  #next(): void {
    const round = this.#round;
    const replication = round?.shift();
    if (round === undefined) return;
    if (replication === undefined) {
      this.#endRound();
      return;
    }
    this.#parts.manager.create({ replication }, (outcome) => {
      // The term is over, or this is an answer of an earlier one.
      if (this.#round !== round) return;
      if (!(outcome instanceof StrataError)) {
        this.#createdCount++;
        round.push(replication);
      }
      this.#next();
    });
  }

  #endRound(): void {
    this.#round = undefined;
    if (this.#createdCount > 0) {
      this.#parts.logger.info("pipelines created in the background", { count: this.#createdCount });
    }
    if (this.#isWanted) this.#look();
    else this.#lookLater();
  }

  #lookLater(): void {
    const { scheduler, options } = this.#parts;
    this.#timer = scheduler.after(options.intervalMs, () => this.#look());
  }

  #end(): void {
    this.#isLeader = false;
    this.#isRunning = false;
    this.#isWanted = false;
    this.#round = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}

function configsOf(options: PipelineCreatorOptions): readonly ReplicationConfig[] {
  switch (options.replication?.type) {
    case undefined:
      return [];
    case "EC":
      return options.createsRatisThree ? [ratis(3)] : [];
    case "RATIS":
      return options.createsRatisOne ? [ratis(1), ratis(3)] : [ratis(3)];
    case "STAND_ALONE":
      return [standAlone(1)];
  }
}
