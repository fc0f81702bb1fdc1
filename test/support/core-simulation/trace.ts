import type { Message } from "../../../engine/raft/message.js";
import { MESSAGE_KIND } from "../../../engine/raft/message.js";
import type { TraceEvent } from "../../../engine/raft/trace.js";
import { mix } from "./chain.js";
import type { EventQueue } from "./event-queue.js";
import { TICK_UNITS } from "./event-queue.js";

/** Events kept for the report of a failure. */
const LAST_EVENTS = 2_000;

/** A message, what the core said of itself, or words. */
type What = Message | TraceEvent | string;

const KIND_NAMES = new Map<number, string>(
  Object.entries(MESSAGE_KIND).map(([name, kind]) => [kind, name.toLowerCase().replaceAll("_", " ")]),
);

/** What happened, in order: the last events as data that are only put into words for a reader, and a digest
 * over all, which says whether two runs were alike. */
export class CoreTrace {
  readonly #queue: EventQueue;
  readonly #onLine: ((line: string) => void) | undefined;
  readonly #times = new Float64Array(LAST_EVENTS);
  readonly #ids = new Int32Array(LAST_EVENTS);
  readonly #whats: What[] = new Array(LAST_EVENTS).fill("");
  #count = 0;
  #digest = 0;

  /** `onLine` gets each line as it happens. */
  constructor(queue: EventQueue, onLine?: (line: string) => void) {
    this.#queue = queue;
    this.#onLine = onLine;
  }

  get digest(): string {
    return (this.#digest >>> 0).toString(16).padStart(8, "0");
  }

  /** Replica `id` took `message`, which came from the network or from its own storage. */
  message(id: number, message: Message): void {
    this.#digest = mix(mix(this.#digest, this.#queue.now), message.kind | (id << 8) | (message.from << 16));
    this.#digest = mix(this.#digest, message.term);
    this.#keep(id, message);
  }

  /** The core of replica `id` told something. */
  told(id: number, event: TraceEvent): void {
    this.#keep(id, event);
  }

  /** A number that two equal runs have in common. */
  sum(value: number): void {
    this.#digest = mix(this.#digest, value);
  }

  /** Anything rare, `id` 0 = the world. */
  words(id: number, words: string): void {
    this.#digest = mix(mix(this.#digest, this.#queue.now), id);
    this.#keep(id, words);
  }

  lastLines(): readonly string[] {
    const lines: string[] = [];
    for (let i = Math.max(0, this.#count - LAST_EVENTS); i < this.#count; i++) {
      const at = i % LAST_EVENTS;
      lines.push(lineOf(this.#times[at] ?? 0, this.#ids[at] ?? 0, this.#whats[at] ?? ""));
    }
    return lines;
  }

  #keep(id: number, what: What): void {
    const { now } = this.#queue;
    const at = this.#count++ % LAST_EVENTS;
    this.#times[at] = now;
    this.#ids[at] = id;
    this.#whats[at] = what;
    this.#onLine?.(lineOf(now, id, what));
  }
}

function lineOf(time: number, id: number, what: What): string {
  const who = id === 0 ? "-" : `${id}`;
  return `${(time / TICK_UNITS).toFixed(2).padStart(9)} ${who.padStart(2)} ${textOf(what)}`;
}

function textOf(what: What): string {
  if (typeof what === "string") return what;
  if (typeof what.kind === "number") return messageText(what as Message);
  const { kind, ...fields } = what as TraceEvent;
  return `· ${kind} ${fieldsText(fields)}`;
}

/** Without what is as usual: fields that are zero, false or empty. */
export function messageText(message: Message): string {
  const { kind, from, term, ...fields } = message;
  const { to: _, ...rest } = fields;
  return `◂ ${KIND_NAMES.get(kind)} from ${fromText(from)} t${term} ${fieldsText(rest)}`;
}

function fromText(from: number): string {
  return from > 1_000 ? "storage" : `${from}`;
}

function fieldsText(fields: object): string {
  const parts = Object.entries(fields).flatMap(([name, value]) => {
    const text = valueText(value);
    return text === undefined ? [] : [`${name}=${text}`];
  });
  return parts.join(" ");
}

function valueText(value: unknown): string | undefined {
  if (value === undefined || value === 0 || value === false) return undefined;
  if (value === true) return "yes";
  if (typeof value !== "object" || value === null) return String(value);
  if (value instanceof Uint8Array) return value.length === 0 ? undefined : `${value.length}B`;
  if (Array.isArray(value)) return listText(value);
  if ("index" in value && "term" in value && !("payload" in value)) return `${value.term}/${value.index}`;
  return `{${fieldsText(value)}}`;
}

function listText(values: readonly unknown[]): string | undefined {
  const first = values[0];
  if (first === undefined) return undefined;
  if (typeof first !== "object" || first === null) return `(${values.join(" ")})`;
  if ("index" in first && "term" in first) {
    const last = values.at(-1) as { index: number };
    return `${first.term}/${first.index}…${last.index}`;
  }
  return `[${values.map((value) => valueText(value) ?? "-").join(", ")}]`;
}
