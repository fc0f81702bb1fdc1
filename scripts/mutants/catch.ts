import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { Catcher } from "../../test/mutants/mutant.js";
import { type Ended, runNode } from "./run-node.js";

/** A hung test counts as a failed one. */
const TEST_LIMIT_MS = 120_000;
/** In any tree. */
const PLAY_SEEDS = relative(".", fileURLToPath(new URL("./play-seeds.js", import.meta.url)));

/** What a catcher made of the tree. */
export type Verdict =
  /** It failed; `detail` is what it said. */
  | { readonly kind: "caught"; readonly detail: string; readonly ms: number }
  | { readonly kind: "passed"; readonly ms: number }
  | { readonly kind: "timedOut"; readonly ms: number };

/** The command that does the same by hand in a tree with the mutant. */
export function commandOf(catcher: Catcher): string {
  switch (catcher.kind) {
    case "tests":
      return `npm test -- ${catcher.files.join(" ")}`;
    case "coreSeeds":
      return `npm run sim -- --core --first-seed ${catcher.first} --seeds ${catcher.count}`;
    case "systemSeeds":
      return `npm run sim -- --first-seed ${catcher.first} --seeds ${catcher.count}`;
    case "diskFaults":
      return `npm run disk-faults -- --only ${catcher.only} --seed ${catcher.seed}`;
    case "kill9":
      return `npm run kill9 -- --times ${catcher.times} --seed ${catcher.seed}`;
  }
}

/** Runs `catcher` in the built tree at `directory`. */
export async function tryCatcher(catcher: Catcher, directory: string, limitMs: number): Promise<Verdict> {
  const startedMs = performance.now();
  const ended = await runNode(argumentsOf(catcher), directory, limitMs);
  const ms = performance.now() - startedMs;
  if (ended.isTimedOut) return { kind: "timedOut", ms };
  if (ended.code === 0) return { kind: "passed", ms };
  return { kind: "caught", detail: detailOf(catcher, ended), ms };
}

function argumentsOf(catcher: Catcher): string[] {
  switch (catcher.kind) {
    case "tests": {
      const files = catcher.files.map((file) => `dist/${file.replace(/\.ts$/, ".js")}`);
      return ["--test", "--test-reporter=tap", `--test-timeout=${TEST_LIMIT_MS}`, ...files];
    }
    case "coreSeeds":
      return [PLAY_SEEDS, "core", `${catcher.first}`, `${catcher.count}`];
    case "systemSeeds":
      return [PLAY_SEEDS, "system", `${catcher.first}`, `${catcher.count}`];
    case "diskFaults":
      return ["dist/scripts/disk-faults.js", "--only", catcher.only, "--seed", `${catcher.seed}`];
    case "kill9":
      return ["dist/scripts/kill9.js", "--times", `${catcher.times}`, "--seed", `${catcher.seed}`];
  }
}

const DETAIL_CHARACTERS_MAX = 100;

/** In a line: the first test that failed and why, or what was printed about the first failure. */
export function detailOf({ kind }: Catcher, { output }: Ended): string {
  const lines = output.split("\n").map((line) => line.trim());
  const detail = kind === "tests" ? firstFailedTest(lines) : lines.find((line) => isFailure(line));
  const text = detail ?? lines.filter((line) => line !== "").at(-1) ?? "";
  return text.length > DETAIL_CHARACTERS_MAX ? `${text.slice(0, DETAIL_CHARACTERS_MAX)}…` : text;
}

/** In TAP a test comes before the file or suite that it fails with it. */
function firstFailedTest(lines: readonly string[]): string | undefined {
  const name = lines
    .map((line) => /^not ok \d+ - (.*)$/.exec(line)?.[1])
    .find((found) => found !== undefined);
  return name?.replaceAll("\\#", "#");
}

function isFailure(line: string): boolean {
  return /^(seed \d+:|FAILED)/i.test(line) || line.startsWith("✖");
}
