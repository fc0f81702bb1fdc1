import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatValue } from "./figure.js";

interface RunResult {
  readonly figures: readonly { readonly name: string; readonly value: number; readonly unit: string }[];
}

/** Builds `revision` in a temporary worktree and alternates it with this tree (A B A B): only the ratio
 * within one run says which is faster. Prints one line a figure. */
export function runVersus(name: string, revision: string, print: (line: string) => void): void {
  const root = execFileSync("git", ["rev-parse", "--show-toplevel"], { encoding: "utf8" }).trim();
  const other = mkdtempSync(join(tmpdir(), "strata-versus-"));
  execFileSync("git", ["worktree", "add", "--detach", "--force", other, revision], {
    cwd: root,
    stdio: "ignore",
  });
  try {
    execFileSync("node", ["scripts/setup.mjs"], { cwd: other, stdio: "inherit" });
    const here: RunResult[] = [];
    const there: RunResult[] = [];
    for (let round = 0; round < 2; round++) {
      here.push(runOnce(root, name, print, `A${round + 1} (this tree)`));
      there.push(runOnce(other, name, print, `B${round + 1} (${revision})`));
    }
    printRatios(here, there, print);
  } finally {
    execFileSync("git", ["worktree", "remove", "--force", other], { cwd: root, stdio: "ignore" });
    rmSync(other, { recursive: true, force: true });
  }
}

function runOnce(directory: string, name: string, print: (line: string) => void, label: string): RunResult {
  print(`${label} …`);
  const file = join(mkdtempSync(join(tmpdir(), "strata-versus-result-")), "result.json");
  try {
    execFileSync("node", ["dist/bench/main.js", name, "--json", file], { cwd: directory, stdio: "ignore" });
    return JSON.parse(readFileSync(file, "utf8")) as RunResult;
  } finally {
    rmSync(join(file, ".."), { recursive: true, force: true });
  }
}

function printRatios(
  here: readonly RunResult[],
  there: readonly RunResult[],
  print: (line: string) => void,
): void {
  for (const figure of here[0]?.figures ?? []) {
    const mine = mean(here, figure.name);
    const theirs = mean(there, figure.name);
    if (mine === undefined || theirs === undefined) continue;
    const values = `A ${formatValue(mine)} B ${formatValue(theirs)} ${figure.unit}`;
    print(`ratio ${figure.name} A/B ${formatValue(mine / theirs)} (${values})`);
  }
}

function mean(results: readonly RunResult[], name: string): number | undefined {
  const values = results.flatMap((result) =>
    result.figures.filter((f) => f.name === name).map((f) => f.value),
  );
  return values.length === 0 ? undefined : values.reduce((a, b) => a + b, 0) / values.length;
}
