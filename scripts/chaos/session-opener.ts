import { setTimeout as sleep } from "node:timers/promises";
import { AdminCalls } from "../../protocol/client/admin-calls.js";
import { defaultEnvironment, promised, type ResponseOf } from "../../protocol/client/index.js";
import type { HistoryRecorder } from "../../test/support/linearizability/history.js";
import { Repetition } from "./repetition.js";

export const SESSIONS = "session ids";

/** Well below what a group keeps of them, in hours. */
const PAUSE_MS = 1_000;
const ATTEMPT_TIMEOUT_MS = 200;
const TIMEOUT_MS = 10_000;

/** Opens one session after the other, for their ids: none may be given twice, by whichever leader. */
export class SessionOpener {
  readonly #calls: AdminCalls;
  readonly #opening = new Repetition();

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
    this.#opening.start(async () => {
      await this.#open(recorder);
      await sleep(PAUSE_MS);
    });
  }

  async stop(): Promise<void> {
    await this.#opening.stop();
  }

  close(): void {
    this.#calls.close();
  }

  async #open(recorder: HistoryRecorder): Promise<void> {
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
  }
}
