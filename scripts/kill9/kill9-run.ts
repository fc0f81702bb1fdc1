import { SeededRandom } from "../../engine/core/random.js";
import { ScmHome, serving } from "../../test/support/process/scm-home.js";
import type { StrataProcess } from "../../test/support/process/strata-process.js";
import { waitFor } from "../../test/support/wait.js";
import { CHECKED_LOAD_SETTINGS, CheckedLoad } from "./checked-load.js";
import { type Moment, moments, momentText, randomSettings, stateLogBytes } from "./moments.js";

export interface Kill9Options {
  readonly times: number;
  readonly seed: number;
  readonly clients: number;
  /** One line a round. */
  readonly print: (line: string) => void;
}

export interface Kill9Result {
  readonly passed: number;
  /** Undefined when all rounds passed. */
  readonly failure: Error | undefined;
  /** Kept after a failure. */
  readonly directory: string;
}

const LOAD_MS_MAX = 600;

/** Kills an SCM again and again, and compares what is left with what it had answered. Ends at the first round
 * that fails. Nothing that it started is left when it resolves. */
export async function runKill9(options: Kill9Options): Promise<Kill9Result> {
  const home = await ScmHome.create(CHECKED_LOAD_SETTINGS);
  const run = new Kill9Run(options, home);
  let failure: Error | undefined;
  try {
    await run.run();
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error));
  } finally {
    await run.end();
  }
  if (failure === undefined) await home.remove();
  return { passed: run.passedCount, failure, directory: home.directory };
}

class Kill9Run {
  passedCount = 0;
  readonly #options: Kill9Options;
  readonly #home: ScmHome;
  readonly #random: SeededRandom;
  readonly #load: CheckedLoad;
  #scm: StrataProcess | undefined;
  #bootMs = 1000;

  constructor(options: Kill9Options, home: ScmHome) {
    const { seed, clients } = options;
    this.#options = options;
    this.#home = home;
    this.#random = new SeededRandom(seed);
    this.#load = new CheckedLoad({ endpoint: home.endpoint, seed, clients });
  }

  async run(): Promise<void> {
    await this.#start();
    await this.#load.prepare();
    const order = moments(this.#random);
    for (let round = 1; round <= this.#options.times; round++) {
      const moment = order.next().value;
      const line = await this.#round(moment).catch((error: unknown) => {
        const text = error instanceof Error ? error.message : String(error);
        throw new Error(`round ${round}, killed ${momentText(moment)}: ${text}`, { cause: error });
      });
      this.passedCount++;
      this.#options.print(`round ${round}: ${line}`);
    }
    await this.#stopCleanly();
  }

  async end(): Promise<void> {
    this.#load.close();
    if (this.#scm?.isAlive === true) await this.#scm.kill();
  }

  async #round(moment: Moment): Promise<string> {
    const load = this.#load;
    const before = load.answeredCount;
    await load.resume();
    await this.#killAt(moment);
    await load.pause();
    const answered = `${load.answeredCount - before} answered, ${load.unknownCount} unknown`;
    await this.#verify();
    await this.#start();
    const { laneCount, askedAgainCount, containerCount } = await load.check();
    return [
      `killed ${momentText(moment)}`,
      answered,
      `started in ${Math.round(this.#bootMs)} ms`,
      `${laneCount} lanes right, ${askedAgainCount} asked again, ${containerCount} containers`,
      "verify clean",
    ].join(" | ");
  }

  async #killAt(moment: Moment): Promise<void> {
    const scm = this.#running();
    const random = this.#random;
    await this.#pause(random.below(moment === "load" ? LOAD_MS_MAX : LOAD_MS_MAX / 3));
    switch (moment) {
      case "load":
        await kill(scm);
        return;
      case "flush":
        await this.#awaitFlush();
        await this.#pause(random.below(5));
        await kill(scm);
        return;
      case "boot":
        await kill(scm);
        this.#scm = this.#home.spawn(randomSettings(random));
        await this.#pause(random.fraction() * this.#bootMs);
        await kill(this.#scm);
        return;
      case "rest":
        await this.#load.rest();
        await this.#pause(random.below(1200));
        await kill(scm);
        return;
      case "stop":
        scm.signal("SIGTERM");
        await this.#pause(random.below(300));
        await killStopping(scm);
        return;
    }
  }

  async #awaitFlush(): Promise<void> {
    const bytes = stateLogBytes(this.#home.metadataDir);
    const hasGrown = (): boolean => stateLogBytes(this.#home.metadataDir) !== bytes;
    await waitFor("the state is written", hasGrown);
  }

  async #verify(): Promise<void> {
    const { code, text } = await this.#home.verify();
    if (code !== 0) throw new Error(`strata verify ended with ${code}: ${text}`);
  }

  async #start(): Promise<void> {
    const startedMs = performance.now();
    this.#scm = this.#home.spawn(randomSettings(this.#random));
    await serving(this.#scm);
    this.#bootMs = performance.now() - startedMs;
  }

  async #stopCleanly(): Promise<void> {
    const scm = this.#running();
    scm.signal("SIGTERM");
    const { code, signal } = await scm.ended;
    if (code !== 0) throw new Error(`the orderly stop at the end: ${code ?? signal}: ${scm.text}`);
    await this.#verify();
  }

  #running(): StrataProcess {
    if (this.#scm === undefined) throw new Error("the SCM was not started");
    return this.#scm;
  }

  async #pause(ms: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, ms));
    this.#load.throwProblem();
  }
}

async function kill(scm: StrataProcess): Promise<void> {
  const { code, signal } = await scm.kill();
  if (signal !== "SIGKILL") throw new Error(`the SCM ended by itself with ${code ?? signal}: ${scm.text}`);
}

/** It may have been faster than the kill. */
async function killStopping(scm: StrataProcess): Promise<void> {
  const { code, signal } = await scm.kill();
  if (signal !== "SIGKILL" && code !== 0)
    throw new Error(`the stop ended with ${code ?? signal}: ${scm.text}`);
}
