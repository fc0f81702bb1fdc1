import type { RequestOf } from "../../protocol/schema/messages.js";
import type { HistoryEntryRecord } from "../../protocol/schema/records.js";
import { enumName } from "../cluster/enum-name.js";
import { describeOperation } from "../cluster/history/describe-operation.js";
import {
  type HistoryEntry,
  historyKey,
  ROW_OPERATION_COUNT_MAX,
  readHistoryRow,
} from "../cluster/history/history-row.js";
import { OPERATION } from "../cluster/operation.js";
import { TABLE } from "../cluster/tables.js";
import type { ScanPage } from "../consensus/table-scanner.js";
import { errorCodeOfWire, StrataError } from "../core/errors.js";
import type { LateAnswer } from "../gateway/answer.js";
import type { AdminServices } from "./admin-services.js";
import { checkCount } from "./request-checks.js";

/** Also keeps an answer below the size of a frame. */
const LIST_COUNT_MAX = 256;

/** The history of mutations. */
export class HistoryRequests {
  readonly #services: Pick<AdminServices, "cluster" | "tables">;

  constructor(services: Pick<AdminServices, "cluster" | "tables">) {
    this.#services = services;
  }

  list({ start, countMax }: RequestOf<"listHistory">, answer: LateAnswer<"listHistory">): void {
    checkCount("countMax", countMax, LIST_COUNT_MAX);
    const { firstNumber, nextNumber } = this.#services.cluster.history;
    const first = Math.max(firstNumber, start ?? nextNumber - countMax);
    // The row that holds the first one may begin before it.
    const from = historyKey(Math.max(1, first - ROW_OPERATION_COUNT_MAX + 1));
    this.#scan(from, { first, countMax }, answer);
  }

  #scan(
    from: Uint8Array,
    wanted: { readonly first: number; readonly countMax: number },
    answer: LateAnswer<"listHistory">,
  ): void {
    const rowCountMax = wanted.countMax + ROW_OPERATION_COUNT_MAX;
    this.#services.tables.scan({ table: TABLE.history, from, rowCountMax }, (page) => {
      if (page instanceof StrataError) {
        answer.fail(page);
        return;
      }
      const found = entriesOf(page).filter(({ number }) => number >= wanted.first);
      if (found.length === 0 && page.next !== undefined) {
        this.#scan(page.next, wanted, answer);
        return;
      }
      const entries = found.slice(0, wanted.countMax);
      const isCut = entries.length < found.length || page.next !== undefined;
      const next = (entries.at(-1)?.number ?? 0) + 1;
      answer.done({
        entries: entries.map(recordOf),
        appliedIndex: page.appliedIndex,
        ...(isCut ? { next } : {}),
      });
    });
  }
}

function entriesOf({ rows }: ScanPage): HistoryEntry[] {
  return rows.flatMap(({ key, value }) => readHistoryRow(key, value));
}

function recordOf({
  number,
  index,
  timeMs,
  kind,
  session,
  error,
  operation,
}: HistoryEntry): HistoryEntryRecord {
  return {
    number,
    logIndex: index,
    timeMs,
    operation: enumName(OPERATION, kind),
    outcome: error === 0 ? "DONE" : (errorCodeOfWire(error) ?? `error ${error}`),
    sessionId: session.sessionId,
    sequence: session.sequence,
    details: operation === undefined ? "" : describeOperation(operation),
  };
}
