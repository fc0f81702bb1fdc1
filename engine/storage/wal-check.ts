import type { StoreFinding } from "../core/disk.js";
import type { WalScan } from "./wal-scan.js";
import { isZero, judgeTail } from "./wal-tail.js";

/** How a store's records were written. `synced`: each was durable before the next one was begun. `unsynced`:
 * a crash may take any of them, and all that follow; whoever reads the store knows from where to go on. */
export type WalDiscipline = "synced" | "unsynced";

export interface ScannedWal {
  readonly file: string;
  readonly scan: WalScan;
}

/** Judges the write-ahead logs of a store, the oldest first. Their batches are numbered through all of them:
 * what is bad at the end of one is harmless when the next one goes on without a gap, since then the store
 * was opened in between, and nothing was there. */
export function checkWals(logs: readonly ScannedWal[], discipline: WalDiscipline): StoreFinding[] {
  const findings: StoreFinding[] = [];
  let nextSequence: number | undefined;
  logs.forEach(({ file, scan }, i) => {
    nextSequence = scan.nextSequence ?? nextSequence;
    const following = logs.slice(i + 1).find((log) => log.scan.firstSequence !== undefined);
    const found = checkWal(scan, nextSequence, following, discipline);
    if (found === undefined) return;
    findings.push({ file, bytes: scan.file.size - found.offset, ...found });
  });
  return findings;
}

/** Judges a MANIFEST. */
export function checkManifest({ file, scan }: ScannedWal): StoreFinding[] {
  const found = tailFinding(scan, undefined);
  return found === undefined ? [] : [{ file, bytes: scan.file.size - found.offset, ...found }];
}

type Place = Pick<StoreFinding, "offset" | "kind" | "reason">;

function checkWal(
  scan: WalScan,
  nextSequence: number | undefined,
  following: ScannedWal | undefined,
  discipline: WalDiscipline,
): Place | undefined {
  const { badOffset, end, file } = scan;
  if (badOffset === undefined) return undefined;
  if (discipline === "unsynced") {
    if (isZero(file, end)) return undefined;
    return { kind: "unsynced", offset: badOffset, reason: "torn or damaged; nothing was promised of it" };
  }
  const foundSequence = following?.scan.firstSequence;
  if (foundSequence === undefined) return tailFinding(scan, nextSequence);
  if (foundSequence === nextSequence) {
    if (isZero(file, end)) return undefined;
    return { kind: "torn", offset: end, reason: `${following?.file} goes on without it` };
  }
  const lost = nextSequence === undefined ? "its first batch" : `batch ${nextSequence}`;
  const reason = `${lost} is damaged, and ${following?.file} goes on with ${foundSequence}`;
  return { kind: "damaged", offset: badOffset, reason };
}

function tailFinding(scan: WalScan, nextSequence: number | undefined): Place | undefined {
  const tail = judgeTail(scan, nextSequence);
  switch (tail.kind) {
    case "none":
      return undefined;
    case "torn":
      return { kind: "torn", offset: scan.end, reason: "the last write did not end" };
    case "garbage":
      return { kind: "garbage", offset: scan.end, reason: "these bytes were never a record" };
    case "damaged":
      return tail;
  }
}
