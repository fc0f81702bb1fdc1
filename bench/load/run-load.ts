import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Histogram } from "../harness/histogram.js";
import type { LoadRequest, LoadResult } from "./load.js";

export interface LoadSummary {
  readonly count: number;
  readonly failedCount: number;
  /** Items a second, over the time that the generator itself measured. */
  readonly perSecond: number;
  readonly latencyUs: Histogram;
  readonly cpuShare: number;
}

/** Runs a load to its end in a process of its own. */
export async function runLoad(request: LoadRequest): Promise<LoadSummary> {
  const entry = fileURLToPath(new URL("./process.js", import.meta.url));
  const child = fork(entry, [JSON.stringify(request)], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const result = await new Promise<LoadResult>((resolve, reject) => {
    child.once("message", (message) => resolve(message as LoadResult));
    child.once("exit", (code) => reject(new Error(`the load generator ended with ${code}`)));
  });
  const latencyUs = new Histogram();
  latencyUs.merge(result.latencyUs, result.latencyMaxUs);
  const { count, failedCount, cpuShare, seconds } = result;
  return { count, failedCount, perSecond: count / seconds, latencyUs, cpuShare };
}

/** p50, p99, p999 and the generator's share of a core, for the lines above the figures. */
export function loadLine({ perSecond, latencyUs, cpuShare, failedCount }: LoadSummary): string {
  const p = (rank: number): string => `${latencyUs.percentile(rank).toFixed(0)} µs`;
  return [
    `rate ${perSecond.toFixed(0)}/s`,
    `p50 ${p(0.5)} p99 ${p(0.99)} p999 ${p(0.999)}`,
    `failed ${failedCount}`,
    `generator ${(cpuShare * 100).toFixed(0)} % of a core`,
  ].join(", ");
}
