/** Every number of the page /prom at `httpUrl` by its name with labels, such as
 * `strata_thread_cpu_seconds{thread="main"}`. */
export async function readMetrics(httpUrl: string): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`${httpUrl}/prom`)).text();
  const values = new Map<string, number>();
  for (const line of text.split("\n")) {
    const at = line.lastIndexOf(" ");
    if (!line.startsWith("#") && at > 0) values.set(line.slice(0, at), Number(line.slice(at + 1)));
  }
  return values;
}

/** Upper bound of the bucket that holds the share `rank` of what a histogram of /prom has observed;
 * `countOf` tells how many observations each of its names has. 0 when there were none. */
export function bucketOf(
  names: Iterable<string>,
  histogram: string,
  rank: number,
  countOf: (name: string) => number,
): number {
  const prefix = `${histogram}_bucket{le="`;
  const buckets = [...names]
    .filter((name) => name.startsWith(prefix))
    .map((name) => ({ bound: boundOf(name.slice(prefix.length, -'"}'.length)), count: countOf(name) }))
    .sort((a, b) => a.bound - b.bound);
  const total = buckets.at(-1)?.count ?? 0;
  if (total === 0) return 0;
  return buckets.find(({ count }) => count >= rank * total)?.bound ?? Number.POSITIVE_INFINITY;
}

function boundOf(text: string): number {
  return text === "+Inf" ? Number.POSITIVE_INFINITY : Number(text);
}
