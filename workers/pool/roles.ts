import type { Scheduler } from "../../engine/core/scheduler.js";
import { WorkerPool } from "./worker-pool.js";

/** The threads of one SCM. */
export function scmWorkerPool(options: {
  readonly scheduler: Scheduler;
  readonly shardCount: number;
  /** A worker's loop runs, in a thread of its own. */
  onStarted?(): void;
}): WorkerPool {
  return new WorkerPool({
    scheduler: options.scheduler,
    ...(options.onStarted === undefined ? {} : { onStarted: options.onStarted }),
    roles: {
      log: { entry: new URL("../log/entry.js", import.meta.url), threadCount: 1 },
      front: { entry: new URL("../front/entry.js", import.meta.url), threadCount: 1 },
      state: { entry: new URL("../state/entry.js", import.meta.url), threadCount: 1 },
      shard: { entry: new URL("../shard/entry.js", import.meta.url), threadCount: options.shardCount },
    },
  });
}
