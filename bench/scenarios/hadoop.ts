import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { findRelease } from "../../scripts/interop/release.js";
import { type CallSizes, measureCalls } from "../hadoop/calls.js";
import type { ReportShape } from "../hadoop/hadoop-load.js";
import { containerCountOf, measureReports } from "../hadoop/reports.js";
import { type HadoopServer, startReference, startStrata } from "../hadoop/servers.js";
import type { Bench, BenchContext } from "../harness/bench.js";
import type { Figure } from "../harness/figure.js";

const SIZES: HadoopSizes = {
  calls: { nodeCount: 300, seconds: 4, rounds: 3, warmUpShare: 1 },
  reports: { groups: 4, nodesPerGroup: 50, containersPerNode: 3400 },
};

/** The part that is about reports, for `--only`. */
const REPORTS = "reports";

export interface HadoopSizes {
  readonly calls: CallSizes;
  readonly reports: ReportShape;
}

/** What Ozone's own programs ask of an SCM, over Hadoop RPC, on Strata and on the released SCM. */
export const hadoop: Bench = {
  name: "hadoop",
  doc: "calls of Ozone's programs over Hadoop RPC; with --with-reference beside the released SCM",
  run: (context) => runHadoop(context, SIZES),
};

export async function runHadoop(context: BenchContext, sizes: HadoopSizes): Promise<readonly Figure[]> {
  const classpath = referenceClasspath(context);
  mkdirSync(context.directory, { recursive: true });
  const figures: Figure[] = [];
  if (!REPORTS.includes(context.only ?? "calls"))
    figures.push(
      ...(await withServers(context, { part: "calls", classpath, containerCount: 0 }, (servers) =>
        measureCalls(servers, context, sizes.calls),
      )),
    );
  if (REPORTS.includes(context.only ?? REPORTS))
    figures.push(
      ...(await withServers(
        context,
        { part: "reports", classpath, containerCount: containerCountOf(sizes.reports) },
        (servers) => measureReports(servers, context, sizes.reports),
      )),
    );
  return figures;
}

/** Undefined when Strata runs alone. */
function referenceClasspath({ reference, print }: BenchContext): string | undefined {
  if (reference === undefined) return undefined;
  const release = findRelease(reference.cache, false, print);
  if (release.kind === "found") return release.classpath;
  print(`the reference: skipped (${release.why})`);
  return undefined;
}

interface Part {
  readonly part: string;
  readonly classpath: string | undefined;
  readonly containerCount: number;
}

/** Servers of their own for each part: what one leaves behind is no burden for the next. */
async function withServers(
  { directory }: BenchContext,
  { part, classpath, containerCount }: Part,
  measure: (servers: readonly HadoopServer[]) => Promise<Figure[]>,
): Promise<Figure[]> {
  const servers: HadoopServer[] = [];
  try {
    const options = (name: string) => ({ directory: join(directory, `${part}-${name}`), containerCount });
    servers.push(await startStrata(options("strata")));
    if (classpath !== undefined) servers.push(await startReference(options("reference"), classpath));
    return await measure(servers);
  } finally {
    for (const server of servers) await server.stop();
  }
}
