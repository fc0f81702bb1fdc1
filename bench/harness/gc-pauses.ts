import { readFileSync } from "node:fs";

/** One event of V8's trace: `X` is whole, `B` and `E` are the two ends of one; times in µs. */
interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly tid: number;
  /** Since the machine started, as `process.hrtime` counts. */
  readonly ts: number;
  readonly dur: number;
  /** CPU time of the thread, at the event and in it. */
  readonly tts: number;
  readonly tdur: number;
}

/** What holds a thread, by V8's names. A whole-heap collection is marked in steps before it comes. */
const KINDS: Readonly<Record<string, string>> = {
  MinorGC: "scavenge",
  MajorGC: "mark-compact",
  "V8.GCIncrementalMarking": "marking step",
  "V8.GCIncrementalMarkingStart": "marking step",
};

export interface GcPause {
  readonly kind: string;
  /** The kernel's number of the thread that was held. */
  readonly threadId: number;
  /** By the clock: waiting for a core, or for another thread that waits for one, counts. */
  readonly ms: number;
  /** CPU time of the held thread: what the collection would have taken with a core of its own. */
  readonly cpuMs: number;
  readonly beganUs: number;
}

/** Options by which Node.js writes a trace of its collections when it ends. They go through the environment,
 * since threads refuse them. */
export function gcTraceOptions(file: string): string {
  return `--trace-event-categories=v8 --trace-event-file-pattern=${file}`;
}

/** Whole turns of the clock that events carry. */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** How long garbage collections held the threads of a process that has ended, from its trace. */
export class GcPauses {
  readonly #pauses: readonly GcPause[];

  /** @param trace JSON, as Node.js writes it */
  constructor(trace: string) {
    const { traceEvents } = JSON.parse(trace) as { readonly traceEvents: readonly TraceEvent[] };
    this.#pauses = pausesOf(traceEvents);
  }

  static ofFile(file: string): GcPauses {
    return new GcPauses(readFileSync(file, "utf8"));
  }

  /** Longest first. */
  between(fromUs: number, toUs: number): readonly GcPause[] {
    return this.#pauses
      .filter(({ beganUs }) => beganUs >= fromUs && beganUs <= toUs)
      .sort((a, b) => b.ms - a.ms);
  }
}

function pausesOf(events: readonly TraceEvent[]): GcPause[] {
  const pauses: GcPause[] = [];
  const begun = new Map<string, TraceEvent>();
  for (const event of events) {
    const kind = KINDS[event.name];
    if (kind === undefined) continue;
    const key = `${event.tid} ${event.name}`;
    const begin = begun.get(key);
    if (event.ph === "B") {
      begun.set(key, event);
    } else if (event.ph === "X") {
      pauses.push(pauseOf(kind, event, event.dur, event.tdur));
    } else if (event.ph === "E" && begin !== undefined) {
      begun.delete(key);
      pauses.push(pauseOf(kind, begin, event.ts - begin.ts, event.tts - begin.tts));
    }
  }
  return pauses;
}

function pauseOf(kind: string, { tid, ts }: TraceEvent, us: number, cpuUs: number): GcPause {
  return { kind, threadId: tid, ms: us / 1000, cpuMs: cpuUs / 1000, beganUs: ts };
}
