import { StrataError } from "../../../../engine/core/errors.js";
import type { Random } from "../../../../engine/core/random.js";
import { LOG_COLUMN, META_COLUMN } from "../../../../engine/storage/log-format.js";
import { LOG_STORE_OPTIONS, META_KEY } from "../../../../engine/storage/log-meta.js";
import { readLog } from "../../../../engine/storage/read-log.js";
import type { SimDisk } from "../sim-disk.js";
import { pick } from "./options.js";

const KINDS = ["shortened log", "flipped bit in the log", "flipped bit in the hard state"] as const;
export type DamageKind = (typeof KINDS)[number];

/** Harms the log on a disk whose SCM is dead, as no disk may (verification.md §5.2): but only so that a start
 * can see it, since Raft does not survive a voter that forgets unseen. Undefined when nothing was done. */
export async function harmLog(disk: SimDisk, path: string, random: Random): Promise<DamageKind | undefined> {
  const kind = pick(random, KINDS);
  const harm = drawHarm(kind, disk, path, random);
  if (harm === undefined || !(await isSeen(disk, path, harm))) return undefined;
  harm(disk);
  return kind;
}

function drawHarm(
  kind: DamageKind,
  disk: SimDisk,
  path: string,
  random: Random,
): ((disk: SimDisk) => void) | undefined {
  if (kind === "shortened log") {
    const batchCount = disk.batchCount(path);
    if (batchCount === 0) return undefined;
    const count = 1 + random.below(batchCount);
    return (victim) => victim.loseBatches(path, count);
  }
  const keys = [...disk.rows(path, LOG_COLUMN).keys()].map((key) => Buffer.from(key, "latin1"));
  const isLog = kind === "flipped bit in the log";
  if (isLog && keys.length === 0) return undefined;
  const key = isLog ? pick(random, keys) : META_KEY.HARD_STATE;
  const [place, bit] = [random.fraction(), random.below(8)];
  return (victim) => {
    victim.damageValue(path, isLog ? LOG_COLUMN : META_COLUMN, key, (value) => {
      const at = Math.floor(place * value.length);
      value[at] = (value[at] as number) ^ (1 << bit);
    });
  };
}

/** Tries it on another disk with the same on it. */
async function isSeen(disk: SimDisk, path: string, harm: (disk: SimDisk) => void): Promise<boolean> {
  const twin = disk.clone();
  harm(twin);
  const store = await twin.openStore(path, LOG_STORE_OPTIONS);
  try {
    await readLog(twin, path, store, () => Promise.resolve());
    return false;
  } catch (error) {
    return error instanceof StrataError && error.class === "CorruptionError";
  }
}
