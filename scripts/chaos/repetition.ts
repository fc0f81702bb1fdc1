/** A step that is done again and again. */
export class Repetition {
  #isRunning = false;
  #work: Promise<void> = Promise.resolve();

  start(step: () => Promise<void>): void {
    this.#isRunning = true;
    this.#work = this.#run(step);
  }

  /** Resolves when the step that is under way is done. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    await this.#work;
  }

  async #run(step: () => Promise<void>): Promise<void> {
    while (this.#isRunning) await step();
  }
}
