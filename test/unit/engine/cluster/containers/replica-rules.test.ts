import assert from "node:assert/strict";
import { test } from "node:test";
import {
  actionFor,
  REPLICA_ACTION,
  RULE_KIND,
  type RuleKindName,
  SEQUENCE_ORDER,
} from "../../../../../engine/cluster/containers/replica-rules.js";
import { CONTAINER_STATE, REPLICA_STATE } from "../../../../../engine/core/enums.js";
import { type Cell, TABLE_ROWS, tableRow } from "../../../../support/cluster/decision-table.js";

/** Type and class of replica index, and their kind in code. */
const KINDS: readonly (Pick<Cell, "type" | "index"> & { readonly kind: RuleKindName })[] = [
  { type: "RATIS", index: "0", kind: "RATIS" },
  { type: "STAND_ALONE", index: "0", kind: "STAND_ALONE" },
  { type: "EC", index: "1", kind: "EC_PROVING" },
  { type: "EC", index: "2..data", kind: "EC_OTHER" },
  { type: "EC", index: "> data", kind: "EC_PROVING" },
];

const CELLS = [...allCells()];

function* allCells(): Generator<Cell & { readonly kind: RuleKindName }> {
  for (const container of [...keys(CONTAINER_STATE), "unknown" as const]) {
    for (const replica of keys(REPLICA_STATE)) {
      for (const kind of KINDS) {
        for (const order of keys(SEQUENCE_ORDER)) {
          for (const isEmpty of [false, true]) yield { container, replica, ...kind, isEmpty, order };
        }
      }
    }
  }
}

function keys<K extends string>(table: Readonly<Record<K, number>>): K[] {
  return Object.keys(table) as K[];
}

test("what a reported replica means is as in the specification, in every cell", () => {
  assert.equal(CELLS.length, 8 * 7 * 5 * 3 * 2);
  for (const cell of CELLS) {
    const { container, replica, kind, order, isEmpty } = cell;
    const action = actionFor(
      container === "unknown" ? 0 : CONTAINER_STATE[container],
      REPLICA_STATE[replica],
      RULE_KIND[kind],
      SEQUENCE_ORDER[order],
      isEmpty,
    );
    const row = tableRow(cell);
    assert.equal(action, REPLICA_ACTION[row.action], `${JSON.stringify(cell)}: ${row.text}`);
  }
});

test("every row of the specification has a cell of its own", () => {
  const used = new Set(CELLS.map(tableRow));
  for (const row of TABLE_ROWS) assert.ok(used.has(row), row.text);
});

test("a replica is taken away when it is reported as deleted, and stored otherwise", () => {
  for (const cell of CELLS) {
    const { record, text } = tableRow(cell);
    assert.ok(record.includes(cell.replica === "DELETED" ? "remove" : "store"), text);
  }
});
