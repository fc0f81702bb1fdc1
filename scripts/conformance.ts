/** Runs etcd's data-driven Raft suites, which stay outside of this repository: `npm run conformance --
 * --data DIR`, where DIR holds the folders `quorum` and `confchange` with their `*.txt` files. Closing
 * line: `N passed, M failed`, where each directive counts. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { confChangeSuite } from "../test/conformance/conf-change-suite.js";
import { quorumSuite } from "../test/conformance/quorum-suite.js";
import { describeFailure, runSuite, type Suite, type SuiteResult } from "../test/conformance/suite.js";

const SUITES: Readonly<Record<string, Suite>> = { quorum: quorumSuite, confchange: confChangeSuite };

/** Runs every suite whose folder is in `directory`; undefined when none is. */
export function runConformance(directory: string, print: (line: string) => void): SuiteResult | undefined {
  const total: SuiteResult = { passed: 0, failures: [] };
  let found = false;
  for (const [folder, suite] of Object.entries(SUITES)) {
    const files = scenarioFiles(join(directory, folder));
    if (files.length === 0) continue;
    found = true;
    const { passed, failures } = runSuite(suite, files);
    print(`${folder}: ${files.length} files, ${passed} passed, ${failures.length} failed`);
    for (const failure of failures) print(describeFailure(failure));
    total.passed += passed;
    total.failures.push(...failures);
  }
  return found ? total : undefined;
}

/** All scenarios below `directory` in order of their names. */
function scenarioFiles(directory: string): { name: string; text: string }[] {
  if (!existsSync(directory)) return [];
  const names = readdirSync(directory, { recursive: true, encoding: "utf8" });
  return names
    .filter((name) => name.endsWith(".txt"))
    .sort()
    .map((name) => ({ name, text: readFileSync(join(directory, name), "utf8") }));
}

function main(): void {
  const { values } = parseArgs({ options: { data: { type: "string" } } });
  if (values.data === undefined) {
    console.error("usage: npm run conformance -- --data DIR");
    process.exitCode = 64;
    return;
  }
  const result = runConformance(values.data, console.log);
  if (result === undefined) console.log("skipped (no data)");
  const { passed, failures } = result ?? { passed: 0, failures: [] };
  console.log(`${passed} passed, ${failures.length} failed`);
  if (failures.length > 0) process.exitCode = 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main();
