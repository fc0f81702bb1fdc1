import { copyFileSync, linkSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { StrataError } from "../core/errors.js";
import { MARK_FILE } from "./durable-mark.js";
import { CUT_FILE } from "./wal-guard.js";

/** What a copy needs not: the lock, RocksDB's own reports, and what was kept of an earlier damage. */
const LEFT_OUT = new Set(["LOCK", "LOG", CUT_FILE]);

const STORE_FILE = /^(\d+\.(log|sst)|CURRENT|IDENTITY|(MANIFEST|OPTIONS)-\d+)$/;

/** Copies the files of a RocksDB database that is not open. Tables are never written again, so a second name
 * for each is enough. */
export function copyStoreFiles(from: string, to: string): void {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const { name } = entry;
    if (LEFT_OUT.has(name) || name.startsWith("LOG.old")) continue;
    if (!entry.isFile() && STORE_FILE.test(name)) {
      throw new StrataError("STORAGE_OPEN", { path: from, reason: `${name} is no file` });
    }
    if (!entry.isFile() && name !== MARK_FILE) continue;
    const [source, target] = [join(from, name), join(to, name)];
    if (!name.endsWith(".sst") || !link(source, target)) copyFileSync(source, target);
  }
}

/** False where the file system has no second names. */
function link(source: string, target: string): boolean {
  try {
    linkSync(source, target);
    return true;
  } catch {
    return false;
  }
}
