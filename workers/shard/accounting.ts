import { CONTAINER_STATE } from "../../engine/core/enums.js";
import { REPLICA_FLAG } from "../shared/replica-layout.js";
import { beginWrite, endWrite } from "../shared/version-word.js";
import type { ReplicaTable } from "./replica-table.js";
import { unfold } from "./row-values.js";
import {
  containerState,
  keyCountAt,
  replicaCount,
  type Stripe,
  sequenceAt,
  usedAt,
  versionAt,
} from "./stripe.js";

/** What the replicas of a container say together of its size (spec 02 §6.3, §6.4). Filled again and again.
 */
export interface Combination {
  usedBytes: number;
  keyCount: number;
  /** False when no replica counts: the others mean nothing. */
  exists: boolean;
}

/** Of all replicas that count, whatever their state: the smallest numbers while the container is OPEN, else
 * the largest. */
export function combine(table: ReplicaTable, stripe: Stripe, offset: number, into: Combination): void {
  const isOpen = containerState(stripe, offset) === CONTAINER_STATE.OPEN;
  const count = replicaCount(stripe, offset);
  into.exists = false;
  for (let index = 0; index < count; index++) {
    table.locate(stripe, offset, index);
    if ((table.flags(stripe, offset) & REPLICA_FLAG.COUNTS) === 0) continue;
    const usedBytes = table.usedBytes(stripe, offset);
    const keyCount = table.keyCount(stripe, offset);
    if (!into.exists || usedBytes < into.usedBytes === isOpen) into.usedBytes = usedBytes;
    if (!into.exists || keyCount < into.keyCount === isOpen) into.keyCount = keyCount;
    into.exists = true;
  }
}

export function liveUsedBytes({ numbers }: Stripe, offset: number): number {
  return numbers[usedAt(offset)] as number;
}

export function liveKeyCount({ words }: Stripe, offset: number): number {
  return (words[keyCountAt(offset)] as number) >>> 0;
}

export function liveSequenceId({ numbers }: Stripe, offset: number): number {
  return numbers[sequenceAt(offset)] as number;
}

export function setLiveUsage(stripe: Stripe, offset: number, usedBytes: number, keyCount: number): void {
  const { numbers, words } = stripe;
  if (usedBytes === numbers[usedAt(offset)] && (keyCount | 0) === words[keyCountAt(offset)]) return;
  unfold(stripe, offset, -1);
  beginWrite(words, versionAt(offset));
  numbers[usedAt(offset)] = usedBytes;
  words[keyCountAt(offset)] = keyCount;
  endWrite(words, versionAt(offset));
}

export function setLiveSequenceId(stripe: Stripe, offset: number, sequenceId: number): void {
  const { numbers, words } = stripe;
  if (numbers[sequenceAt(offset)] === sequenceId) return;
  unfold(stripe, offset, -1);
  beginWrite(words, versionAt(offset));
  numbers[sequenceAt(offset)] = sequenceId;
  endWrite(words, versionAt(offset));
}
