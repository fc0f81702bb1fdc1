import { type AdminClient, codeOf, createAdminClient } from "../../protocol/client/index.js";
import type { Lane, Step } from "./lane.js";
import { answerText } from "./lane-model.js";
import { CLIENT_BACKOFF, type LoadClient, type LoadClientOptions } from "./load-client.js";

/** Long enough for everything that a round does to the SCM: a call never ends without an outcome. */
const TIMEOUT_MS = 120_000;

/** An administrator with the client library, who is told nothing of kills: several streams of operations,
 * one at a time each, in one session. What the library promises is checked by the lanes: every call ends
 * with the answer to the only time that it was carried out. */
export class LibraryClient implements LoadClient {
  readonly lanes: readonly Lane[];
  readonly #options: LoadClientOptions;
  readonly #client: AdminClient;
  #isPaused = true;
  #running: Promise<void>[] = [];

  constructor(lanes: readonly Lane[], options: LoadClientOptions) {
    this.lanes = lanes;
    this.#options = options;
    this.#client = createAdminClient({
      endpoints: [options.endpoint],
      clientName: "kill9 library",
      timeoutMs: TIMEOUT_MS,
      backoff: CLIENT_BACKOFF,
    });
  }

  async resume(): Promise<void> {
    this.#isPaused = false;
    this.#running = this.lanes.map((lane) => this.#run(lane));
  }

  pause(): void {
    this.#isPaused = true;
  }

  /** When every call has its outcome. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  close(): void {
    this.#client.close();
  }

  async #run(lane: Lane): Promise<void> {
    try {
      while (!this.#isPaused) await this.#step(lane, lane.next(this.#options.isNodeRegistered(lane.index)));
    } catch (error) {
      this.#options.onProblem(error);
    }
  }

  async #step(lane: Lane, step: Step): Promise<void> {
    const { name } = step.operation;
    try {
      lane.answered(step, answerText(name, await this.#ask(step)));
    } catch (error) {
      const code = codeOf(error);
      if (code === undefined) throw error;
      lane.answered(step, code);
    }
  }

  #ask({ operation: { name, request } }: Step): Promise<object> {
    switch (name) {
      case "import":
        return this.#client.import(request);
      case "suppressContainers":
        return this.#client.suppressContainers(request);
      case "setNodeOperationalState":
        return this.#client.setNodeOperationalState(request);
    }
  }
}
