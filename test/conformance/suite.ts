import type { Directive } from "./datadriven.js";
import { parseDirectives } from "./datadriven.js";

/** What runs the directives of one file, with state from one to the next. Answers the output. */
export type FileRunner = (directive: Directive) => string;

/** A kind of scenario files; each file gets a fresh runner. */
export type Suite = () => FileRunner;

export interface Failure {
  readonly file: string;
  readonly directive: Directive;
  readonly actual: string;
}

export interface SuiteResult {
  passed: number;
  readonly failures: Failure[];
}

/** Runs all directives of `files`, given with their texts. */
export function runSuite(
  suite: Suite,
  files: readonly { readonly name: string; readonly text: string }[],
): SuiteResult {
  const result: SuiteResult = { passed: 0, failures: [] };
  for (const { name, text } of files) {
    const run = suite();
    for (const directive of parseDirectives(text)) {
      const output = run(directive);
      const actual = output === "" || output.endsWith("\n") ? output : `${output}\n`;
      if (actual === directive.expected) result.passed++;
      else result.failures.push({ file: name, directive, actual });
    }
  }
  return result;
}

export function describeFailure({ file, directive, actual }: Failure): string {
  const { line, command, args, expected } = directive;
  const shown = args.map(({ key, values }) => ` ${key}${values.length > 0 ? `=(${values.join(",")})` : ""}`);
  return `${file}:${line}: ${command}${shown.join("")}\nexpected:\n${expected}actual:\n${actual}`;
}
