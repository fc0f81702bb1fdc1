import type { Clock } from "../../engine/core/clock.js";
import type { FrontBug } from "../shared/front-bug.js";
import { describeFailure } from "../shared/worker-failure.js";

/** A bug that each of a million calls meets is told once in this time. */
const SAME_KIND_MS = 60_000;
/** Kinds that are told in that time. */
const KIND_COUNT_MAX = 32;
/** Of a message and of a stack: the one may hold what a client has sent. */
const TEXT_LENGTH_MAX = 4000;

/** Bugs that calls meet. The client is answered, so that it ends at once (spec 12 §3.4) and nobody else
 * notices; without this nobody would know of the bug either. */
export class BugReports {
  count = 0;
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #tell: (bug: FrontBug) => boolean;
  readonly #kinds = new Set<string>();
  #sinceMs = Number.NEGATIVE_INFINITY;
  #leftOut = 0;

  /** @param tell false when it found no room */
  constructor(clock: Pick<Clock, "monotonicMs">, tell: (bug: FrontBug) => boolean) {
    this.#clock = clock;
    this.#tell = tell;
  }

  /** A call of `protocol` met `error`, which is none that it expects. */
  met(protocol: string, type: string, error: unknown): void {
    this.count++;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#sinceMs >= SAME_KIND_MS) {
      this.#sinceMs = nowMs;
      this.#kinds.clear();
    }
    const { name, message, stack, code, details } = describeFailure(error);
    const kind = `${protocol} ${type} ${name} ${placeIn(stack)}`;
    const isNews = !this.#kinds.has(kind) && this.#kinds.size < KIND_COUNT_MAX;
    const failure = { name, message: shortened(message), stack: shortened(stack), code, details };
    if (isNews && this.#tell({ protocol, type, failure, leftOut: this.#leftOut })) {
      this.#kinds.add(kind);
      this.#leftOut = 0;
    } else this.#leftOut++;
  }
}

/** Where it was thrown: messages differ from call to call. */
function placeIn(stack: string): string {
  return /^\s+at .*$/m.exec(stack)?.[0] ?? "";
}

function shortened(text: string): string {
  return text.slice(0, TEXT_LENGTH_MAX);
}
