import type { Call, Partition } from "./history.js";
import { fieldsOf, HistoryError } from "./model.js";

/** A history as a file, a line of JSON each. First what there is:
 *
 *   {"partition":"container 7","model":"register","initial":false}
 *
 * then, in any order, the calls; one without `returned` never got an answer:
 *
 *   {"partition":"container 7","client":3,"invoked":1,"returned":2,"operation":{"read":true},"answer":false}
 */
export function writeHistory(partitions: readonly Partition[]): string {
  const lines = partitions.map(({ name, model, initialState }) =>
    JSON.stringify({ partition: name, model, initial: initialState }),
  );
  for (const { name, calls } of partitions) {
    for (const { client, invokedAt, returnedAt, operation, answer } of calls) {
      lines.push(
        JSON.stringify({
          partition: name,
          client,
          invoked: invokedAt,
          returned: returnedAt,
          operation,
          answer,
        }),
      );
    }
  }
  return lines.map((line) => `${line}\n`).join("");
}

/** Throws a HistoryError with the number of the line that is wrong. */
export function readHistory(text: string): Partition[] {
  const partitions = new Map<string, Partition & { readonly calls: Call[] }>();
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    try {
      readLine(line, partitions);
    } catch (error) {
      if (!(error instanceof HistoryError) && !(error instanceof SyntaxError)) throw error;
      throw new HistoryError(`line ${index + 1}: ${error.message}`, { cause: error });
    }
  }
  return [...partitions.values()];
}

function readLine(line: string, partitions: Map<string, Partition & { readonly calls: Call[] }>): void {
  const fields = fieldsOf(JSON.parse(line), "a line");
  const { partition: name, model, initial } = fields;
  if (typeof name !== "string") throw new HistoryError("partition must be text");
  const known = partitions.get(name);
  if (model !== undefined) {
    if (typeof model !== "string") throw new HistoryError("model must be text");
    if (known !== undefined) throw new HistoryError(`${name} was declared before`);
    partitions.set(name, { name, model, initialState: initial, calls: [] });
    return;
  }
  if (known === undefined) throw new HistoryError(`${name} was not declared`);
  known.calls.push(callOf(fields));
}

function callOf({ client, invoked, returned, operation, answer }: Readonly<Record<string, unknown>>): Call {
  if (typeof client !== "string" && typeof client !== "number") {
    throw new HistoryError("client must be text or a number");
  }
  if (typeof invoked !== "number") throw new HistoryError("invoked must be a number");
  if (returned !== undefined && typeof returned !== "number") {
    throw new HistoryError("returned must be a number");
  }
  if (operation === undefined) throw new HistoryError("an operation is missing");
  const call = { client, invokedAt: invoked, returnedAt: returned, operation };
  return answer === undefined ? call : { ...call, answer };
}
