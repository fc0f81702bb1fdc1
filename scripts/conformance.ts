import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Command } from "commander";
import { confChangeSuite } from "../test/conformance/conf-change-suite.js";
import { interactionSuite } from "../test/conformance/interaction-suite.js";
import { quorumSuite } from "../test/conformance/quorum-suite.js";
import type { ScenarioFile, Suite, SuiteResult } from "../test/conformance/suite.js";
import { describeFailure, runSuite } from "../test/conformance/suite.js";

/** By the folder that holds their files. */
const SUITES: Readonly<Record<string, Suite>> = {
  quorum: quorumSuite,
  confchange: confChangeSuite,
  interaction: interactionSuite,
};

/** Beside the project, where its data from outside lies. */
const DEFAULT_DATA = "../shared/data/etcd-raft";

/** Runs every suite whose folder is in `directory`; undefined when none is. Throws the errors of node:fs. */
export function runConformance(directory: string, print: (line: string) => void): SuiteResult | undefined {
  const folders = readdirSync(directory);
  const total: SuiteResult = { passed: 0, failures: [] };
  let found = false;
  for (const [folder, suite] of Object.entries(SUITES)) {
    const files = folders.includes(folder) ? scenarioFiles(join(directory, folder)) : [];
    if (files.length === 0) {
      print(`${folder}: skipped (no files)`);
      continue;
    }
    found = true;
    const { passed, failures } = runSuite(suite, files);
    for (const failure of failures) print(describeFailure(failure));
    print(`${folder}: ${files.length} files, ${passed} passed, ${failures.length} failed`);
    total.passed += passed;
    total.failures.push(...failures);
  }
  return found ? total : undefined;
}

/** All `*.txt` below `directory` in order of their names. */
function scenarioFiles(directory: string): ScenarioFile[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".txt"))
    .sort()
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => ({ name: path, text: readFileSync(path, "utf8") }));
}

function main(): void {
  const program = new Command("conformance")
    .description("Runs etcd's data-driven Raft suites, which stay outside of this repository.")
    .option(
      "--data <directory>",
      `holds folders with *.txt files: ${Object.keys(SUITES).join(", ")}`,
      DEFAULT_DATA,
    )
    .parse();
  const { data } = program.opts<{ data: string }>();
  const result = resultOf(data);
  const { passed, failures } = result ?? { passed: 0, failures: [] };
  console.log(`${passed} passed, ${failures.length} failed`);
  if (result === undefined || failures.length > 0) process.exitCode = 1;
}

/** What cannot be read is an error of the caller, told without a stack. */
function resultOf(directory: string): SuiteResult | undefined {
  try {
    const result = runConformance(directory, console.log);
    if (result === undefined) console.error(`conformance: no scenario files in ${directory}`);
    return result;
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    const isMissing = error.code === "ENOENT" || error.code === "ENOTDIR";
    console.error(`conformance: ${isMissing ? `no such directory: ${directory}` : error.message}`);
    return undefined;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main();
