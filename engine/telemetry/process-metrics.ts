import { readFileSync } from "node:fs";
import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import type { Metrics } from "./metrics.js";

/** How often the event loop is probed; the histogram counts this in, so it is taken off again. */
const PROBE_MS = 50;
const NS_PER_MS = 1e6;

/** How late the event loop of this thread runs its timers. */
export class LoopLag {
  readonly #probe: IntervalHistogram = monitorEventLoopDelay({ resolution: PROBE_MS });

  start(): void {
    this.#probe.enable();
  }

  stop(): void {
    this.#probe.disable();
  }

  /** Lag that the given share of probes stayed under since the last reset, ms ≥ 0. `share` above 0, up to
   * 1. */
  quantileMs(share: number): number {
    if (this.#probe.count === 0) return 0;
    return Math.max(0, this.#probe.percentile(share * 100) / NS_PER_MS - PROBE_MS);
  }

  reset(): void {
    this.#probe.reset();
  }
}

/** CPU time of the main thread, seconds; that of the whole process where the system does not tell threads
 * apart. */
export function mainThreadCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  // The main thread's id is the process's.
  return threadCpuSeconds(process.pid) ?? (user + system) / 1e6;
}

/** CPU time of a thread of this process, seconds; undefined where the system does not tell threads apart. */
function threadCpuSeconds(threadId: number): number | undefined {
  try {
    // First field: nanoseconds on a processor.
    const [onCpuNs] = readFileSync(`/proc/self/task/${threadId}/schedstat`, "utf8").split(" ");
    return Number(onCpuNs) / 1e9;
  } catch {
    return undefined;
  }
}

/** Adds `strata_thread_*{thread}`. `threadIds`: the kernel's number of each worker by name. */
export function addThreadMetrics(metrics: Metrics, threadIds: () => ReadonlyMap<string, number>): void {
  const all = (): [string, number][] =>
    [["main", process.pid] as [string, number], ...threadIds()].filter(([, id]) => id !== 0);
  const idHelp = "The kernel's number of each thread, as `top -H` shows it.";
  metrics.addLabelledGauge("thread", "id", idHelp, ["thread"], () =>
    all().map(([thread, id]) => [{ thread }, id]),
  );
  const cpuHelp = "CPU time of each thread since its start.";
  metrics.addLabelledGauge("thread", "cpuSeconds", cpuHelp, ["thread"], () => {
    const times: (readonly [{ thread: string }, number])[] = [];
    for (const [thread, id] of all()) {
      const seconds = threadCpuSeconds(id);
      if (seconds !== undefined) times.push([{ thread }, seconds]);
    }
    return times;
  });
}

/** Adds what concerns the process as a whole: `strata_process_*` and `strata_main_*`. Lag is since the
 * last scrape. */
export function addProcessMetrics(metrics: Metrics, lag: LoopLag): void {
  const main = { lagP50Seconds: 0, lagP99Seconds: 0, lagMaxSeconds: 0, cpuSeconds: 0 };
  const memory = {
    residentBytes: 0,
    heapUsedBytes: 0,
    heapTotalBytes: 0,
    externalBytes: 0,
    uptimeSeconds: 0,
  };
  const cpu = { cpuSeconds: 0 };
  metrics.beforeScrape(() => {
    main.lagP50Seconds = lag.quantileMs(0.5) / 1000;
    main.lagP99Seconds = lag.quantileMs(0.99) / 1000;
    main.lagMaxSeconds = lag.quantileMs(1) / 1000;
    lag.reset();
    main.cpuSeconds = mainThreadCpuSeconds();
    const { user, system } = process.cpuUsage();
    cpu.cpuSeconds = (user + system) / 1e6;
    const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
    memory.residentBytes = rss;
    memory.heapUsedBytes = heapUsed;
    memory.heapTotalBytes = heapTotal;
    memory.externalBytes = external;
    memory.uptimeSeconds = process.uptime();
  });
  metrics.addGauges("main", main, {
    lagP50Seconds: "Half of the event loop's turns began at most this late since the last scrape.",
    lagP99Seconds: "99 % of the event loop's turns began at most this late since the last scrape.",
    lagMaxSeconds: "Greatest lateness of the event loop since the last scrape.",
    cpuSeconds: "CPU time of the main thread.",
  });
  metrics.addCounters("process", cpu, { cpuSeconds: "CPU time of all threads." });
  metrics.addGauges("process", memory, {
    residentBytes: "Memory in use, shared tables included.",
    heapUsedBytes: "JavaScript heap in use on the main thread.",
    heapTotalBytes: "JavaScript heap of the main thread.",
    externalBytes: "Memory of buffers known to the main thread's heap.",
    uptimeSeconds: "Time since the process started.",
  });
}
