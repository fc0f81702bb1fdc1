import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

/** `[pid:isolate] 123 ms: Scavenge 5.1 (6.0) -> 4.5 (7.0) MB, 0.5 / 0.0 ms …` */
const GC_LINE =
  /^\[\d+:(0x[0-9a-f]+)\] +\d+ ms: (.+?) [\d.]+ \([\d.]+\) -> [\d.]+ \([\d.]+\) MB, ([\d.]+) \//;

export interface GcPause {
  readonly kind: string;
  readonly ms: number;
  /** `performance.now()` when it was told. */
  readonly atMs: number;
}

/** A line that V8 writes with --trace-gc; undefined = another one. */
export function readGcLine(line: string, atMs: number): GcPause | undefined {
  const [, , kind, ms] = GC_LINE.exec(line) ?? [];
  return kind === undefined ? undefined : { kind, ms: Number(ms), atMs };
}

/** How long garbage collections held the threads of a process, from its output. */
export class GcPauses {
  readonly #pauses: GcPause[] = [];

  constructor(output: Readable) {
    createInterface({ input: output }).on("line", (line) => {
      const pause = readGcLine(line, performance.now());
      if (pause !== undefined) this.#pauses.push(pause);
    });
  }

  /** Longest first. */
  between(fromMs: number, toMs: number): readonly GcPause[] {
    return this.#pauses.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs).sort((a, b) => b.ms - a.ms);
  }
}
