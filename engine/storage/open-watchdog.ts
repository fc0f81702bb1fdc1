import { StrataError } from "../core/errors.js";

/** How long an open may take. RocksDB reads its write-ahead logs again and writes them out as tables. */
export interface OpenLimits {
  readonly baseMs: number;
  /** Of write-ahead logs; what the slowest disks still do. */
  readonly bytesPerSecond: number;
  /** An open that takes longer is reported, again and again. */
  readonly noticeMs: number;
}

export const OPEN_LIMITS: OpenLimits = {
  baseMs: 60_000,
  bytesPerSecond: 4 * 1024 * 1024,
  noticeMs: 5000,
};

/** Opens that have not ended. A database that is garbage-collected while it opens would be freed under the
 * thread that opens it. */
const UNDER_WAY = new Set<unknown>();

/** True while an open is under way, for ever after one that never ended. Then the process cannot end by
 * itself: `process.exit` waits for the threads of libuv, one of which is in RocksDB. */
export function isOpening(): boolean {
  return UNDER_WAY.size > 0;
}

/** Waits for `open` of `database`, which runs in a thread of libuv, and gives up at its limit. Calls `onSlow`
 * with the seconds so far. Throws StorageError STORAGE_STALLED, or what `open` rejects with. */
export async function watchOpen(
  database: unknown,
  open: Promise<void>,
  what: { readonly path: string; readonly walBytes: number },
  onSlow: (seconds: number) => void,
  limits: OpenLimits = OPEN_LIMITS,
): Promise<void> {
  const { path, walBytes } = what;
  const limitMs = limits.baseMs + (walBytes / limits.bytesPerSecond) * 1000;
  const beganMs = performance.now();
  const seconds = (): number => Math.round((performance.now() - beganMs) / 1000);
  UNDER_WAY.add(database);
  const ended = open.finally(() => UNDER_WAY.delete(database));
  let limitTimer: NodeJS.Timeout | undefined;
  const stalled = new Promise<never>((_, reject) => {
    const fail = (): void => reject(new StrataError("STORAGE_STALLED", { path, seconds: seconds() }));
    limitTimer = setTimeout(fail, limitMs);
  });
  const noticeTimer = setInterval(() => onSlow(seconds()), limits.noticeMs);
  try {
    await Promise.race([ended, stalled]);
  } finally {
    clearTimeout(limitTimer);
    clearInterval(noticeTimer);
    // One that ends after its limit is nobody's any more.
    ended.catch(() => {});
  }
}
