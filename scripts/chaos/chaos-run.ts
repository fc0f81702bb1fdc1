import { setTimeout as sleep } from "node:timers/promises";
import { SeededRandom } from "../../engine/core/random.js";
import { ChaosGroup } from "./chaos-group.js";
import { ChaosLoad } from "./chaos-load.js";
import { type Fault, Scene } from "./fault.js";
import { FAULTS } from "./faults.js";
import { HistoryViolation } from "./history-violation.js";
import { operate } from "./operator.js";

export interface ChaosOptions {
  /** No round begins later. */
  readonly minutes: number;
  readonly rounds: number;
  /** Round n of a run has the choices of round 1 of a run with seed + n - 1. */
  readonly seed: number;
  readonly clients: number;
  /** Only faults whose name contains it. */
  readonly only: string | undefined;
  /** One line a round. */
  readonly print: (line: string) => void;
}

export interface ChaosResult {
  readonly passed: number;
  readonly failed: number;
}

const ELECTION_TIMEOUT_MS = 1_000;
/** Until a mutation that is begun after a fault, or after its end, is acknowledged (verification.md §4). */
const RECOVERY_MS_MAX = 3 * ELECTION_TIMEOUT_MS;
/** Before the fault and after it. */
const CALM_MS = 700;
const ROUNDS_BETWEEN_VERIFICATIONS = 6;

/** Lets one thing after the other happen to a group at work, and checks after each what the clients have seen
 * and what is left. A round that fails keeps everything; the next one has a new group. Nothing that it
 * started is left when it resolves. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { print, seed, rounds, minutes, only } = options;
  const faults = FAULTS.filter(({ name }) => name.includes(only ?? ""));
  if (faults.length === 0) throw new Error(`no fault is called ${only}`);
  const dueMs = performance.now() + minutes * 60_000;
  const result = { passed: 0, failed: 0 };
  const skipped = new Set<string>();
  let site: Site | undefined;
  try {
    for (let round = 1; round <= rounds && performance.now() < dueMs; round++) {
      const roundSeed = seed + round - 1;
      site ??= await Site.open(options);
      const { fault, random } = draw(faults, roundSeed, site.group, (name, why) => {
        if (!skipped.has(name)) print(`skipped: ${name}: ${why}`);
        skipped.add(name);
      });
      const scene = new Scene(site.group, random);
      try {
        const line = await site.round(fault, scene, round % ROUNDS_BETWEEN_VERIFICATIONS === 0);
        result.passed++;
        print(`round ${round}: ${fault.name} (${scene.notes.join(", ")}): ${line}`);
      } catch (error) {
        result.failed++;
        const text = error instanceof Error ? error.message : String(error);
        print(`round ${round} FAILED: ${fault.name} (${scene.notes.join(", ")}): ${text}`);
        const kept = await site.keep(error);
        site = undefined;
        print(`logs and data are kept in ${kept}`);
        const words = `--rounds 1 --seed ${roundSeed} --clients ${options.clients} --only "${fault.name}"`;
        print(`again: npm run chaos -- ${words}`);
      }
    }
  } finally {
    await site?.close();
  }
  return result;
}

function draw(
  faults: readonly Fault[],
  seed: number,
  group: ChaosGroup,
  onSkipped: (name: string, why: string) => void,
): { readonly fault: Fault; readonly random: SeededRandom } {
  const random = new SeededRandom(seed);
  const possible = faults.filter((fault) => {
    const why = fault.whyNot(group);
    if (why !== undefined) onSkipped(fault.name, why);
    return why === undefined;
  });
  const fault = possible[random.stream("fault").below(possible.length)];
  if (fault === undefined) throw new Error("none of the faults can be had here");
  return { fault, random: random.stream(fault.name) };
}

/** A group and its load, for one round after the other. */
class Site {
  readonly group: ChaosGroup;
  readonly #load: ChaosLoad;

  static async open({ seed, clients }: ChaosOptions): Promise<Site> {
    const group = await ChaosGroup.start();
    const endpoints = group.group.endpoints;
    const load = new ChaosLoad({ endpoints, seed, clients });
    const site = new Site(group, load);
    try {
      await load.prepare();
      return site;
    } catch (error) {
      const kept = await site.keep(error);
      throw new Error(`the load did not start; kept in ${kept}`, { cause: error });
    }
  }

  private constructor(group: ChaosGroup, load: ChaosLoad) {
    this.group = group;
    this.#load = load;
  }

  /** Throws what is wrong; answers with what was seen. */
  async round(fault: Fault, scene: Scene, mustVerify: boolean): Promise<string> {
    const { group } = this;
    const load = this.#load;
    const { acknowledgements } = load;
    const hasOperator = fault.allowsOperator && scene.random.below(4) === 0;
    load.start();
    await sleep(CALM_MS);
    acknowledgements.watch();
    const operator = hasOperator ? operate(scene) : Promise.resolve();
    // Looked at below; until then it must not end the process.
    operator.catch(() => {});
    try {
      await fault.run(scene);
    } finally {
      await group.heal();
    }
    const healedMs = performance.now();
    const back = await this.#recovered(healedMs);
    await operator;
    await sleep(CALM_MS);
    const gapMs = acknowledgements.longestGapMs();
    // A change of membership may cost an election of its own.
    const gapMsMax = RECOVERY_MS_MAX * (hasOperator ? 2 : 1);
    if (fault.isSurvivable && gapMs > gapMsMax) {
      throw new Error(`nothing was acknowledged for ${gapMs.toFixed(0)} ms`);
    }
    await load.stop();
    const { appliedIndex } = await group.converged();
    const seen = await load.check();
    await group.converged();
    if (mustVerify) {
      await group.verify();
      await group.leader();
    }
    return `gap ${gapMs.toFixed(0)} ms, back after ${back.toFixed(0)} ms; ${seen}; ${
      group.active.size
    } members at ${appliedIndex}${mustVerify ? ", verified" : ""}`;
  }

  /** Ends everything and keeps what there is; answers where. */
  async keep(error: unknown): Promise<string> {
    this.#load.close();
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
    const ms = await this.#load.acknowledgements.nextAfter(sinceMs, RECOVERY_MS_MAX);
    this.#load.throwProblem();
    if (ms === undefined)
      throw new Error(`nothing is acknowledged ${RECOVERY_MS_MAX} ms after all is well again`);
    return ms;
  }
}
