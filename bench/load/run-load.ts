import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Histogram } from "../harness/histogram.js";
import type { LoadRequest, LoadResult } from "./load.js";

export interface LoadSummary {
  readonly count: number;
  readonly failedCount: number;
  readonly seconds: number;
  /** Items a second, over the time that the generator itself measured. */
  readonly perSecond: number;
  readonly latencyUs: Histogram;
  readonly cpuShare: number;
}

/** Runs a load to its end in a process of its own. */
export function runLoad(request: LoadRequest): Promise<LoadSummary> {
  return nextResult(startProcess(request));
}

/** A load in a process of its own, measured piece by piece without a pause between. */
export class RunningLoad {
  readonly #child: ChildProcess;

  constructor(request: LoadRequest) {
    this.#child = startProcess(request);
  }

  /** What was measured since the last cut, or since the load began. */
  cut(): Promise<LoadSummary> {
    const result = nextResult(this.#child);
    this.#child.send("cut");
    return result;
  }

  end(): void {
    this.#child.kill();
  }
}

function startProcess(request: LoadRequest): ChildProcess {
  const entry = fileURLToPath(new URL("./process.js", import.meta.url));
  return fork(entry, [JSON.stringify(request)], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
}

async function nextResult(child: ChildProcess): Promise<LoadSummary> {
  const result = await new Promise<LoadResult>((resolve, reject) => {
    const onExit = (code: number | null): void => reject(new Error(`the load generator ended with ${code}`));
    child.once("message", (message) => {
      child.off("exit", onExit);
      resolve(message as LoadResult);
    });
    child.once("exit", onExit);
  });
  const latencyUs = new Histogram();
  latencyUs.merge(result.latencyUs, result.latencyMaxUs);
  const { count, failedCount, cpuShare, seconds } = result;
  return { count, failedCount, seconds, perSecond: count / seconds, latencyUs, cpuShare };
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
