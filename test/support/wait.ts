import { assert } from "../../engine/core/assert.js";

/** Waits until `condition` is true. Throws after `limitMs`, saying what did not come true. For real threads
 * and sockets; on virtual time use SimScheduler. */
export async function waitFor(what: string, condition: () => boolean, limitMs = 60_000): Promise<void> {
  await looked(what, async () => condition() || undefined, { limitMs, pauseMs: { least: 1, most: 10 } });
}

/** Asks until there is an answer. Throws after `limitMs`, saying what did not come. For what only another
 * process knows. */
export async function soon<T>(what: string, ask: () => Promise<T | undefined>, limitMs: number): Promise<T> {
  return await looked(what, ask, { limitMs, pauseMs: { least: 20, most: 100 } });
}

interface Pace {
  readonly limitMs: number;
  readonly pauseMs: { readonly least: number; readonly most: number };
}

/** Looks ever more seldom: what takes long is seen a twentieth later, and costs whoever works on it less. */
async function looked<T>(what: string, look: () => Promise<T | undefined>, pace: Pace): Promise<T> {
  const { limitMs, pauseMs } = pace;
  const beganMs = performance.now();
  for (;;) {
    const answer = await look();
    if (answer !== undefined) return answer;
    const waitedMs = performance.now() - beganMs;
    assert(waitedMs < limitMs, `not within ${limitMs} ms: ${what}`);
    const pause = Math.min(pauseMs.most, Math.max(pauseMs.least, waitedMs / 20));
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}
