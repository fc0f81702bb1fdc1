import { closeSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";

/** CPU time of one thread in nanoseconds (Linux: first field of schedstat). Undefined where the kernel has
 * none. */
export function threadCpuNs(pid: number, threadId: number): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${threadId}/schedstat`, "utf8").split(" ")[0]);
  } catch {
    return undefined;
  }
}

/** How long a process's main thread has waited for a core while it had work, in nanoseconds (Linux: second
 * field of schedstat). */
export function mainWaitNs(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "utf8").split(" ")[1]);
}

/** CPU time of all threads of a process in nanoseconds. */
export function processCpuNs(pid: number): number {
  let total = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) total += threadCpuNs(pid, Number(thread)) ?? 0;
  return total;
}

/** Resident memory of a process in bytes. */
export function residentBytes(pid: number): number {
  return statusBytes(pid, "VmRSS");
}

/** The most that it ever was. */
export function residentPeakBytes(pid: number): number {
  return statusBytes(pid, "VmHWM");
}

function statusBytes(pid: number, name: string): number {
  const match = new RegExp(`${name}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return match === null ? 0 : Number(match[1]) * 1024;
}

/** This process's main thread as the kernel accounts for it (Linux: schedstat), in µs. */
class MainTimes {
  readonly #file = openSync(`/proc/self/task/${process.pid}/schedstat`, "r");
  readonly #bytes = Buffer.alloc(128);

  us(field: number): number {
    const length = readSync(this.#file, this.#bytes, 0, this.#bytes.length, 0);
    return Number(this.#bytes.toString("latin1", 0, length).split(" ")[field]) / 1000;
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** How long this process's main thread has waited for a core while it had work, in µs: what its turns took
 * longer because others ran. */
export class CoreWait {
  readonly #times = new MainTimes();

  us(): number {
    return this.#times.us(1);
  }

  close(): void {
    this.#times.close();
  }
}

/** CPU time of this process's main thread, asked by itself, in µs. The kernel's file by itself grows with its
 * ticks only; asking for the process's times (getrusage) brings the asking thread's up to date. */
export class MainCpu {
  readonly #times = new MainTimes();

  us(): number {
    process.cpuUsage();
    return this.#times.us(0);
  }
}
