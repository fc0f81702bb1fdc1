import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { COMMON_KEYS } from "./cluster-keys.js";
import type { FrameRecorder } from "./frame-recorder.js";
import { Golden } from "./golden.js";
import { OzoneCluster } from "./ozone-cluster.js";
import { createReferenceService } from "./reference-scm.js";
import type { Step, StepBench, Surroundings } from "./step.js";
import { createStrataService } from "./strata-scm.js";

const GROUP_NAMES = ["a", "b", "c"];

export interface InteropOptions {
  readonly steps: readonly Step[];
  /** Of the released programs. */
  readonly classpath: string;
  /** Runs the steps with the released SCM. */
  readonly withReference: boolean;
  /** Writes what the programs print as what they must print. */
  readonly record: boolean;
  /** Keeps the frames between the programs and the SCM. */
  readonly recorder?: FrameRecorder | undefined;
  /** Directories and logs stay. */
  readonly keep: boolean;
  readonly print: (line: string) => void;
}

/** Runs the steps one after the other. Ends every process that it has started. */
export async function runInterop(options: InteropOptions): Promise<{ passed: number; failed: number }> {
  const directory = mkdtempSync(join(tmpdir(), "strata-interop-"));
  const run = new InteropRun(options, directory);
  const remove = (): void => {
    if (!options.keep) rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  process.on("exit", remove);
  try {
    for (const step of options.steps) await run.step(step);
  } finally {
    await run.end();
    remove();
    process.off("exit", remove);
  }
  if (options.keep) options.print(`kept in ${directory}`);
  return { passed: run.passed, failed: run.failed };
}

class InteropRun {
  passed = 0;
  failed = 0;
  readonly #options: InteropOptions;
  readonly #directory: string;
  readonly #golden: Golden;
  #cluster: OzoneCluster | undefined;
  #surroundings: Surroundings | undefined;
  #clusterCount = 0;

  constructor(options: InteropOptions, directory: string) {
    this.#options = options;
    this.#directory = directory;
    this.#golden = new Golden(options.record);
  }

  async step(step: Step): Promise<void> {
    const { name, number, what } = step;
    this.#options.print(`${number === undefined ? "" : `${number} `}${name}: ${what}`);
    const { recorder } = this.#options;
    if (recorder !== undefined) recorder.step = name;
    try {
      const cluster = await this.#clusterFor(step);
      await step.run(this.#bench(cluster));
    } catch (error) {
      this.#fail("the step did not end", error);
    }
  }

  async end(): Promise<void> {
    const cluster = this.#cluster;
    this.#cluster = undefined;
    await cluster?.end();
  }

  async #clusterFor({ surroundings, keys = {} }: Step): Promise<OzoneCluster> {
    if (this.#cluster !== undefined && this.#surroundings === surroundings && surroundings !== "own") {
      return this.#cluster;
    }
    await this.end();
    const directory = mkdtempSync(join(this.#directory, `${++this.#clusterCount}-${surroundings}-`));
    const names = surroundings === "group" ? GROUP_NAMES : GROUP_NAMES.slice(0, 1);
    const allKeys = { ...COMMON_KEYS, ...keys };
    const { classpath, withReference, recorder } = this.#options;
    const bare = withReference
      ? await createReferenceService(directory, classpath, names, allKeys)
      : await createStrataService(directory, names, allKeys);
    const scm = (await recorder?.around(bare)) ?? bare;
    const cluster = new OzoneCluster(directory, classpath, scm, allKeys);
    this.#cluster = cluster;
    // Others use it only when all of this has come to its end.
    this.#surroundings = undefined;
    await scm.start();
    await cluster.whenLed();
    await cluster.exitSafeMode();
    this.#surroundings = surroundings;
    return cluster;
  }

  #bench(cluster: OzoneCluster): StepBench {
    return {
      cluster,
      golden: this.#golden,
      isReference: this.#options.withReference,
      note: (text) => this.#options.print(`  ${text}`),
      check: async (what, body) => {
        const startedMs = performance.now();
        try {
          await body();
          this.passed++;
          const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
          this.#options.print(`  passed: ${what} (${seconds} s)`);
        } catch (error) {
          this.#fail(what, error);
        }
      },
    };
  }

  #fail(what: string, error: unknown): void {
    this.failed++;
    const text = error instanceof Error ? error.message : String(error);
    this.#options.print(`  FAILED: ${what}`);
    for (const line of text.trimEnd().split("\n")) this.#options.print(`    ${line}`);
  }
}
