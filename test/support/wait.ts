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
