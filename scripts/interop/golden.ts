import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Told } from "./ozone-cluster.js";

const FOLDER = fileURLToPath(new URL("../../../test/golden/interop/", import.meta.url));

const SHOWN_LINES_MAX = 40;

/** Compares what programs print with what they printed with the reference, or records that. */
export class Golden {
  readonly #mayRecord: boolean;

  constructor(mayRecord: boolean) {
    this.#mayRecord = mayRecord;
  }

  /** Throws when the text of `name` is another one. What differs from run to run is masked by the caller. */
  check(name: string, text: string): void {
    const file = join(FOLDER, `${name}.txt`);
    if (this.#mayRecord) {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
      return;
    }
    if (!existsSync(file)) throw new Error(`nothing is recorded as ${name}`);
    const wanted = readFileSync(file, "utf8");
    if (text !== wanted) throw new Error(differences(wanted, text));
  }
}

/** What a program has told, without what differs from run to run and from machine to machine. */
export function masked(text: string): string {
  return text
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "<uuid>")
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, "<time>")
    .replaceAll(/\b1[67]\d{11}\b/g, "<epoch ms>")
    .replaceAll(/\b(\d{1,3}\.){3}\d{1,3}\b/g, "<ip>")
    .replaceAll(new RegExp(`\\b${hostname().replaceAll(/\W/g, "\\$&")}\\b`, "g"), "<host>")
    .replaceAll(/\blocalhost\b/g, "<host>")
    .replaceAll(/\b(1[2-9]|2\d|3[01])\d{3}\b/g, "<port>");
}

/** All that a command has told, masked. */
export function toldText({ code, out, log }: Told): string {
  return masked(`exit ${code}\n${isJson(out) ? sortedJson(out) : out}${complaints(log)}`);
}

function isJson(text: string): boolean {
  return /^\s*[[{]/.test(text);
}

/** The order of fields in an object is another one from run to run of the same Java program. */
function sortedJson(text: string): string {
  const sorted = (_: string, value: unknown): unknown =>
    value === null || typeof value !== "object" || Array.isArray(value)
      ? value
      : Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  return `${JSON.stringify(JSON.parse(text), sorted, 2)}\n`;
}

/** Lines of the error stream that are not of the program's log. */
function complaints(log: string): string {
  const lines = log
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^(\d{4}-\d\d-\d\d |\tat )/.test(line));
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}

/** Lines that only one of both has: `-` the reference, `+` what was found. */
export function differences(wanted: string, found: string): string {
  const before = wanted.split("\n");
  const after = found.split("\n");
  const common = commonLengths(before, after);
  const lines: string[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    if (i < before.length && before[i] === after[j]) [i, j] = [i + 1, j + 1];
    else if (j === after.length || (i < before.length && at(common, i + 1, j) >= at(common, i, j + 1)))
      lines.push(`- ${before[i++]}`);
    else lines.push(`+ ${after[j++]}`);
  }
  return ["differs from the reference (-)", ...lines.slice(0, SHOWN_LINES_MAX)].join("\n");
}

/** Of the longest common part of what follows line i of one and line j of the other. */
function commonLengths(before: readonly string[], after: readonly string[]): number[][] {
  const table = before.map(() => new Array<number>(after.length + 1).fill(0));
  table.push(new Array<number>(after.length + 1).fill(0));
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      const longest =
        before[i] === after[j]
          ? at(table, i + 1, j + 1) + 1
          : Math.max(at(table, i + 1, j), at(table, i, j + 1));
      table[i]?.splice(j, 1, longest);
    }
  }
  return table;
}

function at(table: readonly (readonly number[])[], i: number, j: number): number {
  return table[i]?.[j] ?? 0;
}
