import { type Command, Option } from "commander";
import type { HistoryEntryRecord } from "../../../protocol/schema/records.js";
import type { CommandContext } from "../context.js";
import { wholeNumber } from "../options.js";
import type { AdminConnection } from "../parts.js";
import { jsonText, plainTable } from "../text.js";
import { addConnectionOptions, type ConnectionOptions, withConnection } from "./connection.js";
import { PageSize } from "./paging.js";

interface HistoryOptions extends ConnectionOptions {
  readonly start?: number;
  readonly count: number;
  readonly json?: true;
}

const COUNT = 20;
const COUNT_MAX = 1_000_000;
/** What the SCM answers at most at a time. */
const PAGE = 256;
const HEADER = ["Number", "Time", "Operation", "Outcome", "Session", "Details"];

const EXAMPLES = `
Examples:
  strata admin history
  strata admin history -c 100 --json
  strata admin history -s 5000 -c 1000`;

/** `strata admin history`: what the cluster was told to do, by whom, and what became of it. */
export function addHistory(parent: Command, context: CommandContext): void {
  const command = parent
    .command("history")
    .description("lists the last mutations with their outcomes")
    .addOption(
      new Option("-s, --start <number>", "first one; else the newest are listed").argParser(
        wholeNumber(1, Number.MAX_SAFE_INTEGER),
      ),
    )
    .addOption(new Option("-c, --count <n>", "how many").argParser(wholeNumber(1, COUNT_MAX)).default(COUNT))
    .option("--json", "prints JSON")
    .addHelpText("after", EXAMPLES);
  addConnectionOptions(command).action(async (options: HistoryOptions) => {
    const entries = await withConnection(options, context, (connection) => listHistory(connection, options));
    const lines =
      options.json === true ? [jsonText(entries.map(jsonOf))] : plainTable(HEADER, entries.map(rowOf));
    for (const line of lines) context.io.out(line);
  });
}

async function listHistory(
  connection: AdminConnection,
  { start, count }: HistoryOptions,
): Promise<HistoryEntryRecord[]> {
  const entries: HistoryEntryRecord[] = [];
  const pageSize = new PageSize(PAGE);
  let next = start ?? (await newestStart(connection, count));
  while (next !== undefined && entries.length < count) {
    const from: number = next;
    const page = await pageSize.fetch(count - entries.length, (countMax) =>
      connection.listHistory({ start: from, countMax }),
    );
    entries.push(...page.entries);
    next = page.next;
  }
  return entries;
}

/** Where the newest `count` begin. */
async function newestStart(connection: AdminConnection, count: number): Promise<number | undefined> {
  const { entries } = await connection.listHistory({ countMax: 1 });
  const newest = entries.at(-1)?.number;
  return newest === undefined ? undefined : Math.max(1, newest - count + 1);
}

function rowOf(entry: HistoryEntryRecord): string[] {
  const { number, timeMs, operation, outcome, sessionId, details } = entry;
  return [String(number), timeText(timeMs), operation, outcome, String(sessionId), details];
}

function jsonOf({ timeMs, ...entry }: HistoryEntryRecord): object {
  return { ...entry, time: timeText(timeMs) };
}

function timeText(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
