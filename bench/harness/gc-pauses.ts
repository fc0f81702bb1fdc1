import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

/** `[pid:isolate] 123 ms: Scavenge 5.1 (6.0) -> 4.5 (7.0) MB, 0.5 / 0.0 ms …` */
const GC_LINE =
  /^\[\d+:(0x[0-9a-f]+)\] +\d+ ms: (.+?) [\d.]+ \([\d.]+\) -> [\d.]+ \([\d.]+\) MB, ([\d.]+) \//;

export interface GcPause {
  readonly kind: string;
  /** Of the thread: V8 names each by the address of its heap. */
  readonly heap: string;
  readonly ms: number;
  /** `performance.now()` when it was told. */
  readonly atMs: number;
}

/** A line that V8 writes with --trace-gc; undefined = another one. */
export function readGcLine(line: string, atMs: number): GcPause | undefined {
  const [, heap, kind, ms] = GC_LINE.exec(line) ?? [];
  return heap === undefined || kind === undefined ? undefined : { kind, heap, ms: Number(ms), atMs };
}

/** How long garbage collections held the threads of a process, from its output. */
export class GcPauses {
  readonly #pauses: GcPause[] = [];
  /** In the order in which they were first collected: the main thread's is the first. */
  readonly #heaps: string[] = [];

  constructor(output: Readable) {
    createInterface({ input: output }).on("line", (line) => {
      const pause = readGcLine(line, performance.now());
      if (pause === undefined) return;
      this.#pauses.push(pause);
      if (!this.#heaps.includes(pause.heap)) this.#heaps.push(pause.heap);
    });
  }

  /** "Scavenge 1.5 ms on main". */
  describe({ kind, heap, ms }: GcPause): string {
    const number = this.#heaps.indexOf(heap);
    return `${kind} ${ms} ms on ${number === 0 ? "main" : `worker ${number}`}`;
  }

  /** Longest first. */
  between(fromMs: number, toMs: number): readonly GcPause[] {
    return this.#pauses.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs).sort((a, b) => b.ms - a.ms);
  }
}
