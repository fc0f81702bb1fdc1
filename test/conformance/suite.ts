import type { Directive } from "./datadriven.js";
import { parseDirectives } from "./datadriven.js";
import { lineDiff } from "./line-diff.js";
import { ScenarioError } from "./scenario-errors.js";

/** What runs the directives of one file, with state from one to the next. Answers the output; when it throws,
 * the directive has failed, whatever was expected. */
export type FileRunner = (directive: Directive) => string;

/** A kind of scenario files; each file gets a fresh runner. */
export type Suite = () => FileRunner;

/** Thrown by a runner to keep the output up to an error that is none of the scenario's. */
export class BrokenOffError extends Error {
  override readonly name = "BrokenOffError";
  readonly output: string;

  constructor(output: string, cause: unknown) {
    super("the directive was broken off", { cause });
    this.output = output;
  }
}

export interface Failure {
  readonly file: string;
  readonly line: number;
  /** What was wrong, in one or more lines, each with a line feed. */
  readonly description: string;
}

export interface SuiteResult {
  passed: number;
  readonly failures: Failure[];
}

export interface ScenarioFile {
  readonly name: string;
  readonly text: string;
}

/** Runs all directives of `files`. What cannot be read as a directive is a failure too. */
export function runSuite(suite: Suite, files: readonly ScenarioFile[]): SuiteResult {
  const result: SuiteResult = { passed: 0, failures: [] };
  for (const file of files) {
    const run = suite();
    for (const item of parseDirectives(file.text)) {
      const description = "fault" in item ? `${item.source}\n${item.fault}\n` : difference(run, item);
      if (description === undefined) result.passed++;
      else result.failures.push({ file: file.name, line: item.line, description });
    }
  }
  return result;
}

export function describeFailure({ file, line, description }: Failure): string {
  return `${file}:${line}: ${description}`;
}

/** Undefined when the output is the expected one. */
function difference(run: FileRunner, directive: Directive): string | undefined {
  const { source, expected } = directive;
  try {
    const actual = withLineFeed(run(directive));
    return actual === expected ? undefined : `${source}\n${lineDiff(expected, actual)}`;
  } catch (error) {
    const [output, cause] = error instanceof BrokenOffError ? [error.output, error.cause] : ["", error];
    return `${source}\n${lineDiff(expected, withLineFeed(output))}broken off: ${reasonText(cause)}\n`;
  }
}

function reasonText(cause: unknown): string {
  if (cause instanceof ScenarioError) return cause.message;
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
}

function withLineFeed(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}
