import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { findRelease } from "../../scripts/interop/release.js";
import { type CallSizes, measureCalls } from "../hadoop/calls.js";
import { type HadoopServer, startReference, startStrata } from "../hadoop/servers.js";
import type { Bench, BenchContext } from "../harness/bench.js";
import type { Figure } from "../harness/figure.js";

const SIZES: HadoopSizes = {
  calls: { nodeCount: 300, seconds: 4, rounds: 3, warmUpShare: 1 },
};

export interface HadoopSizes {
  readonly calls: CallSizes;
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
  return await withServers(context, "calls", classpath, (servers) =>
    measureCalls(servers, context, sizes.calls),
  );
}

/** Undefined when Strata runs alone. */
function referenceClasspath({ reference, print }: BenchContext): string | undefined {
  if (reference === undefined) return undefined;
  const release = findRelease(reference.cache, false, print);
  if (release.kind === "found") return release.classpath;
  print(`the reference: skipped (${release.why})`);
  return undefined;
}

async function withServers(
  { directory }: BenchContext,
  part: string,
  classpath: string | undefined,
  measure: (servers: readonly HadoopServer[]) => Promise<Figure[]>,
): Promise<Figure[]> {
  const servers: HadoopServer[] = [];
  try {
    servers.push(await startStrata(join(directory, `${part}-strata`)));
    if (classpath !== undefined)
      servers.push(await startReference(join(directory, `${part}-reference`), classpath));
    return await measure(servers);
  } finally {
    for (const server of servers) await server.stop();
  }
}
