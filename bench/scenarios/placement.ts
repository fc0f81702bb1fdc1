import type { Bench, BenchContext } from "../harness/bench.js";
import { type Figure, median } from "../harness/figure.js";
import { type PlacementTimes, placementTimes } from "../micro/placement.js";

const RUNS = 3;

/** Choices of datanodes, as allocation and repair make them on main. */
export const placement: Bench = {
  name: "placement",
  doc: "choices among 10,000 datanodes in 100 racks, a tenth of them full",
  async run({ print }: BenchContext): Promise<readonly Figure[]> {
    const runs: PlacementTimes[] = [];
    for (let i = 0; i < RUNS; i++) {
      const times = placementTimes();
      const shown = Object.entries(times).map(([name, us]) => `${name} ${us.toFixed(2)} µs`);
      print(`run ${i + 1}: ${shown.join(", ")}`);
      runs.push(times);
    }
    const figureOf = (name: string, field: keyof PlacementTimes, target?: number): Figure => ({
      name: `placement.${name}`,
      value: median(runs.map((times) => times[field])),
      unit: "µs",
      ...(target === undefined ? {} : { target: { comparison: "≤", value: target } }),
      yardstick: "integer",
    });
    return [
      figureOf("rack.aware.3", "rackAwareOfThree", 10),
      figureOf("rack.aware.1", "rackAwareOfOne", 3),
      figureOf("rack.scatter.14", "rackScatterOfFourteen", 20),
      figureOf("random.3", "randomOfThree"),
      figureOf("pipeline", "pipeline"),
      figureOf("validate.14", "validate"),
    ];
  },
};
