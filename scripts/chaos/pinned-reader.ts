import { setTimeout as sleep } from "node:timers/promises";
import type { SeededRandom } from "../../engine/core/random.js";
import type { ResponseOf } from "../../protocol/client/index.js";
import type { HistoryRecorder } from "../../test/support/linearizability/history.js";
import { containerName } from "./chaos-client.js";
import { MemberLink } from "./member-link.js";
import { Repetition } from "./repetition.js";

const PAUSE_MS = 120;
/** Longer than any fault lasts. */
const TIMEOUT_MS = 40_000;
const UNDER_WAY_MAX = 256;
const SETTLE_LIMIT_MS = 5_000;

/** Reads from one SCM and no other, whoever leads, and goes on asking while it does not answer. The client
 * library goes elsewhere by then; but what an SCM answers that was frozen or cut off, and does not know yet
 * that others have gone on, must be right, too. */
export class PinnedReader {
  readonly #name: string;
  readonly #link: MemberLink;
  readonly #random: SeededRandom;
  readonly #containerCount: number;
  readonly #asking = new Repetition();
  #underWay = 0;

  constructor(endpoint: string, options: { random: SeededRandom; containerCount: number }) {
    this.#name = `only ${endpoint.slice(endpoint.lastIndexOf(":"))}`;
    this.#link = new MemberLink(endpoint);
    this.#random = options.random;
    this.#containerCount = options.containerCount;
  }

  start(recorder: HistoryRecorder): void {
    this.#asking.start(async () => {
      if (this.#underWay < UNDER_WAY_MAX) void this.#read(recorder);
      await sleep(PAUSE_MS);
    });
  }

  /** What is not answered soon stays without an answer: a read that says nothing. */
  async stop(): Promise<void> {
    await this.#asking.stop();
    const dueMs = performance.now() + SETTLE_LIMIT_MS;
    while (this.#underWay > 0 && performance.now() < dueMs) await sleep(PAUSE_MS);
  }

  close(): void {
    this.#link.close();
  }

  async #read(recorder: HistoryRecorder): Promise<void> {
    const containerId = 1 + this.#random.below(this.#containerCount);
    this.#underWay++;
    const call = recorder.invoke(this.#name, containerName(containerId), { read: true });
    const request = { containerId };
    const response: ResponseOf<"getContainer"> | undefined = await this.#link.ask(
      "getContainer",
      request,
      TIMEOUT_MS,
    );
    this.#underWay--;
    if (response === undefined) call.refused();
    else call.returned(response.container.suppressed);
  }
}
