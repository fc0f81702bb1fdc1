import type { NodeSlot } from "../../engine/core/ids.js";
import type { CheckedRows } from "./shard-client.js";

/** Containers that were promised to datanodes, and which their reports are to show. */
export interface AwaitedContainers {
  /** By id; nearly always empty. It may change while it is iterated over. */
  awaitedOf(slot: NodeSlot): ReadonlyMap<number, unknown>;
  /** The node's report names the container. */
  confirm(slot: NodeSlot, containerId: number): void;
}

/** Confirms what rows of a report show, whatever state they are in (spec 01 §11). Rows of full reports
 * ascend: then it is a search for each container that is awaited, not a look at each row. */
export function confirmAwaited(
  { slot, rows, rowBytes }: CheckedRows,
  isAscending: boolean,
  containers: AwaitedContainers,
): void {
  const awaited = containers.awaitedOf(slot);
  if (awaited.size === 0) return;
  // The row begins with its id, and checked rows lie on eights.
  const numbers = new Float64Array(rows.buffer, rows.byteOffset, rows.length / 8);
  const step = rowBytes / 8;
  if (isAscending) {
    for (const id of awaited.keys()) if (holds(numbers, step, id)) containers.confirm(slot, id);
    return;
  }
  for (let at = 0; at < numbers.length; at += step) {
    const id = numbers[at] as number;
    if (awaited.has(id)) containers.confirm(slot, id);
  }
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
