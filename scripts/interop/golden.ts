import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Told } from "./ozone-cluster.js";

const FOLDER = fileURLToPath(new URL("../../../test/golden/interop/", import.meta.url));

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
  return masked(`exit ${code}\n${out}${complaints(log)}`);
}

/** Lines of the error stream that are not of the program's log. */
function complaints(log: string): string {
  const lines = log
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^(\d{4}-\d\d-\d\d |\tat )/.test(line));
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}

function differences(wanted: string, found: string): string {
  const before = wanted.split("\n");
  const after = found.split("\n");
  const lines: string[] = [];
  for (let i = 0; i < Math.max(before.length, after.length); i++) {
    if (before[i] === after[i]) continue;
    if (before[i] !== undefined) lines.push(`line ${i + 1} reference: ${before[i]}`);
    if (after[i] !== undefined) lines.push(`line ${i + 1} here:      ${after[i]}`);
  }
  return `differs from the reference\n${lines.slice(0, 40).join("\n")}`;
}
