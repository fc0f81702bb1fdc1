import { type ChildProcess, spawn } from "node:child_process";

/** How a program ended. */
export interface Ended {
  /** Null when it was killed. */
  readonly code: number | null;
  readonly isTimedOut: boolean;
  /** What it printed on both streams. */
  readonly output: string;
}

const alive = new Set<ChildProcess>();
let isWatching = false;

/** Runs node with `args` in `directory`, for at most `limitMs`. It and all that it started end with it, and
 * with us. */
export async function runNode(args: readonly string[], directory: string, limitMs: number): Promise<Ended> {
  endAllAtExit();
  // A group of its own; and nothing of the environment, where a test runner above us leaves marks.
  const child = spawn(process.execPath, args, {
    cwd: directory,
    detached: true,
    env: { TMPDIR: directory },
    stdio: ["ignore", "pipe", "pipe"],
  });
  alive.add(child);
  let output = "";
  let isTimedOut = false;
  const take = (bytes: Buffer): void => {
    output += String(bytes);
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  const timer = setTimeout(() => {
    isTimedOut = true;
    endGroup(child);
  }, limitMs);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    return { code, isTimedOut, output };
  } finally {
    clearTimeout(timer);
    endGroup(child);
    alive.delete(child);
  }
}

function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // All of them have ended.
  }
}

function endAllAtExit(): void {
  if (isWatching) return;
  isWatching = true;
  process.on("exit", () => {
    for (const child of alive) endGroup(child);
  });
}
