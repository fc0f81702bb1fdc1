import { createHook, executionAsyncResource } from "node:async_hooks";
import { PerformanceObserver, performance } from "node:perf_hooks";
import { MainCpu } from "./thread-cpu.js";

/** Shorter turns are only counted. */
const LONG_MS = 0.3;
const KEPT_COUNT = 10;

/** One turn of an event loop: everything between two looks at its sockets, timers and messages. */
export interface LongTurn {
  /** Of the thread's CPU: what it would take if nothing else ran. */
  readonly cpuMs: number;
  readonly elapsedMs: number;
  /** Collections of garbage meanwhile. */
  readonly gcMs: number;
  /** What the longest of its callbacks belonged to. */
  readonly what: string;
}

export interface WatchedTurns {
  readonly count: number;
  /** Of the thread, with the hooks. */
  readonly cpuMs: number;
  /** Longest first, at most ten. */
  readonly longest: readonly LongTurn[];
}

/** Measures the turns of this thread's event loop, by hooks around all callbacks: as long as the thread
 * sleeps nothing is measured and nothing is woken, and what is measured is a little longer than without. */
export class TurnWatch {
  readonly #cpu = new MainCpu();
  readonly #gc = new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) this.#pauses.push({ startTime, duration });
  });
  readonly #hook = createHook({ before: () => this.#before(), after: () => this.#after() });
  readonly #pauses: { readonly startTime: number; readonly duration: number }[] = [];
  #turns: (Omit<LongTurn, "gcMs"> & { readonly beganMs: number })[] = [];
  #count = 0;
  #startCpuUs = 0;
  #loop = -1;
  #beganMs = 0;
  #beganCpuUs = 0;
  #callbackMs = 0;
  #present = { cpuMs: 0, elapsedMs: 0, what: "" };
  #longestCallbackMs = 0;

  begin(): void {
    this.#turns = [];
    this.#pauses.length = 0;
    this.#count = 0;
    this.#startCpuUs = this.#cpu.us();
    // The rest of this turn is nobody's.
    this.#loop = performance.nodeTiming.uvMetricsInfo.loopCount;
    this.#beganMs = Number.POSITIVE_INFINITY;
    this.#gc.observe({ entryTypes: ["gc"] });
    this.#hook.enable();
  }

  end(): WatchedTurns {
    this.#hook.disable();
    this.#close();
    this.#gc.disconnect();
    const longest = this.#turns.sort((a, b) => b.cpuMs - a.cpuMs).slice(0, KEPT_COUNT);
    return {
      count: this.#count,
      cpuMs: (this.#cpu.us() - this.#startCpuUs) / 1000,
      longest: longest.map(({ beganMs, ...turn }) => ({
        ...turn,
        gcMs: this.#gcMs(beganMs, turn.elapsedMs),
      })),
    };
  }

  #before(): void {
    const loop = performance.nodeTiming.uvMetricsInfo.loopCount;
    if (loop !== this.#loop) {
      this.#close();
      this.#loop = loop;
      this.#count++;
      this.#beganCpuUs = this.#cpu.us();
      this.#beganMs = performance.now();
    }
    this.#callbackMs = performance.now();
  }

  #after(): void {
    const nowMs = performance.now();
    const elapsedMs = nowMs - this.#beganMs;
    if (elapsedMs < LONG_MS) return;
    const cpuMs = (this.#cpu.us() - this.#beganCpuUs) / 1000;
    const isLongest = nowMs - this.#callbackMs > this.#longestCallbackMs;
    if (isLongest) this.#longestCallbackMs = nowMs - this.#callbackMs;
    const what = isLongest ? executionAsyncResource().constructor.name : this.#present.what;
    this.#present = { cpuMs, elapsedMs, what };
  }

  /** The turn before is complete. */
  #close(): void {
    if (this.#present.elapsedMs > 0) this.#turns.push({ ...this.#present, beganMs: this.#beganMs });
    this.#present = { cpuMs: 0, elapsedMs: 0, what: "" };
    this.#longestCallbackMs = 0;
  }

  #gcMs(beganMs: number, elapsedMs: number): number {
    const inside = this.#pauses.filter(
      ({ startTime }) => startTime >= beganMs && startTime < beganMs + elapsedMs,
    );
    return inside.reduce((sum, { duration }) => sum + duration, 0);
  }
}
