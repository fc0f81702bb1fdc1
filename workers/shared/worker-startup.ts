import type { MessagePort } from "node:worker_threads";
import { assert } from "../../engine/core/assert.js";
import { RING_HEADER } from "./ring.js";
import { WORKER_CONTROL } from "./worker-control.js";
import type { SharedLayout } from "./worker-link.js";

/** What main hands to a worker's thread. */
export interface WorkerStartup {
  readonly toWorker: SharedArrayBuffer;
  readonly toMain: SharedArrayBuffer;
  /** WORKER_CONTROL. */
  readonly control: SharedArrayBuffer;
  /** Control messages to the worker, WORKER_MESSAGE to main. */
  readonly port: MessagePort;
  readonly layouts: readonly SharedLayout[];
  readonly data: unknown;
}

/** What the plumbing says on the port; all else goes through the rings. STOP is for evented workers, which
 * have no word to look at. */
export const WORKER_MESSAGE = { STARTED: 1, BELL: 2, STOP: 3 } as const;

/** All layouts that the two sides share, with the ones of the plumbing itself. */
export function startupLayouts(layouts: readonly SharedLayout[]): SharedLayout[] {
  return [RING_HEADER, WORKER_CONTROL, ...layouts].map(({ name, hash }) => ({ name, hash }));
}

/** Asserts that main and this thread mean the same memory: they may stem from different builds when files
 * were replaced under a running process. */
export function checkLayouts(given: readonly SharedLayout[], own: readonly SharedLayout[]): void {
  const hashes = new Map(own.map(({ name, hash }) => [name, hash]));
  for (const { name, hash } of given) {
    assert(hashes.has(name), `layout "${name}" is not known in this worker`);
    assert(hashes.get(name) === hash, `layout "${name}" differs between main and this worker`);
  }
  assert(given.length === own.length, "this worker uses a layout that main does not name");
}
