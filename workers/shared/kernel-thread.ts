import { readlinkSync } from "node:fs";

/** By which the system accounts CPU time to this thread; 0 where it does not say. */
export function kernelThreadId(): number {
  try {
    return Number(readlinkSync("/proc/thread-self").split("/").at(-1));
  } catch {
    return 0;
  }
}
