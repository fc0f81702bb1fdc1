import type { Checked, Violation } from "./check.js";
import type { Partition } from "./history.js";
import type { Model } from "./model.js";
import { modelNamed } from "./models.js";
import type { PreparedCall } from "./prepared.js";

/** Calls of the order that are shown before the place where it ends. */
const SHOWN = 12;

/** What is told of a history: what was checked, and for each partition that is not right why. */
export function reportLines(checked: readonly Checked[]): string[] {
  const callCount = checked.reduce((sum, { partition }) => sum + partition.calls.length, 0);
  const lines = [`${callCount} calls in ${checked.length} partitions`];
  for (const { partition, result } of checked) {
    if (result.verdict === "unknown") lines.push(`${partition.name}: unknown: ${result.reason}`);
    if (result.verdict === "violation") lines.push(...violationLines(partition, result.violation));
  }
  return lines;
}

/** A violation as text: the answer that cannot be explained, and how far an order goes. */
export function violationLines(partition: Partition, violation: Violation): string[] {
  const model = modelNamed(partition.model);
  const { calls, culprit, order } = violation;
  const width = Math.max(...[...calls].map((call) => callText(model, call).length));
  const line = (call: PreparedCall, more: string): string =>
    `  ${callText(model, call).padEnd(width)}  ${timeText(call)}  ${more}`.trimEnd();
  const shown = order.slice(-SHOWN);
  const left = order.length - shown.length;
  return [
    `${partition.name} (${model.name}) is not linearizable: of its first ${calls.length} calls`,
    line(culprit, "cannot be explained."),
    "The longest order of the others that fits:",
    `  ${left > 0 ? `${left} calls before` : `begins with ${stateBefore(model, partition)}`}`,
    ...shown.map(({ call, state }) => line(call, `then ${model.stateText(state)}`)),
    "None of these can come next:",
    ...callsThatCouldBeNext(violation).map((call) => line(call, "")),
  ];
}

/** Calls that do not stand in the order and were asked for before any other of them was answered. */
export function callsThatCouldBeNext({ calls, order }: Violation): PreparedCall[] {
  const placed = new Set(order.map(({ call }) => call));
  const open = calls.filter((call) => !placed.has(call));
  const firstAnswer = Math.min(...open.map(({ returnedAt }) => returnedAt));
  return open.filter(({ invokedAt }) => invokedAt <= firstAnswer).sort((a, b) => a.invokedAt - b.invokedAt);
}

export function callText(model: Model, { client, operation, answer }: PreparedCall): string {
  return `client ${client}: ${model.callText(operation, answer)}`;
}

export function timeText({ invokedAt, returnedAt }: PreparedCall): string {
  const end = returnedAt === Number.POSITIVE_INFINITY ? "no answer" : returnedAt.toFixed(3);
  return `${invokedAt.toFixed(3)} – ${end}`;
}

function stateBefore(model: Model, { initialState }: Partition): string {
  return model.stateText(model.initialState(initialState));
}
