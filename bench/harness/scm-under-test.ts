import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { assert } from "../../engine/core/assert.js";
import { endWithUs } from "../../test/support/process/end-with-us.js";
import { runCommand } from "../../test/support/process/strata-process.js";
import { GcPauses, gcTraceOptions } from "./gc-pauses.js";
import { readMetrics } from "./prom.js";
import { residentBytes, residentPeakBytes } from "./thread-cpu.js";

const MAIN = fileURLToPath(new URL("../../engine/main.js", import.meta.url));
const START_TIMEOUT_MS = 120_000;

export interface ScmSettings {
  /** Metadata directory; kept between starts. */
  readonly directory: string;
  /** `key=value` of the configuration. */
  readonly settings?: readonly string[];
  /** A program that is run in the place of the binary, and takes messages. */
  readonly entry?: string;
  /** Has V8 write of every garbage collection into this file, for `gcPauses`. */
  readonly gcTrace?: string;
  /** Further options of Node.js, such as `--cpu-prof`. */
  readonly nodeOptions?: readonly string[];
}

/** An SCM in a process of its own, as an operator runs it; what is measured of it comes from its own
 * /prom. It does not outlive this one, unless that is killed itself. */
export class ScmUnderTest {
  readonly endpoint: string;
  readonly startedMs: number;
  readonly #child: ChildProcess;
  readonly #httpUrl: string;
  readonly #gcTrace: string | undefined;

  private constructor(
    child: ChildProcess,
    { wsPort, httpPort }: Ports,
    startedMs: number,
    gcTrace: string | undefined,
  ) {
    this.#child = child;
    this.endpoint = `ws://127.0.0.1:${wsPort}`;
    this.#httpUrl = `http://127.0.0.1:${httpPort}`;
    this.startedMs = startedMs;
    this.#gcTrace = gcTrace;
  }

  /** Initialises the directory for imports when that is new, starts the SCM, waits until it serves. */
  static async start(options: ScmSettings): Promise<ScmUnderTest> {
    const { directory, settings = [], entry = MAIN, gcTrace, nodeOptions = [] } = options;
    const words = [
      `ozone.metadata.dirs=${directory}`,
      "strata.ws.address=127.0.0.1:0",
      "strata.raft.bind.host=127.0.0.1",
      "ozone.scm.ratis.port=0",
      "ozone.scm.http-address=127.0.0.1:0",
      // All datanodes are on this machine, and imported pipelines have the names that they give themselves.
      "hdds.datanode.use.datanode.hostname=true",
      ...settings,
    ].flatMap((setting) => ["-D", setting]);
    if (!existsSync(directory)) {
      const init = ["scm", "--init", "--local-id-floor", "0", "--term-floor", "0", ...words];
      const { code, text } = await runCommand(init);
      assert(code === 0, `--init ended with ${code}: ${text}`);
    }
    const beganMs = performance.now();
    const child = spawn(process.execPath, [...nodeOptions, entry, "scm", ...words], {
      stdio: ["ignore", "ignore", "pipe", ...(entry === MAIN ? [] : ["ipc" as const])],
      ...(gcTrace === undefined ? {} : { env: { NODE_OPTIONS: gcTraceOptions(gcTrace) } }),
    });
    endWithUs(child);
    const found = await ports(child);
    return new ScmUnderTest(child, found, performance.now() - beganMs, gcTrace);
  }

  /** What another program than the binary answers to a message. */
  async ask(message: object): Promise<unknown> {
    const waiting = new AbortController();
    const { signal } = waiting;
    const ended = once(this.#child, "exit", { signal }).then(() =>
      Promise.reject(new Error("the SCM ended")),
    );
    ended.catch(() => undefined);
    this.#child.send(message);
    try {
      const [answer] = await Promise.race([once(this.#child, "message", { signal }), ended]);
      return answer;
    } finally {
      waiting.abort();
    }
  }

  get pid(): number {
    assert(this.#child.pid !== undefined, "the SCM has a process");
    return this.#child.pid;
  }

  /** Every number of /prom by its name with labels, such as `strata_thread_cpu_seconds{thread="main"}`. */
  async metrics(): Promise<ReadonlyMap<string, number>> {
    return await readMetrics(this.#httpUrl);
  }

  /** The steps of the start and how long each took, in ms. */
  async bootSteps(): Promise<ReadonlyMap<string, number>> {
    const text = await (await fetch(`${this.#httpUrl}/readyz`)).text();
    const { steps } = JSON.parse(text) as { steps: { name: string; tookMs: number }[] };
    return new Map(steps.map(({ name, tookMs }) => [name, tookMs]));
  }

  residentBytes(): number {
    return residentBytes(this.pid);
  }

  /** The most that it ever was. */
  residentPeakBytes(): number {
    return residentPeakBytes(this.pid);
  }

  /** Of all threads; asked for at the start, and told after the end. */
  gcPauses(): GcPauses {
    assert(this.#gcTrace !== undefined, "collections are traced");
    return GcPauses.ofFile(this.#gcTrace);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await exit;
  }
}

interface Ports {
  readonly wsPort: number;
  readonly httpPort: number;
}

/** Ports from the SCM's own log. */
async function ports(child: ChildProcess): Promise<Ports> {
  assert(child.stderr !== null, "the log is piped");
  const timer = setTimeout(() => child.kill("SIGKILL"), START_TIMEOUT_MS);
  let httpPort = 0;
  for await (const line of createInterface({ input: child.stderr })) {
    if (!line.startsWith("{")) throw new Error(`the SCM did not start: ${line}`);
    const record = JSON.parse(line) as { msg: string; step?: string; detail?: string; port?: number };
    if (record.msg === "web pages") httpPort = record.port ?? 0;
    if (record.step !== "listening") continue;
    clearTimeout(timer);
    // The rest of the log is drained, so that the SCM never waits for us.
    child.stderr.resume();
    return { wsPort: Number(record.detail?.split(":").at(-1)), httpPort };
  }
  throw new Error("the SCM ended before it served");
}
