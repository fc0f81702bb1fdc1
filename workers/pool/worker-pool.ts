import { fileURLToPath } from "node:url";
import type { ResourceLimits } from "node:worker_threads";
import { Piscina } from "piscina";
import { assert } from "../../engine/core/assert.js";
import type { Scheduler } from "../../engine/core/scheduler.js";
import type { WorkerLink, WorkerStarter, WorkerStartOptions } from "../shared/worker-link.js";
import { PooledLink } from "./pooled-link.js";

export interface RoleOptions {
  /** The role's entry file; its default export comes from `runWorker`. */
  readonly entry: URL;
  /** Threads of the role; they are there as long as the pool. */
  readonly threadCount: number;
  /** Heap limits of each thread. A thread that exceeds them ends with ERR_WORKER_OUT_OF_MEMORY; shared memory
   * does not count. */
  readonly resourceLimits?: ResourceLimits;
}

export interface WorkerPoolOptions {
  readonly scheduler: Scheduler;
  readonly roles: Readonly<Record<string, RoleOptions>>;
  /** A worker's loop runs, in a thread of its own. */
  onStarted?(): void;
}

/** Piscina first tries to `require` the entry. Where Node.js can do that with a module, a thread that is
 * terminated meanwhile takes the whole process with it (an assertion in its `CreateRequiredModuleFacade`,
 * seen with 20.20.2); an import ends as it should. */
const REQUIRE_MODULE_FLAG = "--experimental-require-module";
const WORKER_ARGUMENTS = process.allowedNodeEnvironmentFlags.has(REQUIRE_MODULE_FLAG)
  ? [...process.execArgv, REQUIRE_MODULE_FLAG.replace("--", "--no-")]
  : process.execArgv;

interface Running {
  readonly link: PooledLink;
  readonly abort: AbortController;
}

/** The threads of the SCM: for each role a Piscina pool of fixed size whose tasks are the workers' endless
 * loops. The task's promise tells how a worker ended (`WorkerLink.ended`); the pool replaces a lost thread by
 * itself, but never starts its loop again: that is the caller's decision (architecture.md §9). `ended` is
 *
 *   - undefined after `stop`,
 *   - StrataError WORKER_TERMINATED when the thread was terminated from outside,
 *   - whatever was thrown, inside the loop or outside of it: AssertionError, StrataError, or an Error with
 *     the original's name, message and stack. */
export class WorkerPool implements WorkerStarter {
  readonly #options: WorkerPoolOptions;
  readonly #pools = new Map<string, Piscina>();
  readonly #running = new Map<string, Running>();

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
  }

  start(role: string, index: number, options: WorkerStartOptions): WorkerLink {
    const key = `${role} ${index}`;
    assert(!this.#running.has(key), `worker ${key} is running`);
    const pool = this.#poolOf(role, index);
    const abort = new AbortController();
    const link = new PooledLink({
      ...options,
      role,
      index,
      scheduler: this.#options.scheduler,
      run: (startup, transferList) => pool.run(startup, { transferList, signal: abort.signal }),
    });
    const running = { link, abort };
    // Whoever starts it is told when it could not start.
    link.started.then(
      () => this.#options.onStarted?.(),
      () => undefined,
    );
    this.#running.set(key, running);
    void link.ended.then(() => {
      if (this.#running.get(key) === running) this.#running.delete(key);
    });
    return link;
  }

  /** The kernel's number of each running worker's thread by `<role>-<index>`, for accounting CPU time. */
  threadIds(): Map<string, number> {
    const ids = new Map<string, number>();
    for (const [key, { link }] of this.#running) ids.set(key.replace(" ", "-"), link.threadId);
    return ids;
  }

  /** Ends a worker's thread where it stands, as a fault test does. */
  terminate(role: string, index: number): void {
    const running = this.#running.get(`${role} ${index}`);
    assert(running !== undefined, `worker ${role} ${index} is not running`);
    running.abort.abort();
  }

  /** Stops all workers (see `WorkerLink.stop`), then ends the threads. */
  async close(): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ link }) => link.stop()));
    await this.destroy();
  }

  /** Ends all threads where they stand. */
  async destroy(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.destroy()));
    this.#pools.clear();
  }

  #poolOf(role: string, index: number): Piscina {
    const options = this.#options.roles[role];
    assert(options !== undefined, `no worker role ${role}`);
    assert(index >= 0 && index < options.threadCount, `role ${role} has no worker ${index}`);
    const existing = this.#pools.get(role);
    if (existing !== undefined) return existing;
    const pool = new Piscina({
      filename: fileURLToPath(options.entry),
      minThreads: options.threadCount,
      maxThreads: options.threadCount,
      concurrentTasksPerWorker: 1,
      // The loops need their event loop; between tasks a thread waits for messages like any other.
      atomics: "disabled",
      recordTiming: false,
      execArgv: WORKER_ARGUMENTS,
      ...(options.resourceLimits === undefined ? {} : { resourceLimits: options.resourceLimits }),
    });
    this.#pools.set(role, pool);
    return pool;
  }
}
