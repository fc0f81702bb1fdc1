import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { FleetPlanOptions } from "../fleet/plan.js";

export interface FilledScmOptions {
  /** Metadata directory, not there yet. */
  readonly directory: string;
  readonly plan: FleetPlanOptions;
}

/** Leaves a directory as an SCM with the plan's pipelines and containers that was stopped. Through the admin
 * protocol 66.7 M containers take minutes and 10 GB of log, so they go straight into the tables, which the
 * state thread writes as it always does; only the imports' entries in log and history are missing. */
export async function leaveFilledScm(options: FilledScmOptions): Promise<void> {
  const entry = fileURLToPath(new URL("./filled-scm-process.js", import.meta.url));
  const child = fork(entry, [JSON.stringify(options)], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
  if (code !== 0) throw new Error(`the SCM was not filled: ${code ?? signal}`);
}
