import type { ChannelReceiver, ChannelSender, RecordHandler } from "../../engine/core/shared-channel.js";

/** Main's end of a worker. In production a Piscina task with two rings; in the simulator an object on the
 * same thread. */
export interface WorkerLink {
  /** Records to the worker. Call `sender.publish()` once per event-loop turn. */
  readonly sender: ChannelSender;
  /** Where the records lie that `onRecord` gets. */
  readonly receiver: RecordMemory;
  /** Called for each record from the worker, on main's event loop; the offset is one in `receiver`, the
   * payload is valid during the call only. Set once, before the first turn after the start. */
  onRecord: RecordHandler;
  /** After a drained batch of records: the place to publish answers and end the turn's work. */
  onBatchEnd: () => void;
  /** Hands over shared buffers or rare control messages. A record published afterwards is never seen before
   * it. */
  post(message: unknown): void;
  /** Resolves when the worker has started (its `start` returned). */
  readonly started: Promise<void>;
  /** Resolves with the reason when the worker has ended: undefined after `stop`, else the error. */
  readonly ended: Promise<Error | undefined>;
  /** Lets the loop finish what was published, close its stores and return. */
  stop(): Promise<void>;
}

export type RecordMemory = Pick<ChannelReceiver, "bytes" | "view">;

/** Starts workers: WorkerPool in production, SimWorkerPool in the simulator. */
export interface WorkerStarter {
  /** Starts worker `index` (0 …) of a role. Its `onRecord` must be set before the caller returns to the event
   * loop. */
  start(role: string, index: number, options: WorkerStartOptions): WorkerLink;
}

export interface WorkerStartOptions {
  /** Plain data and shared buffers. */
  readonly data: unknown;
  /** Capacity of the ring in each direction, a power of two; a record may take a quarter of it. */
  readonly ringBytes: number;
  /** Layouts of the shared memory that both sides use: the worker refuses to run when its own differ. */
  readonly layouts?: readonly SharedLayout[];
  /** The role lives by its event loop (`runEventedWorker`) and takes no control messages. */
  readonly isEvented?: true;
}

/** What is compared of a `Layout`. */
export interface SharedLayout {
  readonly name: string;
  readonly hash: number;
}

/** The worker's end. */
export interface WorkerContext {
  /** Hands out nothing while a control message waits, so that no record overtakes one that was posted before
   * it. */
  readonly receiver: ChannelReceiver;
  /** Published after each `poll`, and earlier when the loop does it. When `reserve` finds no room, keep the
   * record and return false from `poll`: it is called again within a millisecond. */
  readonly sender: ChannelSender;
  /** The next control message of `WorkerLink.post`, undefined when there is none. Never blocks. Each `poll`
   * must take all of them, before it drains. */
  receiveMessage(): unknown;
  /** What main gave at start; plain data and shared buffers. */
  readonly data: unknown;
}

/** What a worker role implements: a pure class that can be tested without threads. */
export interface WorkerLoop {
  /** Before the first `poll`. */
  start(): Promise<void>;
  /** Does what is there to do; false when there was nothing, then the thread sleeps until its doorbell rings.
   * While it sleeps, its promises and timers stand still: return true while waiting for one. A throw ends the
   * worker with that error. */
  poll(): boolean;
  /** After the last `poll`. */
  stop(): Promise<void>;
}
