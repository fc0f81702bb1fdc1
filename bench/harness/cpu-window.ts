import { bucketOf } from "./prom.js";

/** What an SCM did between two looks: differences of its own counters. */
export class Window {
  readonly #before: ReadonlyMap<string, number>;
  readonly #after: ReadonlyMap<string, number>;
  readonly seconds: number;

  constructor(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>, seconds: number) {
    this.#before = before;
    this.#after = after;
    this.seconds = seconds;
  }

  /** Growth of one number of /prom; 0 when it is not there. */
  of(name: string): number {
    return (this.#after.get(name) ?? 0) - (this.#before.get(name) ?? 0);
  }

  /** Growth of one number for each of another; of 1 when that one has not grown. */
  ratio(name: string, per: string): number {
    return this.of(name) / Math.max(1, this.of(per));
  }

  /** A number as it was at the end. */
  last(name: string): number {
    return this.#after.get(name) ?? 0;
  }

  /** Upper bound of the bucket that holds the share `rank` of what the histogram `name` observed. */
  bucket(name: string, rank: number): number {
    return bucketOf(this.#after.keys(), name, rank, (bucket) => this.of(bucket));
  }

  /** CPU time in µs of one thread: `main`, `log-0`, `state-0`, `shard-0`. */
  cpuUs(thread: string): number {
    return this.of(`strata_thread_cpu_seconds{thread="${thread}"}`) * 1e6;
  }

  /** `main`, `shard-0` … by the kernel's number, as it was at the end; undefined = a thread of V8's. */
  threadName(threadId: number): string | undefined {
    for (const [name, value] of this.#after) {
      const [, thread] = /^strata_thread_id\{thread="(.+)"\}$/.exec(name) ?? [];
      if (value === threadId && thread !== undefined) return thread;
    }
    return undefined;
  }

  /** CPU per item and thread, for the lines above the figures. */
  cpuLine(items: number): string {
    const threads = ["main", "log-0", "state-0", "shard-0"].map(
      (thread) => `${thread} ${(this.cpuUs(thread) / items).toFixed(3)}`,
    );
    return `CPU per item, µs: ${threads.join(", ")}`;
  }
}

/** Whose numbers can be read. */
export interface Metered {
  metrics(): Promise<ReadonlyMap<string, number>>;
}

/** What `work` gave, and what the SCM did meanwhile. */
export async function measure<T>(
  scm: Metered,
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly window: Window }> {
  const { result, windows } = await measureAll([scm], work);
  return { result, window: windows[0] as Window };
}

/** The same of several SCMs at once, in their order. */
export async function measureAll<T>(
  scms: readonly Metered[],
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly windows: readonly Window[] }> {
  const before = await Promise.all(scms.map((scm) => scm.metrics()));
  const startMs = performance.now();
  const result = await work();
  const seconds = (performance.now() - startMs) / 1000;
  const after = await Promise.all(scms.map((scm) => scm.metrics()));
  const windows = after.map(
    (values, i) => new Window(before[i] as ReadonlyMap<string, number>, values, seconds),
  );
  return { result, windows };
}
