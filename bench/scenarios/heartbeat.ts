import type { Bench, BenchContext } from "../harness/bench.js";
import { measure } from "../harness/cpu-window.js";
import { type Figure, median } from "../harness/figure.js";
import { ScmUnderTest } from "../harness/scm-under-test.js";
import { loadLine, runLoad } from "../load/run-load.js";

const CONNECTIONS = 64;
const SECONDS = 4;
const RUNS = 3;

/** Heartbeats without reports, 64 datanodes, each its next when the one before was answered. */
export const heartbeat: Bench = {
  name: "heartbeat",
  doc: "CPU of the main thread per heartbeat at 64 connections",
  async run(context: BenchContext): Promise<readonly Figure[]> {
    const scm = await ScmUnderTest.start({ directory: context.directory });
    try {
      const cpuUs: number[] = [];
      const rates: number[] = [];
      await runLoad({ kind: "heartbeat", endpoint: scm.endpoint, connections: CONNECTIONS, seconds: 2 });
      for (let i = 0; i < RUNS; i++) {
        const load = {
          kind: "heartbeat",
          endpoint: scm.endpoint,
          connections: CONNECTIONS,
          seconds: SECONDS,
        } as const;
        const { result: summary, window } = await measure(scm, () => runLoad(load));
        context.print(`run ${i + 1}: ${loadLine(summary)}; ${window.cpuLine(summary.count)}`);
        cpuUs.push(window.cpuUs("main") / summary.count);
        rates.push(summary.perSecond);
      }
      return [
        {
          name: "heartbeat.main.cpu",
          value: median(cpuUs),
          unit: "µs",
          target: { comparison: "≤", value: 8 },
          yardstick: "integer",
        },
        { name: "heartbeat.rate", value: median(rates), unit: "heartbeats/s" },
      ];
    } finally {
      await scm.stop();
    }
  },
};
