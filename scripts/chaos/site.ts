import { setTimeout as sleep } from "node:timers/promises";
import type { SeededRandom } from "../../engine/core/random.js";
import { ChaosGroup } from "./chaos-group.js";
import { ChaosLoad } from "./chaos-load.js";
import { type Fault, Scene } from "./fault.js";
import { HistoryViolation } from "./history-violation.js";
import { operate } from "./operator.js";

const ELECTION_TIMEOUT_MS = 1_000;
/** Until a mutation that is begun after a fault, or after its end, is acknowledged (verification.md §4). */
export const RECOVERY_MS_MAX = 3 * ELECTION_TIMEOUT_MS;
/** Before the fault and after it. */
const CALM_MS = 700;
/** For an operator to notice that the round is over. */
const OPERATOR_LIMIT_MS = 10_000;

/** What a round has shown. */
export interface Seen {
  /** The longest time without an acknowledged mutation. */
  readonly gapMs: number;
  /** From the end of the fault to the next one. */
  readonly backMs: number;
  readonly calls: string;
  readonly memberCount: number;
  readonly appliedIndex: number;
  readonly isVerified: boolean;
}

export interface SiteOptions {
  readonly seed: number;
  readonly clients: number;
  /** In place of the promise; a machine that is busy with other things cannot keep it. */
  readonly recoveryMsMax: number;
}

/** A group and its load, for one round after the other. */
export class Site {
  readonly group: ChaosGroup;
  readonly #load: ChaosLoad;
  readonly #recoveryMsMax: number;
  /** At work in the present round. */
  #operator: { readonly scene: Scene; readonly settled: Promise<void> } | undefined;

  static async open({ seed, clients, recoveryMsMax }: SiteOptions): Promise<Site> {
    const group = await ChaosGroup.start();
    const endpoints = group.group.endpoints;
    const load = new ChaosLoad({ endpoints, seed, clients, memberCount: () => group.active.size });
    const site = new Site(group, load, recoveryMsMax);
    try {
      await load.prepare();
      return site;
    } catch (error) {
      const kept = await site.keep(error);
      throw new Error(`the load did not start; kept in ${kept}`, { cause: error });
    }
  }

  private constructor(group: ChaosGroup, load: ChaosLoad, recoveryMsMax: number) {
    this.group = group;
    this.#load = load;
    this.#recoveryMsMax = recoveryMsMax;
  }

  scene(random: SeededRandom): Scene {
    return new Scene(this.group, random, () => this.#load.recorder);
  }

  /** Throws what is wrong; answers with what was seen. */
  async round(fault: Fault, scene: Scene, mustVerify: boolean): Promise<Seen> {
    const { group } = this;
    const load = this.#load;
    const { acknowledgements } = load;
    const hasOperator = fault.allowsOperator && scene.random.below(4) === 0;
    load.start();
    await sleep(CALM_MS);
    acknowledgements.watch();
    const operator = hasOperator ? operate(scene) : Promise.resolve();
    this.#operator = { scene, settled: operator.catch(() => {}) };
    try {
      await fault.run(scene);
    } finally {
      await group.heal();
    }
    const healedMs = performance.now();
    const backMs = await this.#recovered(healedMs);
    await operator;
    await sleep(CALM_MS);
    const gapMs = acknowledgements.longestGapMs();
    // A change of membership may cost an election of its own.
    const gapMsMax = this.#recoveryMsMax * (hasOperator ? 2 : 1);
    if (fault.isSurvivable && gapMs > gapMsMax) {
      throw new Error(`nothing was acknowledged for ${gapMs.toFixed(0)} ms`);
    }
    await load.stop();
    const { appliedIndex, ...membership } = await group.converged();
    const calls = await load.check(membership);
    await group.converged();
    if (mustVerify) {
      await group.verify();
      await group.leader();
    }
    return { gapMs, backMs, calls, memberCount: group.active.size, appliedIndex, isVerified: mustVerify };
  }

  /** Ends everything and keeps what there is; answers where. */
  async keep(error: unknown): Promise<string> {
    this.#load.close();
    await this.group.group.kill();
    if (this.#operator !== undefined) {
      this.#operator.scene.isOver = true;
      await Promise.race([this.#operator.settled, sleep(OPERATOR_LIMIT_MS)]);
    }
    await this.group.end();
    if (error instanceof HistoryViolation) error.keep(this.group.directory);
    return this.group.directory;
  }

  async close(): Promise<void> {
    this.#load.close();
    await this.group.end();
    this.group.remove();
  }

  async #recovered(sinceMs: number): Promise<number> {
    const ms = await this.#load.acknowledgements.nextAfter(sinceMs, this.#recoveryMsMax);
    this.#load.throwProblem();
    if (ms === undefined)
      throw new Error(`nothing is acknowledged ${this.#recoveryMsMax} ms after all is well again`);
    return ms;
  }
}
