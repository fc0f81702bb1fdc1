import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Removed when this process ends, by a signal too where something listens to it (`endWithUs` does). What is
 * killed then may take a moment to be gone, and its files with it. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "strata-bench-"));
  process.on("exit", () => rmSync(directory, { recursive: true, force: true, maxRetries: 10 }));
  return directory;
}
