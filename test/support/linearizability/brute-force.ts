import type { Partition } from "./history.js";
import { type PreparedCall, prepare } from "./prepared.js";

/** The same question as the checker's, answered without any thought: every order of all calls that have an
 * answer and of any choice of those that have none is tried in full. For a handful of calls. */
export function isLinearizableByForce(partition: Partition): boolean {
  const prepared = prepare(partition);
  const isOpen = ({ returnedAt }: PreparedCall): boolean => returnedAt === Number.POSITIVE_INFINITY;
  const answered = prepared.calls.filter((call) => !isOpen(call));
  const open = prepared.calls.filter(isOpen);
  for (let choice = 0; choice < 2 ** open.length; choice++) {
    const done = [...answered, ...open.filter((_, index) => (choice & (1 << index)) !== 0)];
    for (const order of ordersOf(done)) {
      if (keepsRealTime(order) && explains(prepared, order)) return true;
    }
  }
  return false;
}

function* ordersOf<T>(items: readonly T[]): Generator<T[]> {
  if (items.length === 0) yield [];
  for (const [index, item] of items.entries()) {
    for (const order of ordersOf(items.toSpliced(index, 1))) yield [item, ...order];
  }
}

/** None stands behind one that was invoked after its answer. */
function keepsRealTime(order: readonly PreparedCall[]): boolean {
  return order.every((call, index) =>
    order.slice(0, index).every((earlier) => earlier.invokedAt <= call.returnedAt),
  );
}

function explains(
  { model, initialState }: ReturnType<typeof prepare>,
  order: readonly PreparedCall[],
): boolean {
  let state: string | number | undefined = initialState;
  for (const { operation, answer } of order) {
    state = model.step(state, operation, answer);
    if (state === undefined) return false;
  }
  return true;
}
