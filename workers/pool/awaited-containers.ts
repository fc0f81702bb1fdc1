import type { NodeSlot } from "../../engine/core/ids.js";
import type { CheckedRows } from "./shard-client.js";

/** Containers that were promised to datanodes, and which their reports are to show. */
export interface AwaitedContainers {
  /** Nearly always 0. */
  awaitedCountOf(slot: NodeSlot): number;
  /** Calls `visit` with the ids. Meanwhile the one in hand may be confirmed, and no other. */
  forEachAwaited(slot: NodeSlot, visit: (containerId: number) => void): void;
  /** The node's report names the container, which may be awaited or not. */
  confirm(slot: NodeSlot, containerId: number): void;
}

/** Confirms what rows of a report show, whatever state they are in (spec 01 §11). Rows of full reports
 * ascend: then it is a search for each container that is awaited, not a look at each row. */
export function confirmAwaited(
  { slot, rows, rowBytes }: CheckedRows,
  isAscending: boolean,
  containers: AwaitedContainers,
): void {
  if (containers.awaitedCountOf(slot) === 0) return;
  // The row begins with its id, and checked rows lie on eights.
  const numbers = new Float64Array(rows.buffer, rows.byteOffset, rows.length / 8);
  const step = rowBytes / 8;
  if (isAscending) {
    containers.forEachAwaited(slot, (id) => {
      if (holds(numbers, step, id)) containers.confirm(slot, id);
    });
    return;
  }
  for (let at = 0; at < numbers.length; at += step) containers.confirm(slot, numbers[at] as number);
}

function holds(numbers: Float64Array, step: number, id: number): boolean {
  let low = 0;
  let high = numbers.length / step;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle * step] as number) < id) low = middle + 1;
    else high = middle;
  }
  return numbers[low * step] === id;
}
