import type { Violation } from "./check.js";
import type { Partition } from "./history.js";
import { modelNamed } from "./models.js";
import type { PreparedCall } from "./prepared.js";
import { callsThatCouldBeNext, callText, timeText, violationLines } from "./report.js";

/** Calls that are drawn: the last ones, where the trouble is. */
const DRAWN = 80;
const LEFT = 110;
const EVENT_WIDTH = 26;
const ROW_HEIGHT = 34;
const BAR_HEIGHT = 22;

type Fate = "placed" | "culprit" | "stuck" | "later";

const STYLE = `body { font: 14px/1.4 sans-serif; margin: 24px; color: #222 }
svg { display: block; font: 11px sans-serif }
.scroll { overflow-x: auto; border: 1px solid #ccc }
.placed { fill: #cfe3d4 } .culprit { fill: #e58b88 } .stuck { fill: #f5d08a } .later { fill: #ddd }
rect { stroke: #555; stroke-width: 0.6 } rect.open { stroke-dasharray: 4 3 }
pre { background: #f6f6f6; padding: 12px; overflow-x: auto }`;

/** A violation as a page that needs nothing else: the calls of each client on a line, in the order of events,
 * numbered as the longest order has them. */
export function violationPage(partition: Partition, violation: Violation): string {
  const title = `${partition.name} is not linearizable`;
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${escaped(title)}</title><style>${STYLE}</style></head>
<body>
<h1>${escaped(title)}</h1>
<p>Time goes to the right, a step an event. Green: calls that an order explains, with their place in it.
Red: the answer that cannot be explained. Yellow: none of these can come next either.
Dashed: no answer until then.</p>
<div class="scroll">${drawing(partition, violation)}</div>
<pre>${escaped(violationLines(partition, violation).join("\n"))}</pre>
</body>
</html>
`;
}

function drawing(partition: Partition, violation: Violation): string {
  const model = modelNamed(partition.model);
  const calls = [...violation.calls].sort((a, b) => a.invokedAt - b.invokedAt).slice(-DRAWN);
  const times = calls.flatMap(({ invokedAt, returnedAt }) => [invokedAt, returnedAt]).filter(Number.isFinite);
  const columns = [...new Set(times)].sort((a, b) => a - b);
  const columnOf = new Map(columns.map((time, index) => [time, index]));
  const rows = rowsOf(calls);
  const fateOf = fates(violation);
  const placeOf = new Map(violation.order.map(({ call }, index) => [call, index + 1]));
  const width = LEFT + (columns.length + 2) * EVENT_WIDTH;
  const height = (rows.count + 1) * ROW_HEIGHT;
  const bars = calls.map((call) => {
    const from = LEFT + (columnOf.get(call.invokedAt) ?? 0) * EVENT_WIDTH;
    const isOpen = call.returnedAt === Number.POSITIVE_INFINITY;
    const to = LEFT + (columnOf.get(call.returnedAt) ?? columns.length + 1) * EVENT_WIDTH;
    const y = (rows.of.get(call) ?? 0) * ROW_HEIGHT + (ROW_HEIGHT - BAR_HEIGHT) / 2;
    const place = placeOf.get(call);
    const text = `${place === undefined ? "" : `${place}. `}${model.callText(call.operation, call.answer)}`;
    const tip = `${callText(model, call)}, ${timeText(call)}`;
    const bar = `x="${from}" y="${y}" width="${Math.max(4, to - from)}" height="${BAR_HEIGHT}" rx="3"`;
    return `<g><title>${escaped(tip)}</title><rect class="${fateOf(call)}${isOpen ? " open" : ""}" ${bar}/>
<text x="${from + 3}" y="${y + 15}">${escaped(text)}</text></g>`;
  });
  const names = [...rows.names].map(
    ([row, name]) => `<text x="4" y="${row * ROW_HEIGHT + 20}">${escaped(name)}</text>`,
  );
  return `<svg width="${width}" height="${height}">${[...names, ...bars].join("\n")}</svg>`;
}

/** A line for each client; a call that begins while one of the same client is under way gets one more. */
function rowsOf(calls: readonly PreparedCall[]): {
  readonly count: number;
  readonly of: ReadonlyMap<PreparedCall, number>;
  readonly names: ReadonlyMap<number, string>;
} {
  const of = new Map<PreparedCall, number>();
  const names = new Map<number, string>();
  let count = 0;
  const clients = [...new Set(calls.map(({ client }) => client))].sort((a, b) => (a < b ? -1 : 1));
  for (const client of clients) {
    const ends: number[] = [];
    names.set(count, `client ${client}`);
    for (const call of calls.filter((each) => each.client === client)) {
      let row = ends.findIndex((end) => end < call.invokedAt);
      if (row === -1) row = ends.length;
      ends[row] = call.returnedAt;
      of.set(call, count + row);
    }
    count += ends.length;
  }
  return { count, of, names };
}

function fates(violation: Violation): (call: PreparedCall) => Fate {
  const placed = new Set(violation.order.map(({ call }) => call));
  const stuck = new Set(callsThatCouldBeNext(violation));
  return (call) => {
    if (call === violation.culprit) return "culprit";
    if (placed.has(call)) return "placed";
    return stuck.has(call) ? "stuck" : "later";
  };
}

function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
