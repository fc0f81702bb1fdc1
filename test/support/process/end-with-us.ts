import type { ChildProcess } from "node:child_process";

const alive = new Set<ChildProcess>();
let isWatching = false;

/** `child` does not outlive this process, unless that is killed itself. */
export function endWithUs(child: ChildProcess): void {
  watch();
  alive.add(child);
  child.once("close", () => alive.delete(child));
  child.once("error", () => alive.delete(child));
}

function watch(): void {
  if (isWatching) return;
  isWatching = true;
  // Before those who remove what the children use.
  process.prependListener("exit", () => {
    for (const child of alive) child.kill("SIGKILL");
  });
  // Without a listener these would end us without "exit".
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(name, () => process.exit(1));
}
