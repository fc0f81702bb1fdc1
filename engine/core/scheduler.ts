/** The only way to run something later. In production timers and the event loop, in the simulator a queue. */
export interface Scheduler {
  /** Runs `task` once, `delayMs` ≥ 0 from now. A timer that is late runs once, never as a burst. */
  after(delayMs: number, task: () => void): Timer;
  /** Runs `task` again and again, `intervalMs` > 0 after the previous run ended. */
  every(intervalMs: number, task: () => void): Timer;
  /** Runs `task` once when the present event-loop turn has handled its input. */
  endOfTurn(task: () => void): void;
}

export interface Timer {
  /** Cancelling a timer that has run, or twice, does nothing. */
  cancel(): void;
}
