import { SeededRandom } from "../../engine/core/random.js";
import type { ChaosGroup } from "./chaos-group.js";
import type { Fault } from "./fault.js";
import { FAULTS } from "./faults.js";
import { RECOVERY_MS_MAX, type Seen, Site } from "./site.js";
import { Summary } from "./summary.js";

export interface ChaosOptions {
  /** No round begins later. */
  readonly minutes: number;
  readonly rounds: number;
  /** Round n of a run has the choices of round 1 of a run with seed + n - 1. */
  readonly seed: number;
  readonly clients: number;
  /** Only faults whose name contains it. */
  readonly only: string | undefined;
  /** Names of faults: of the first round, of the second one …; left out: they are drawn. */
  readonly inOrder?: readonly string[];
  /** How long a group may take to serve again; left out: what is promised. */
  readonly recoveryMsMax?: number;
  /** One line a round. */
  readonly print: (line: string) => void;
}

export interface ChaosResult {
  readonly passed: number;
  readonly failed: number;
}

const ROUNDS_BETWEEN_VERIFICATIONS = 6;

/** Lets one thing after the other happen to a group at work, and checks after each what the clients have seen
 * and what is left. A round that fails keeps everything; the next one has a new group. Nothing that it
 * started is left when it resolves. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const run = new ChaosRun(options);
  try {
    return await run.run();
  } finally {
    await run.close();
  }
}

class ChaosRun {
  readonly #options: ChaosOptions;
  readonly #summary = new Summary();
  readonly #skipped = new Set<string>();
  #site: Site | undefined;

  constructor(options: ChaosOptions) {
    this.#options = options;
  }

  async run(): Promise<ChaosResult> {
    const { rounds, minutes, print } = this.#options;
    const dueMs = performance.now() + minutes * 60_000;
    const result = { passed: 0, failed: 0 };
    for (let round = 1; round <= rounds && performance.now() < dueMs; round++) {
      if (await this.#round(round)) result.passed++;
      else result.failed++;
    }
    for (const line of this.#summary.lines()) print(line);
    return result;
  }

  async close(): Promise<void> {
    await this.#site?.close();
  }

  /** Whether it passed. */
  async #round(round: number): Promise<boolean> {
    const { print, seed, clients } = this.#options;
    const roundSeed = seed + round - 1;
    const site = this.#site ?? (await this.#open(round, roundSeed));
    if (site === undefined) return false;
    this.#site = site;
    const random = new SeededRandom(roundSeed);
    const fault = this.#choose(round, site.group, random.stream("fault"));
    const scene = site.scene(random.stream(fault.name));
    const what = (): string => `round ${round}: ${fault.name} (${scene.notes.join(", ")})`;
    try {
      const seen = await site.round(fault, scene, round % ROUNDS_BETWEEN_VERIFICATIONS === 0);
      this.#summary.passed(fault.name, seen);
      print(`${what()}: ${seenText(seen)}`);
      return true;
    } catch (error) {
      this.#summary.failed(fault.name);
      const kept = await site.keep(error);
      this.#site = undefined;
      print(`${what()} FAILED: ${error instanceof Error ? error.message : error}`);
      print(`logs and data are kept in ${kept}`);
      const again = `--rounds 1 --seed ${roundSeed} --clients ${clients} --only "${fault.name}"`;
      print(`again: npm run chaos -- ${again}`);
      return false;
    }
  }

  /** Undefined, and the round has failed, when no group can be started. */
  async #open(round: number, seed: number): Promise<Site | undefined> {
    const { print, clients, recoveryMsMax = RECOVERY_MS_MAX } = this.#options;
    try {
      return await Site.open({ seed, clients, recoveryMsMax });
    } catch (error) {
      const text = error instanceof Error ? `${error.message}: ${error.cause}` : String(error);
      print(`round ${round} FAILED: ${text}`);
      return undefined;
    }
  }

  #choose(round: number, group: ChaosGroup, random: SeededRandom): Fault {
    const { only = "", inOrder } = this.#options;
    const name = inOrder?.[(round - 1) % inOrder.length];
    const wanted = FAULTS.filter((fault) =>
      name === undefined ? fault.name.includes(only) : fault.name === name,
    );
    const possible = wanted.filter((fault) => this.#isPossible(fault, group));
    const fault = possible[random.below(Math.max(1, possible.length))];
    if (fault !== undefined) return fault;
    throw new Error(wanted.length === 0 ? `no fault is called ${name ?? only}` : "it cannot be had here");
  }

  /** Says once what is left out. */
  #isPossible(fault: Fault, group: ChaosGroup): boolean {
    const why = fault.whyNot(group);
    if (why === undefined) return true;
    if (!this.#skipped.has(fault.name)) this.#options.print(`skipped: ${fault.name}: ${why}`);
    this.#skipped.add(fault.name);
    return false;
  }
}

function seenText({ gapMs, backMs, calls, memberCount, appliedIndex, isVerified }: Seen): string {
  const times = `gap ${gapMs.toFixed(0)} ms, back after ${backMs.toFixed(0)} ms`;
  const verified = isVerified ? ", verified" : "";
  return `${times}; ${calls}; ${memberCount} members at ${appliedIndex}${verified}`;
}
