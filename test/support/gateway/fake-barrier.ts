import type { StrataError } from "../../../engine/core/errors.js";

type Callback = (refusal: StrataError | undefined) => void;

/** Barriers of reads that come at once, or when the test says so. */
export class FakeBarrier {
  refusal: StrataError | undefined;
  /** Keeps barriers until `release`. */
  isHeld = false;
  onAsked: () => void = () => {};
  readonly #held: Callback[] = [];

  readonly ask = (onReady: Callback): void => {
    this.onAsked();
    if (this.isHeld) this.#held.push(onReady);
    else onReady(this.refusal);
  };

  release(): void {
    for (const onReady of this.#held.splice(0)) onReady(this.refusal);
  }
}
