import { STRIPE_ROWS } from "../../workers/shared/container-layout.js";
import type { IdRange } from "../fleet/plan.js";
import type { Bench, BenchContext } from "../harness/bench.js";
import { type Figure, median } from "../harness/figure.js";
import { ScmUnderTest } from "../harness/scm-under-test.js";
import { leaveFilledScm } from "../load/filled-scm.js";
import { loadLine, runLoad } from "../load/run-load.js";

const NODES = 100;
/** Three pipelines on each of 5,000 datanodes, each with one open container. */
const OPEN_CONTAINERS = 15_000;
const CONNECTIONS = 16;
const RUNS = 3;

/** The tests make them small. */
export interface OpenStripeSizes {
  readonly shards: number;
  readonly seconds: number;
  readonly rowsPerReport: number;
}

/** Many rows a report, so that the shards have as much to do as can be, beside the sockets. */
const SIZES: OpenStripeSizes = { shards: 5, seconds: 4, rowsPerReport: 64 };

/** Ids ascend, so the open containers are often neighbours: then one of the shards has all their reports. */
export const openStripe: Bench = {
  name: "open-stripe",
  doc: "rate of open containers' reports, all in one of 5 shards' stripes against evenly spread",
  run: (context) => runOpenStripe(context, SIZES),
};

export async function runOpenStripe(
  { print, directory }: BenchContext,
  { shards, seconds, rowsPerReport }: OpenStripeSizes,
): Promise<readonly Figure[]> {
  const spread = Array.from({ length: shards }, (_, i) => openIn(i, OPEN_CONTAINERS / shards));
  const together = [openIn(shards, OPEN_CONTAINERS)];
  const containersPerNode = Math.ceil(((shards + 1) * STRIPE_ROWS * 3) / NODES);
  const plan = { nodeCount: NODES, containersPerNode, seed: 1, openIds: [...spread, ...together] };
  await leaveFilledScm({ directory, plan });
  const scm = await ScmUnderTest.start({ directory, settings: [`strata.shard.count=${shards}`] });
  try {
    const rate = async (name: string, ids: readonly IdRange[]): Promise<number> => {
      const { endpoint } = scm;
      const request = { kind: "incremental", endpoint, connections: CONNECTIONS, seconds } as const;
      const load = await runLoad({ ...request, rowsPerReport, ids, isOpen: true });
      print(`${name}: ${loadLine(load)}`);
      return load.perSecond;
    };
    await rate("warm-up", [...spread, ...together]);
    const ratios: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      const evenly = await rate("evenly spread", spread);
      ratios.push((await rate("in one stripe", together)) / evenly);
    }
    const target = { comparison: "≥", value: 0.8 } as const;
    return [{ name: "report.open.one.stripe", value: median(ratios), unit: "of the rate", target }];
  } finally {
    await scm.stop();
  }
}

/** Open ids in the middle of a stripe. */
function openIn(stripe: number, count: number): IdRange {
  const first = stripe * STRIPE_ROWS + STRIPE_ROWS / 4;
  return [first, first + count - 1];
}
