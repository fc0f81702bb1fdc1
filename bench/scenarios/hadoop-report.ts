import type { Bench, BenchContext } from "../harness/bench.js";
import { type Figure, median } from "../harness/figure.js";
import { type ReportReading, readReport } from "../micro/hadoop-report.js";

const RUNS = 3;

/** How the front reads full reports of Java datanodes. */
export const hadoopReport: Bench = {
  name: "hadoop-report",
  doc: "a full report of a Java datanode from its bytes to rows: 40,000 replicas, ascending and shuffled",
  run: async ({ print }) => decodingFigures(RUNS, print),
};

/** @param runs an odd number */
export function decodingFigures(runs: number, print: BenchContext["print"]): Figure[] {
  return (["ascending", "shuffled"] as const).map((order) => {
    const readings: ReportReading[] = [];
    for (let i = 0; i < runs; i++) {
      const reading = readReport(order);
      const { ns, heapBytes, wireBytes } = reading;
      print(
        `decoding, ${order}: ${ns.toFixed(0)} ns, ` +
          `${heapBytes.toFixed(2)} B of heap, ${wireBytes.toFixed(1)} B each`,
      );
      readings.push(reading);
    }
    return {
      name: `hadoop.report.${order}`,
      value: median(readings.map(({ ns }) => ns)),
      unit: "ns",
      ...(order === "ascending" ? { target: { comparison: "≤", value: 160 } as const } : {}),
      yardstick: "integer",
    };
  });
}
