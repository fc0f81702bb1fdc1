/** What is known about names of keys beyond the schema: old names, look-alikes, distance between
 * spellings. */

/** Old names that still work, with their present name (spec 11 §1.6). A `*` stands for any rest. */
const DEPRECATED: readonly (readonly [string, string])[] = [
  ["ozone.datanode.pipeline.limit", "ozone.scm.datanode.pipeline.limit"],
  ["ozone.scm.chunk.layout", "ozone.scm.container.layout"],
  ["dfs.container.ratis.*", "hdds.container.ratis.*"],
  ["dfs.ratis.*", "hdds.ratis.*"],
  ["dfs.datanode.kerberos.principal", "hdds.datanode.kerberos.principal"],
  ["dfs.datanode.keytab.file", "hdds.datanode.kerberos.keytab.file"],
  ["dfs.datanode.kerberos.keytab.file", "hdds.datanode.kerberos.keytab.file"],
  ["dfs.datanode.use.datanode.hostname", "hdds.datanode.use.datanode.hostname"],
  ["dfs.http.policy", "ozone.http.policy"],
  ["dfs.https.server.keystore.resource", "ozone.https.server.keystore.resource"],
  ["dfs.xframe.*", "hdds.xframe.*"],
  ["dfs.metrics.*", "hdds.metrics.*"],
  ["hdds.recon.heartbeat.interval", "hdds.heartbeat.recon.interval"],
  ["hdds.tracing.enabled", "ozone.tracing.enabled"],
];

/** Keys of the reference that are spelt like one of ours and mean something else. */
export const LOOK_ALIKES: ReadonlySet<string> = new Set([
  "ozone.scm.https-address",
  "ozone.scm.https-bind-host",
]);

/** The present name of a deprecated one, undefined when `name` is not deprecated. */
export function presentName(name: string): string | undefined {
  for (const [old, present] of DEPRECATED) {
    if (old === name) return present;
    const prefix = old.slice(0, -1);
    if (old.endsWith("*") && name.startsWith(prefix)) return present.slice(0, -1) + name.slice(prefix.length);
  }
  return undefined;
}

/** Names that are at most this far away are taken for a misspelling. */
const NEAR = 2;

/** The known name that `name` seems to misspell. Only names of the same family (`ozone.scm`,
 * `hdds.heartbeat`) are compared with two mistakes: `ozone.om.db.dirs` is a key of another program, not a
 * wrong `ozone.scm.db.dirs`. */
export function misspelled(name: string, known: readonly string[]): string | undefined {
  if (LOOK_ALIKES.has(name)) return undefined;
  const near = nearest(name, known);
  if (near === undefined || near.distance > NEAR) return undefined;
  return near.distance === 1 || family(near.name) === family(name) ? near.name : undefined;
}

/** The known name closest to `name`. */
export function nearest(
  name: string,
  known: readonly string[],
): { name: string; distance: number } | undefined {
  let best: { name: string; distance: number } | undefined;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate);
    if (best === undefined || distance < best.distance) best = { name: candidate, distance };
  }
  return best;
}

function family(name: string): string {
  return name.toLowerCase().split(".", 2).join(".");
}

/** How many letters must be inserted, removed, replaced or swapped with their neighbour to get from `a` to
 * `b`. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const differs = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + differs);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwap) cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1);
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
