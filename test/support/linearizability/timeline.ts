import { assert } from "../../../engine/core/assert.js";
import type { Call, Partition } from "./history.js";

/** A history drawn as text, a line each call; `|` where it was asked for and where it was answered, `?` for
 * the end of one that never was. Every line is a client.
 *
 *   write true |--|             reserve 5→1 |--|       (the first number)
 *   read true     |--?          change 4→6 |--|        (done at version 4, now 6)
 *   read 6:a,b |--|             change 4→x6 |--|       (refused, the version is 6) */
export function calls(lines: readonly string[]): Call[] {
  return lines.map((line, client) => {
    const match = /^(.*?) +(\|-*[|?])$/.exec(line);
    assert(match !== null, `${line} is no call`);
    const [, text = "", bar = ""] = match;
    const invokedAt = line.length - bar.length;
    const returnedAt = bar.endsWith("?") ? undefined : line.length - 1;
    return { client, invokedAt, returnedAt, ...operationOf(text) };
  });
}

export function partition(model: string, initialState: unknown, calls: readonly Call[]): Partition {
  return { name: "it", model, initialState, calls };
}

function operationOf(text: string): Pick<Call, "operation" | "answer"> {
  const [verb = "", rest = ""] = text.split(" ");
  const [asked = "", answered] = rest.split("→");
  if (verb === "write") return { operation: { write: JSON.parse(rest) } };
  if (verb === "read") return { operation: { read: true }, answer: readAnswer(rest) };
  if (verb === "reserve") {
    const operation = { reserve: Number(asked) };
    return answered === undefined ? { operation } : { operation, answer: Number(answered) };
  }
  assert(verb === "change", `${verb} is no operation`);
  const operation = { change: Number(asked) };
  if (answered === undefined) return { operation };
  const refused = answered.startsWith("x");
  return { operation, answer: { refused, version: Number(answered.replace("x", "")) } };
}

function readAnswer(text: string): unknown {
  const [version, members] = text.split(":");
  return members === undefined ? JSON.parse(text) : { version: Number(version), members };
}
