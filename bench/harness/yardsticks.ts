import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SeededRandom } from "../../engine/core/random.js";
import { percentile } from "./histogram.js";

/** Three fixed pieces of work, timed in every run on the same cores as the bench: absolute times of shared
 * machines prove nothing, multiples of a yardstick carry over. Never change the work: old figures would
 * lose their meaning. */
export interface Yardstick {
  readonly ns: number;
  readonly doc: string;
}
export type YardstickName = "integer" | "memory" | "fsync";
export type Yardsticks = Readonly<Record<YardstickName, Yardstick>> & { readonly fsyncP99Ns: number };

export function measureYardsticks(): Yardsticks {
  const fsync = fsyncTimes();
  return {
    integer: { ns: best(3, integerLoop), doc: "one step of an integer loop" },
    memory: { ns: best(3, coldReads), doc: "one dependent cold read in 256 MiB" },
    fsync: { ns: percentile(fsync, 0.5), doc: "128-byte append with fdatasync, p50" },
    fsyncP99Ns: percentile(fsync, 0.99),
  };
}

/** The line above the figures. */
export function describeYardsticks(yardsticks: Yardsticks): string {
  const { integer, memory, fsync, fsyncP99Ns } = yardsticks;
  const fsyncs = `fsync p50 ${(fsync.ns / 1e3).toFixed(0)} µs p99 ${(fsyncP99Ns / 1e3).toFixed(0)} µs`;
  return `yardsticks: integer ${integer.ns.toFixed(2)} ns, memory ${memory.ns.toFixed(1)} ns, ${fsyncs}`;
}

function best(times: number, run: () => number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < times; i++) least = Math.min(least, run());
  return least;
}

let sink = 0;

function integerLoop(): number {
  const steps = 50_000_000;
  let x = 1;
  const start = process.hrtime.bigint();
  for (let i = 0; i < steps; i++) x = (Math.imul(x, 1_103_515_245) + i) | 0;
  sink ^= x;
  return Number(process.hrtime.bigint() - start) / steps;
}

let chain: Uint32Array | undefined;

function coldReads(): number {
  // One cycle through all cells in random order: each read depends on the one before, so none is prefetched.
  chain ??= randomCycle((256 * 1024 * 1024) / 4);
  const steps = 2_000_000;
  let at = 0;
  const start = process.hrtime.bigint();
  for (let i = 0; i < steps; i++) at = chain[at] as number;
  sink ^= at;
  return Number(process.hrtime.bigint() - start) / steps;
}

function randomCycle(length: number): Uint32Array {
  const random = new SeededRandom(1);
  const cells = new Uint32Array(length);
  for (let i = 0; i < length; i++) cells[i] = i;
  // Sattolo's shuffle yields one cycle.
  for (let i = length - 1; i > 0; i--) {
    const j = random.below(i);
    const kept = cells[i] as number;
    cells[i] = cells[j] as number;
    cells[j] = kept;
  }
  return cells;
}

function fsyncTimes(): number[] {
  const directory = mkdtempSync(join(tmpdir(), "strata-yardstick-"));
  try {
    const file = openSync(join(directory, "file"), "a");
    const block = new Uint8Array(128);
    const times: number[] = [];
    for (let i = 0; i < 500; i++) {
      const start = process.hrtime.bigint();
      writeSync(file, block);
      fdatasyncSync(file);
      times.push(Number(process.hrtime.bigint() - start));
    }
    closeSync(file);
    return times;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Keeps the loops' results alive. */
export function yardstickSink(): number {
  return sink;
}
