import { setTimeout as sleep } from "node:timers/promises";
import { AdminCalls } from "../../protocol/client/admin-calls.js";
import { defaultEnvironment, promised, type ResponseOf } from "../../protocol/client/index.js";
import type { HistoryRecorder } from "../../test/support/linearizability/history.js";

export const SESSIONS = "session ids";

/** Well below what a group keeps of them, in hours. */
const PAUSE_MS = 1_000;
const ATTEMPT_TIMEOUT_MS = 200;
const TIMEOUT_MS = 10_000;

/** Opens one session after the other, for their ids: none may be given twice, by whichever leader. */
export class SessionOpener {
  readonly #calls: AdminCalls;
  #isRunning = false;
  #work: Promise<void> = Promise.resolve();

  constructor(endpoints: readonly string[]) {
    this.#calls = new AdminCalls(defaultEnvironment(), {
      endpoints,
      clientName: "chaos sessions",
      timeoutMs: TIMEOUT_MS,
      attemptTimeoutMs: ATTEMPT_TIMEOUT_MS,
      handshakeTimeoutMs: ATTEMPT_TIMEOUT_MS,
    });
  }

  start(recorder: HistoryRecorder): void {
    this.#isRunning = true;
    this.#work = this.#run(recorder);
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    await this.#work;
  }

  close(): void {
    this.#calls.close();
  }

  async #run(recorder: HistoryRecorder): Promise<void> {
    while (this.#isRunning) {
      const call = recorder.invoke("sessions", SESSIONS, { reserve: 1 });
      try {
        const { sessionId } = await promised<ResponseOf<"openSession">>((completion) => {
          const request = { clientName: "chaos sessions" };
          this.#calls.start({ name: "openSession", request, completion, isMutation: false });
        });
        call.returned(sessionId);
      } catch {
        // Nobody knows whether one was opened.
      }
      await sleep(PAUSE_MS);
    }
  }
}
