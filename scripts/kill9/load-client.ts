import type { Lane } from "./lane.js";

/** Short pauses: what waits for the SCM's return is the test. */
export const CLIENT_BACKOFF = { initialMs: 20, maximumMs: 150 };

export interface LoadClientOptions {
  readonly endpoint: string;
  /** Whether the datanode of a lane has registered with the SCM that runs now. */
  isNodeRegistered(lane: number): boolean;
  /** A wrong answer, or anything else that must not happen. */
  onProblem(error: unknown): void;
}

/** Somebody who gives the SCM work through its admin protocol. */
export interface LoadClient {
  readonly lanes: readonly Lane[];
  /** Begins to send; the SCM serves. */
  resume(): Promise<void>;
  /** Sends nothing new. */
  pause(): void;
  /** Nothing is under way any more. */
  settled(): Promise<void>;
  close(): void;
}
