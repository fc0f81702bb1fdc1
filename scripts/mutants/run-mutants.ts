import type { Catcher, Mutant } from "../../test/mutants/mutant.js";
import { commandOf, tryCatcher, type Verdict } from "./catch.js";
import { TreeCopy } from "./tree-copy.js";

export interface MutantsOptions {
  readonly mutants: readonly Mutant[];
  /** Goes on with the other catchers of a mutant after one has caught it. */
  readonly all: boolean;
  readonly print: (line: string) => void;
}

/** What became of one mutant. */
export interface MutantResult {
  readonly name: string;
  readonly bug: string;
  readonly source: string;
  /** The commands that were tried, in order. */
  readonly tried: readonly {
    readonly command: string;
    readonly kind: Verdict["kind"];
    readonly detail?: string;
    readonly seconds: number;
  }[];
  /** Undefined when nothing is wrong with the mutant itself. */
  readonly error?: string;
  readonly isCaught: boolean;
}

/** The whole tree gets more time than with a mutant in it, which ends with the first failure. */
const UNCHANGED_LIMIT_MS = 300_000;

/** Puts each mutant into a copy of the tree at `root` and looks who notices. Throws when a catcher fails
 * without any of them. Nothing is left behind. */
export async function runMutants(root: string, options: MutantsOptions): Promise<MutantResult[]> {
  const { mutants, print } = options;
  const copy = await TreeCopy.create(root);
  const clean = (): void => copy.remove();
  process.once("exit", clean);
  try {
    await checkUnchanged(copy, mutants, print);
    const results: MutantResult[] = [];
    for (const mutant of mutants) {
      const result = await tryMutant(copy, mutant, options.all);
      results.push(result);
      for (const line of linesOf(result)) print(line);
    }
    return results;
  } finally {
    clean();
    process.off("exit", clean);
  }
}

/** What fails anyway catches nothing. */
async function checkUnchanged(
  copy: TreeCopy,
  mutants: readonly Mutant[],
  print: (line: string) => void,
): Promise<void> {
  const catchers = allCatchers(mutants);
  const startedMs = performance.now();
  for (const catcher of catchers) {
    const verdict = await tryCatcher(catcher, copy.directory, UNCHANGED_LIMIT_MS);
    if (verdict.kind === "passed") continue;
    const what = verdict.kind === "caught" ? verdict.detail : "it does not end";
    throw new Error(`the tree itself fails ${commandOf(catcher)}: ${what}`);
  }
  print(`without a mutant: ${catchers.length} catchers pass in ${seconds(performance.now() - startedMs)} s`);
}

/** Each once: all test files together, and of seeds from the same one on the longest row. */
export function allCatchers(mutants: readonly Mutant[]): Catcher[] {
  const files = new Set<string>();
  const others = new Map<string, Catcher>();
  for (const catcher of mutants.flatMap((mutant) => mutant.catchers)) {
    if (catcher.kind === "tests") {
      for (const file of catcher.files) files.add(file);
    } else if (catcher.kind === "coreSeeds" || catcher.kind === "systemSeeds") {
      const key = `${catcher.kind} ${catcher.first}`;
      const known = others.get(key);
      if (known?.kind !== catcher.kind || known.count < catcher.count) others.set(key, catcher);
    } else {
      others.set(commandOf(catcher), catcher);
    }
  }
  const tests: Catcher[] = files.size === 0 ? [] : [{ kind: "tests", files: [...files].sort() }];
  return [...tests, ...others.values()];
}

async function tryMutant(copy: TreeCopy, mutant: Mutant, all: boolean): Promise<MutantResult> {
  const { name, bug, source } = mutant;
  const tried: MutantResult["tried"][number][] = [];
  const isCaught = (): boolean => tried.some(({ kind }) => kind === "caught");
  let leftMs = mutant.budgetSeconds * 1000;
  try {
    await copy.with(mutant, async () => {
      for (const catcher of mutant.catchers) {
        if (leftMs <= 0 || (isCaught() && !all)) return;
        const verdict = await tryCatcher(catcher, copy.directory, leftMs);
        leftMs -= verdict.ms;
        const { kind, ms } = verdict;
        const detail = kind === "caught" ? { detail: verdict.detail } : {};
        tried.push({ command: commandOf(catcher), kind, ...detail, seconds: seconds(ms) });
      }
    });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { name, bug, source, tried, error: text, isCaught: false };
  }
  return { name, bug, source, tried, isCaught: isCaught() };
}

/** What is printed of a mutant. */
export function linesOf({ name, bug, source, tried, error, isCaught }: MutantResult): string[] {
  const title = `${isCaught ? "caught" : "NOT CAUGHT"} ${name}: ${bug} [${source}]`;
  const lines = tried.map(({ command, kind, detail, seconds: time }) => {
    const said = detail === undefined ? "" : `: ${detail}`;
    return `  ${kind === "timedOut" ? "too slow" : kind} in ${time} s by ${command}${said}`;
  });
  return [title, ...lines, ...(error === undefined ? [] : [`  ${error}`])];
}

function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
