import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export interface CrashedScmOptions {
  /** Metadata directory, not there yet. */
  readonly directory: string;
  /** Entries in the log, each of 256 B but for the first ones, which import the containers. */
  readonly entryCount: number;
  /** How many went into one synced batch. */
  readonly entriesPerBlob: number;
  /** Entries between two flushes of the state; as many come after the last one. */
  readonly replayCount: number;
  readonly containerCount: number;
}

/** Leaves a directory as an SCM that was killed: its log with no truncation, its state some entries behind,
 * RocksDB's own logs as they were. */
export async function leaveCrashedScm(options: CrashedScmOptions): Promise<void> {
  const entry = fileURLToPath(new URL("./crashed-scm-process.js", import.meta.url));
  const child = fork(entry, [JSON.stringify(options)], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
  if (signal !== "SIGKILL") throw new Error(`the SCM ended with ${code ?? signal} before it was killed`);
}
