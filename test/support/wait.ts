import { assert } from "../../engine/core/assert.js";

/** Waits, a turn of the event loop at a time, until `condition` is true. Throws after `limitMs`, saying what
 * did not come true. For real threads and sockets; on virtual time use SimScheduler. */
export async function waitFor(what: string, condition: () => boolean, limitMs = 10_000): Promise<void> {
  const dueMs = performance.now() + limitMs;
  while (!condition()) {
    assert(performance.now() < dueMs, `not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Asks every `PAUSE_MS` until there is an answer. Throws after `limitMs`, saying what did not come. For what
 * only another process knows. */
export async function soon<T>(what: string, ask: () => Promise<T | undefined>, limitMs: number): Promise<T> {
  const dueMs = performance.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    assert(performance.now() < dueMs, `not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

const PAUSE_MS = 20;
