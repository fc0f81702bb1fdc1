import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Histogram } from "../harness/histogram.js";
import type { LoadSummary } from "../load/run-load.js";
import type { LoadCommand, LoadReply, LoadTarget } from "./hadoop-load.js";

const ENTRY = fileURLToPath(new URL("./load-process.js", import.meta.url));

/** The load on one server, in a process of its own, so that its CPU is not the server's. */
export class LoadClient {
  readonly #child: ChildProcess;

  constructor(target: LoadTarget) {
    this.#child = fork(ENTRY, [JSON.stringify(target)], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  }

  /** Throws when every call failed: there is nothing to measure then. */
  async run(command: LoadCommand): Promise<LoadSummary> {
    const reply = await this.#ask(command);
    const { count, failedCount, failure, seconds, cpuShare } = reply;
    if (count === 0 && failedCount > 0)
      throw new Error(`${command.call}: all ${failedCount} calls failed: ${failure}`);
    const latencyUs = new Histogram();
    latencyUs.merge(reply.latencyUs, reply.latencyMaxUs);
    return { count, failedCount, seconds, perSecond: count / seconds, latencyUs, cpuShare };
  }

  end(): void {
    this.#child.kill();
  }

  #ask(command: LoadCommand): Promise<LoadReply> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null): void =>
        reject(new Error(`the load's process ended with ${code}`));
      this.#child.once("exit", onExit);
      this.#child.once("message", (reply) => {
        this.#child.off("exit", onExit);
        resolve(reply as LoadReply);
      });
      this.#child.send(command);
    });
  }
}
