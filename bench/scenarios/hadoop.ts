import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { findRelease } from "../../scripts/interop/release.js";
import { type CallSizes, measureCalls } from "../hadoop/calls.js";
import { type ConnectionSizes, measureConnections } from "../hadoop/connections.js";
import type { ReportShape } from "../hadoop/hadoop-load.js";
import { measurePauses } from "../hadoop/pauses.js";
import { type Comparison, figuresOf, ratioTable } from "../hadoop/ratios.js";
import { containerCountOf, measureReports } from "../hadoop/reports.js";
import { type HadoopServer, startReference, startStrata, startWatchedStrata } from "../hadoop/servers.js";
import type { Bench, BenchContext } from "../harness/bench.js";
import type { Figure } from "../harness/figure.js";
import { decodingFigures } from "./hadoop-report.js";

const SIZES: HadoopSizes = {
  calls: { nodeCount: 300, seconds: 4, rounds: 3, warmUpShare: 1 },
  reports: { groups: 5, nodesPerGroup: 50, containersPerNode: 3400 },
  pauses: { groups: 4, nodesPerGroup: 6, containersPerNode: 13_334 },
  connections: { count: 20_000, seconds: 3 },
  decodingRuns: 3,
};

/** Parts beside the calls, for `--only`. */
const REPORTS = "reports";
const PAUSES = "pauses";
const CONNECTIONS = "connections";
const DECODING = "decoding";

export interface HadoopSizes {
  readonly calls: CallSizes;
  readonly reports: ReportShape;
  /** Of 40,000 replicas a report. */
  readonly pauses: ReportShape;
  readonly connections: ConnectionSizes;
  readonly decodingRuns: number;
}

/** What Ozone's own programs ask of an SCM, over Hadoop RPC, on Strata and on the released SCM. */
export const hadoop: Bench = {
  name: "hadoop",
  doc: "calls of Ozone's programs over Hadoop RPC; with --with-reference beside the released SCM",
  run: (context) => runHadoop(context, SIZES),
};

export async function runHadoop(context: BenchContext, sizes: HadoopSizes): Promise<readonly Figure[]> {
  const { print, only } = context;
  const classpath = referenceClasspath(context);
  mkdirSync(context.directory, { recursive: true });
  const isWanted = (part: string): boolean => only === undefined || part.includes(only);
  const comparisons: Comparison[] = [];
  if (only === undefined || ![REPORTS, PAUSES, CONNECTIONS, DECODING].some(isWanted))
    comparisons.push(
      ...(await withServers(context, { part: "calls", classpath, containerCount: 0 }, (servers) =>
        measureCalls(servers, context, sizes.calls),
      )),
    );
  if (isWanted(REPORTS))
    comparisons.push(
      ...(await withServers(
        context,
        { part: REPORTS, classpath, containerCount: containerCountOf(sizes.reports) },
        (servers) => measureReports(servers, context, sizes.reports),
      )),
    );
  const figures = comparisons.flatMap(figuresOf);
  if (isWanted(PAUSES)) figures.push(...(await pauses(context, sizes.pauses)));
  if (isWanted(CONNECTIONS)) figures.push(...(await connections(context, sizes.connections)));
  if (isWanted(DECODING)) figures.push(...decodingFigures(sizes.decodingRuns, print));
  for (const line of ratioTable(comparisons)) print(line);
  return figures;
}

/** Of Strata alone. */
async function pauses(context: BenchContext, shape: ReportShape): Promise<Figure[]> {
  const { directory, print } = context;
  const containerCount = containerCountOf(shape);
  const server = await startWatchedStrata({ directory: join(directory, PAUSES), containerCount, print });
  try {
    return await measurePauses(server, context, shape);
  } finally {
    await server.stop();
  }
}

/** Of Strata alone. */
async function connections(context: BenchContext, sizes: ConnectionSizes): Promise<Figure[]> {
  const { directory, print } = context;
  const server = await startStrata({ directory: join(directory, CONNECTIONS), containerCount: 0, print });
  try {
    return await measureConnections(server, context, sizes);
  } finally {
    await server.stop();
  }
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
  { directory, print }: BenchContext,
  { part, classpath, containerCount }: Part,
  measure: (servers: readonly HadoopServer[]) => Promise<Comparison[]>,
): Promise<Comparison[]> {
  const servers: HadoopServer[] = [];
  try {
    const options = (name: string) => ({
      directory: join(directory, `${part}-${name}`),
      containerCount,
      print,
    });
    servers.push(await startStrata(options("strata")));
    if (classpath !== undefined) servers.push(await startReference(options("reference"), classpath));
    return await measure(servers);
  } finally {
    for (const server of servers) await server.stop();
  }
}
