import type { ChannelReceiver, ChannelSender, RecordHandler } from "../../engine/core/shared-channel.js";

/** Main's end of a worker. In production a Piscina task with two rings; in the simulator an object on the
 * same thread. */
export interface WorkerLink {
  /** Records to the worker. Call `sender.publish()` once per event-loop turn. */
  readonly sender: ChannelSender;
  /** Called for each record from the worker, on main's event loop. Set once, before `start`. */
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

/** The worker's end. */
export interface WorkerContext {
  readonly receiver: ChannelReceiver;
  readonly sender: ChannelSender;
  /** The next control message of `WorkerLink.post`, undefined when there is none. Never blocks. */
  receiveMessage(): unknown;
  /** What main gave at start; plain data and shared buffers. */
  readonly data: unknown;
}

/** What a worker role implements: a pure class that can be tested without threads. */
export interface WorkerLoop {
  /** Before the first `poll`. */
  start(): Promise<void>;
  /** Does what is there to do; false when there was nothing, then the thread sleeps until its doorbell
   * rings. A throw ends the worker with that error. */
  poll(): boolean;
  /** After the last `poll`. */
  stop(): Promise<void>;
}
