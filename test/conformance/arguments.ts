import type { Argument, Directive } from "./datadriven.js";
import { ScenarioError } from "./scenario-errors.js";

/** Values of a directive's arguments. What does not fit throws ScenarioError: the scenario itself is wrong
 * then. */

export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new ScenarioError(`not a whole number: ${text}`);
  return value;
}

export function truthValue(text: string): boolean {
  if (/^(1|t|T|TRUE|true|True)$/.test(text)) return true;
  if (/^(0|f|F|FALSE|false|False)$/.test(text)) return false;
  throw new ScenarioError(`not a truth value: ${text}`);
}

/** The argument at `position`, which must have no value. */
export function wordAt(directive: Directive, position: number): string {
  const argument = directive.args[position];
  if (argument === undefined || argument.values.length > 0) {
    throw new ScenarioError(`${directive.command} needs a word as argument ${position + 1}`);
  }
  return argument.key;
}

/** All arguments without value. */
export function numbersOf({ args }: Directive): number[] {
  return args.filter((argument) => argument.values.length === 0).map(({ key }) => wholeNumber(key));
}

/** The one value of argument `key`. */
export function numberNamed({ command, args }: Directive, key: string): number {
  const [value] = args.find((argument) => argument.key === key)?.values ?? [];
  if (value === undefined) throw new ScenarioError(`${command} needs ${key}=NUMBER`);
  return wholeNumber(value);
}

/** Each value of each argument with its key. */
export function keyedValues(args: readonly Argument[]): (readonly [key: string, value: string])[] {
  return args.flatMap(({ key, values }) => values.map((value) => [key, value] as const));
}
