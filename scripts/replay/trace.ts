import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { parseUuid, uuidFromHalves } from "../../engine/core/uuid.js";

/** A JSON value of the trace. Its shape is the reference's protobuf messages, field names as in the .proto
 * files. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json | undefined;
}

export interface TraceLine {
  readonly atMs: number;
  readonly where: string;
  /** `scm-started`, `scm-stopped`, or undefined for an RPC. */
  readonly event: string | undefined;
  readonly caller: string;
  readonly service: string;
  readonly type: string;
  readonly request: JsonObject;
  /** Undefined when the call failed. */
  readonly response: JsonObject | undefined;
}

export interface Scene {
  readonly name: string;
  readonly lines: readonly TraceLine[];
}

/** One run from an empty SCM: its scenes follow one another by time. */
export interface Run {
  readonly name: string;
  readonly scenes: readonly Scene[];
}

/** Reads what the command line names: a folder is one run of all its `*.ndjson` files and one run for each
 * sub-folder that has some; files of one folder named one by one are one run too. Throws Error with file
 * and line on bad input. */
export function readRuns(paths: readonly string[]): Run[] {
  const runs: Run[] = [];
  const filesByFolder = new Map<string, string[]>();
  for (const path of paths) {
    if (statSync(path).isDirectory()) {
      const found = readFolder(path);
      if (found.length === 0) throw new Error(`${path}: holds no *.ndjson file with a call`);
      runs.push(...found);
    } else filesByFolder.set(dirname(path), [...(filesByFolder.get(dirname(path)) ?? []), path]);
  }
  for (const [folder, files] of filesByFolder) runs.push(readRun(folder, files));
  return runs.filter((run) => run.scenes.length > 0);
}

function readFolder(folder: string): Run[] {
  const runs: Run[] = [];
  const names = readdirSync(folder).sort();
  const files = names.filter((name) => name.endsWith(".ndjson")).map((name) => join(folder, name));
  if (files.length > 0) runs.push(readRun(folder, files));
  for (const name of names) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) runs.push(...readFolder(path));
  }
  return runs.filter((run) => run.scenes.length > 0);
}

function readRun(folder: string, files: readonly string[]): Run {
  const scenes = files.map(readScene).filter((scene) => scene.lines.length > 0);
  scenes.sort((a, b) => (a.lines[0] as TraceLine).atMs - (b.lines[0] as TraceLine).atMs);
  return { name: basename(resolve(folder)), scenes };
}

function readScene(file: string): Scene {
  const lines: TraceLine[] = [];
  readFileSync(file, "utf8")
    .split("\n")
    .forEach((text, index) => {
      if (text.trim() !== "") lines.push(parseLine(text, `${basename(file)}:${index + 1}`));
    });
  // Order of arrival, by time: the files are written so, and a stable sort keeps equal times in place.
  lines.sort((a, b) => a.atMs - b.atMs);
  return { name: basename(file, ".ndjson"), lines: settleStops(lines) };
}

/** The moment of `scm-stopped` is known to a few seconds only, and may stand before the last calls that the
 * stopping SCM answered: heartbeats of datanodes that it knew. It moves behind them. */
function settleStops(lines: readonly TraceLine[]): TraceLine[] {
  const settled = [...lines];
  for (let at = settled.length - 1; at >= 0; at--) {
    const stop = settled[at] as TraceLine;
    if (stop.event !== "scm-stopped") continue;
    const last = lastAnswerOfTheStopping(settled, at);
    if (last === at) continue;
    settled.splice(at, 1);
    settled.splice(last, 0, { ...stop, atMs: (settled[last - 1] as TraceLine).atMs });
  }
  return settled;
}

function lastAnswerOfTheStopping(lines: readonly TraceLine[], stopAt: number): number {
  const registered = new Set<string>();
  let last = stopAt;
  for (let at = stopAt + 1; at < lines.length && lines[at]?.event === undefined; at++) {
    const { request, response } = lines[at] as TraceLine;
    const details = object(object(request["registerRequest"])["extendedDatanodeDetails"])["datanodeDetails"];
    if (details !== undefined) registered.add(uuidText(object(details)));
    const beat = request["sendHeartbeatRequest"];
    if (beat === undefined || response === undefined) continue;
    if (registered.has(uuidText(object(object(beat)["datanodeDetails"])))) continue;
    const commands = objects(object(response["sendHeartbeatResponse"])["commands"]);
    if (!commands.some((command) => command["commandType"] === "reregisterCommand")) last = at;
  }
  return last;
}

function parseLine(text: string, where: string): TraceLine {
  let value: JsonObject;
  try {
    value = object(JSON.parse(text) as Json);
  } catch (error) {
    throw new Error(`${where}: not a JSON object`, { cause: error });
  }
  const atMs = value["t_ms"];
  if (typeof atMs !== "number") throw new Error(`${where}: t_ms is missing`);
  const event = value["event"];
  return {
    atMs,
    where,
    event: typeof event === "string" ? event : undefined,
    caller: string(value["caller"]),
    service: string(value["service"]),
    type: string(value["type"]),
    request: object(value["request"]),
    response: value["response"] === undefined ? undefined : object(value["response"]),
  };
}

/** The object, or an empty one when the field is absent. */
export function object(value: Json | undefined): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

/** The list of objects, or an empty one when the field is absent. */
export function objects(value: Json | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.map(object) : [];
}

export function string(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

/** A number that may be written as a string; 0 when absent. */
export function number(value: Json | undefined): number {
  return typeof value === "number" ? value : typeof value === "string" ? Number(value) : 0;
}

/** A size or a count: what is below zero in the trace is zero in a protocol without signs. */
export function size(value: Json | undefined): number {
  return Math.max(0, number(value));
}

/** The UUID of a datanode's details or of a pipeline's id, which have it as text, as two halves, or both. */
export function uuidText(value: JsonObject): string {
  const text = string(value["uuid"]) || string(value["id"]);
  if (text !== "") return parseUuid(text) ?? text;
  const halves = object(value["uuid128"] ?? object(value["id"])["uuid"]);
  if (halves["mostSigBits"] === undefined) return "";
  return uuidFromHalves(uint64(halves["mostSigBits"]), uint64(halves["leastSigBits"]));
}

/** A 64-bit value, written as a number or as a string; 0 when absent. Negative ones wrap to unsigned. */
export function uint64(value: Json | undefined): bigint {
  if (typeof value === "number" || typeof value === "string") return BigInt.asUintN(64, BigInt(value));
  return 0n;
}

export function boolean(value: Json | undefined): boolean {
  return value === true;
}
