import type { Clock } from "./clock.js";
import type { Disk } from "./disk.js";
import type { Network } from "./network.js";
import type { Random } from "./random.js";
import type { Scheduler } from "./scheduler.js";
import type { Transport } from "./transport.js";

/** What a host may touch of the world. Production and simulation each implement it once; nothing else may
 * name time, randomness or I/O (tidy enforces it). */
export interface Environment {
  readonly clock: Clock;
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly disk: Disk;
  readonly network: Network;
  readonly transport: Transport;
}
