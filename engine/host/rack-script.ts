import { execFile } from "node:child_process";

/** A script that hangs is as good as one that fails. */
const RUN_MS_MAX = 10_000;
const OUTPUT_BYTES_MAX = 1 << 20;

export type OnRacks = (racks: readonly string[] | Error) => void;

/** Asks a program of the operator for the racks of some hosts: it gets their names or addresses as arguments
 * and prints one path for each (spec 03 §12.2 rule 2). It runs without a shell. */
export function runRackScript(script: string, hosts: readonly string[], onRacks: OnRacks): void {
  const options = { timeout: RUN_MS_MAX, killSignal: "SIGKILL", maxBuffer: OUTPUT_BYTES_MAX } as const;
  execFile(script, hosts, options, (error, output) => {
    if (error !== null) return onRacks(reasonOf(error));
    const racks = output.split(/\s+/).filter((word) => word !== "");
    if (racks.length === hosts.length) return onRacks(racks);
    return onRacks(new Error(`it printed ${racks.length} racks for ${hosts.length} hosts`));
  });
}

function reasonOf(error: Error & { killed?: boolean; code?: number | string | null }): Error {
  if (error.killed === true) return new Error(`it did not end within ${RUN_MS_MAX} ms, or printed too much`);
  if (typeof error.code === "number") return new Error(`it ended with exit code ${error.code}`);
  return error;
}
