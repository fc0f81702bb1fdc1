/** Adds the optional platform packages to package-lock.json that the registry in use did not list.
 * Without them `npm ci` of npm 11 fails with `EUSAGE Missing: …`. Run it after every `npm install`. */
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

export type LockEntry = {
  version?: string;
  dev?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
};
export type Lock = { packages: Record<string, LockEntry> };

/** Entries to add, by lock key; each name tells its system: `…-linux-arm64-musl`. */
export function missingEntries(lock: Lock): Record<string, LockEntry> {
  const added: Record<string, LockEntry> = {};
  const known = new Set(Object.keys(lock.packages).map((key) => key.replace(/^.*node_modules\//, "")));
  for (const parent of Object.values(lock.packages)) {
    for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
      if (known.has(name)) continue;
      const platform = /-(aix|android|darwin|freebsd|linux|win32)-([a-z0-9]+)(-musl)?$/.exec(name);
      if (platform?.[1] === undefined || platform[2] === undefined)
        throw new Error(`unknown platform: ${name}`);
      const entry: LockEntry = { version, cpu: [platform[2]], optional: true, os: [platform[1]] };
      if (platform[3] !== undefined) entry.libc = ["musl"];
      added[`node_modules/${name}`] = parent.dev === true ? { ...entry, dev: true } : entry;
    }
  }
  return added;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const lock: Lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
  const packages = Object.entries({ ...lock.packages, ...missingEntries(lock) });
  lock.packages = Object.fromEntries(packages.sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync("package-lock.json", `${JSON.stringify(lock, null, 2)}\n`);
}
