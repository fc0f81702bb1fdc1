import type { Bench, BenchContext } from "../harness/bench.js";
import { type Figure, median } from "../harness/figure.js";
import { type PlacementTimes, placementTimes } from "../micro/placement.js";
import { drawAnywhere, drawOnRack, fullTree } from "../micro/topology-draw.js";

const RUNS = 3;

/** An odd number of 10,000 draws each. */
const DRAW_CHUNKS = 201;
const TREE = { nodeCount: 10_000, rackCount: 100 };
/** A cluster whose nodes are racks of their own. */
const FLAT = { nodeCount: 10_000, rackCount: 10_000 };

/** Choices of datanodes, as allocation and repair make them on main. */
export const placement: Bench = {
  name: "placement",
  doc: "draws and choices among 10,000 datanodes in 100 racks, a tenth of them full",
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
      ...runDraws(print, DRAW_CHUNKS),
      figureOf("rack.aware.3", "rackAwareOfThree", 10),
      figureOf("rack.aware.1", "rackAwareOfOne", 3),
      figureOf("rack.scatter.14", "rackScatterOfFourteen", 20),
      figureOf("random.3", "randomOfThree"),
      figureOf("pipeline", "pipeline"),
      figureOf("validate.14", "validate"),
    ];
  },
};

/** Draws alone, of which every choice is made. */
export function runDraws(print: BenchContext["print"], chunkCount: number): readonly Figure[] {
  const tree = fullTree(TREE);
  const anywhere = drawAnywhere(tree, chunkCount);
  const onRack = drawOnRack(tree, chunkCount);
  const flat = drawAnywhere(fullTree(FLAT), chunkCount);
  const bytes = [anywhere, onRack, flat].map((cost) => cost.bytes);
  print(`heap bytes a draw: ${bytes.map((count) => count.toFixed(2)).join(", ")}`);
  const ns = { unit: "ns", yardstick: "integer" } as const;
  const bound = { comparison: "≤", value: 500 } as const;
  return [
    { name: "placement.draw.anywhere", value: anywhere.ns, ...ns, target: bound },
    { name: "placement.draw.on-rack", value: onRack.ns, ...ns, target: bound },
    { name: "placement.draw.10000-racks", value: flat.ns, ...ns, target: bound },
    {
      name: "placement.draw.heap",
      value: Math.max(...bytes),
      unit: "B",
      target: { comparison: "≤", value: 1 },
    },
  ];
}
