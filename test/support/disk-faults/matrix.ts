import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SeededRandom } from "../../../engine/core/random.js";
import { commandCases } from "./command-cases.js";
import { damageCases } from "./damage-cases.js";
import { CaseContext, type FaultCase, textOf } from "./fault-case.js";
import { fileCases } from "./file-cases.js";
import { injectedCases } from "./injected-cases.js";
import { permissionCases } from "./permission-cases.js";
import { rowCases } from "./row-cases.js";
import { Shim } from "./shim.js";
import { prepareSources, type Sources } from "./sources.js";
import { spaceCases } from "./space-cases.js";
import { tornCases } from "./torn-cases.js";
import { wholeCases } from "./whole-cases.js";

export interface MatrixOptions {
  /** About so many cases; the regions of files are sampled more densely for it, or kinds thinned out. All
   * cases of the standard density when left out. */
  readonly cases: number | undefined;
  readonly seed: number;
  /** Only cases whose kind or name contains this. */
  readonly only: string | undefined;
  readonly print: (line: string) => void;
}

export interface MatrixResult {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Cases that run side by side, each with its own directory and processes. */
const LANES = 2;
/** Seconds without a line would look like a hang. */
const PROGRESS_CASES = 50;

/** Runs the matrix in a temporary directory of its own, which is removed. */
export async function runMatrix(options: MatrixOptions): Promise<MatrixResult> {
  const root = mkdtempSync(join(tmpdir(), "strata-faults-"));
  try {
    const sources = await prepareSources(join(root, "sources"));
    const shim = Shim.build(root);
    const cases = await catalogue({ sources, shim, directory: join(root, "probe") }, options.cases);
    return await new Matrix(options, root, sources, cases).run();
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** All cases there are, with about `count` of them. */
async function catalogue(parts: CaseParts, count = 0): Promise<FaultCase[]> {
  const standard = await casesAt(parts, 1);
  if (count <= standard.length) return standard;
  return await casesAt(parts, count / standard.length);
}

interface CaseParts {
  readonly sources: Sources;
  readonly shim: Shim | undefined;
  /** For looking how things go without a fault. */
  readonly directory: string;
}

async function casesAt({ sources, shim, directory }: CaseParts, scale: number): Promise<FaultCase[]> {
  return [
    ...damageCases(sources, scale),
    ...rowCases(),
    ...tornCases(sources, scale),
    ...fileCases(sources),
    ...(await injectedCases(shim, sources, directory, scale)),
    ...spaceCases(),
    ...permissionCases(),
    ...wholeCases(shim),
    ...commandCases(),
  ];
}

/** Every kind keeps its share. */
export function thinOut(cases: readonly FaultCase[], count: number, seed: number): FaultCase[] {
  if (cases.length <= count) return [...cases];
  const random = new SeededRandom(seed);
  const kinds = new Set(cases.map(({ kind }) => kind));
  return [...kinds].flatMap((kind) => {
    const left = cases.filter((each) => each.kind === kind);
    const kept = Math.max(1, Math.round((left.length * count) / cases.length));
    return Array.from({ length: kept }, () => left.splice(random.below(left.length), 1)[0] as FaultCase);
  });
}

class Matrix {
  readonly #options: MatrixOptions;
  readonly #root: string;
  readonly #sources: Sources;
  readonly #all: readonly FaultCase[];
  /** kind → outcome → count. */
  readonly #table = new Map<string, Map<string, number>>();
  readonly #result = { passed: 0, failed: 0, skipped: 0 };

  constructor(options: MatrixOptions, root: string, sources: Sources, cases: readonly FaultCase[]) {
    this.#all = cases;
    this.#options = options;
    this.#root = root;
    this.#sources = sources;
  }

  async run(): Promise<MatrixResult> {
    const { cases, seed, only, print } = this.#options;
    const all = this.#all;
    const chosen =
      only === undefined
        ? thinOut(all, cases ?? all.length, seed)
        : all.filter(({ kind, name }) => kind.includes(only) || name.includes(only));
    print(`${chosen.length} cases, seed ${seed}`);
    const queue = chosen.values();
    const lanes = Array.from({ length: LANES }, (_, lane) => this.#lane(lane, queue, chosen.length));
    await Promise.all(lanes);
    this.#printTable();
    return this.#result;
  }

  async #lane(lane: number, queue: Iterator<FaultCase>, count: number): Promise<void> {
    const context = new CaseContext(this.#sources, join(this.#root, `lane-${lane}`));
    try {
      for (let next = queue.next(); next.done !== true; next = queue.next()) {
        await this.#run(context, next.value);
        const { passed, failed, skipped } = this.#result;
        const done = passed + failed + skipped;
        if (done % PROGRESS_CASES === 0) this.#options.print(`${done} of ${count}, ${failed} failed`);
      }
    } finally {
      await context.close();
    }
  }

  async #run(context: CaseContext, faultCase: FaultCase): Promise<void> {
    const { seed, print } = this.#options;
    const { kind, name } = faultCase;
    try {
      const outcome = await context.run(faultCase, seed);
      if (outcome.kind === "skipped") this.#result.skipped++;
      else this.#result.passed++;
      this.#count(kind, textOf(outcome));
    } catch (error) {
      this.#result.failed++;
      this.#count(kind, "FAILED");
      print(`FAILED ${name}: ${error instanceof Error ? error.message : String(error)}`);
      print(`  again: npm run disk-faults -- --seed ${seed} --only ${name}`);
    }
  }

  #count(kind: string, outcome: string): void {
    const outcomes = this.#table.get(kind) ?? new Map<string, number>();
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    this.#table.set(kind, outcomes);
  }

  #printTable(): void {
    const width = Math.max(0, ...[...this.#table.keys()].map((kind) => kind.length));
    for (const [kind, outcomes] of [...this.#table].sort()) {
      const text = [...outcomes].sort().map(([outcome, count]) => `${count} ${outcome}`);
      this.#options.print(`${kind.padEnd(width)}  ${text.join(", ")}`);
    }
  }
}
