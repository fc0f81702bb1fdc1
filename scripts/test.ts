/** The test runner: `npm test` runs linter, tidy and every test; `npm test -- ring log` only the test files
 * whose path contains one of the words. Node 20 takes no patterns, Node 24 no folders: files are passed. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";

export type Counts = { passed: number; failed: number; skipped: number };

const TEST_ROOT = "dist/test";
const FILES_AT_ONCE = 2;

/** Counts from the summary at the end of the runner's TAP output; undefined when it has none. */
export function countsOf(tap: string): Counts | undefined {
  const last = (word: string): number | undefined => {
    const found = [...tap.matchAll(new RegExp(`^# ${word} (\\d+)$`, "gm"))].at(-1)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const [passed, failed, cancelled] = [last("pass"), last("fail"), last("cancelled")];
  if (passed === undefined || failed === undefined || cancelled === undefined) return undefined;
  return { passed, failed: failed + cancelled, skipped: (last("skipped") ?? 0) + (last("todo") ?? 0) };
}

/** The closing line: `N passed, N failed`, with `, N skipped` when some were. */
export function closingLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

/** Test files whose source path contains one of `filters`; all when there is none. */
export function selectFiles(files: readonly string[], filters: readonly string[]): string[] {
  if (filters.length === 0) return [...files];
  return files.filter((file) => filters.some((filter) => sourceOf(file).includes(filter)));
}

function sourceOf(file: string): string {
  return relative("dist", file).replace(/\.js$/, ".ts");
}

function testFiles(): string[] {
  const names = readdirSync(TEST_ROOT, { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => name.endsWith(".test.js"));
  return files.map((name) => join(TEST_ROOT, name)).sort();
}

/** Runs one check of the tree as if it were a test. */
function check(name: string, args: readonly string[]): Counts {
  const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
  console.log(`${status === 0 ? "✔" : "✖"} ${name}`);
  return { passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1, skipped: 0 };
}

function runTests(files: readonly string[]): Counts {
  const folder = mkdtempSync(join(tmpdir(), "strata-test-"));
  try {
    const tap = join(folder, "tap");
    const reporters = ["--test-reporter=spec", "--test-reporter-destination=stdout"];
    reporters.push("--test-reporter=tap", `--test-reporter-destination=${tap}`);
    const args = ["--test", ...reporters, `--test-concurrency=${FILES_AT_ONCE}`, ...files];
    const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
    const counts = countsOf(readFileSync(tap, "utf8")) ?? { passed: 0, failed: 1, skipped: 0 };
    return status !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function main(filters: readonly string[]): number {
  const results: Counts[] = [];
  if (filters.length === 0) {
    const lint = ["node_modules/@biomejs/biome/bin/biome", "ci", "--error-on-warnings", "--colors=off", "."];
    results.push(check("lint (biome ci)", lint));
    results.push(check("tidy", ["dist/scripts/tidy.js"]));
  }
  const files = selectFiles(testFiles(), filters);
  if (files.length === 0) {
    console.error(`no test file matches: ${filters.join(" ")}`);
    return 1;
  }
  results.push(runTests(files));
  const total: Counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { passed, failed, skipped } of results) {
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped;
  }
  console.log(closingLine(total));
  return total.failed === 0 ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  process.exitCode = main(process.argv.slice(2));
}
