import assert from "node:assert/strict";
import type { ReplicaActionName } from "../../../engine/cluster/containers/replica-rules.js";
import type { ContainerState, ReplicaState, ReplicationType } from "../../../engine/core/enums.js";

/** Spec 02 §9.1, row by row and in its words; the first row that fits counts. The number of a rule of §18
 * stands before what it changes. `seq` is the container's sequence id before the report (rule 1); the spec
 * compares after the raise, so that its "BCSID = seq" is >= here. */
const TABLE_1 = `
Container    | Replica state                     | Condition            | Action               | Record
OPEN         | OPEN                              |                      | -                    | store
OPEN         | CLOSED                            | EC, index in 2..data | FINALIZE             | store
OPEN         | CLOSED                            | BCSID >= seq         | (18) FINALIZE, CLOSE | store
OPEN         | any but OPEN, DELETED             |                      | FINALIZE             | store
OPEN         | DELETED                           |                      | FINALIZE             | remove
CLOSING      | OPEN, CLOSING, UNHEALTHY, INVALID |                      | -                    | store
CLOSING      | QUASI_CLOSED                      | EC                   | (5) -                | store
CLOSING      | QUASI_CLOSED                      |                      | QUASI_CLOSE          | store
CLOSING      | CLOSED                            | EC, index in 2..data | -                    | store
CLOSING      | CLOSED                            | BCSID >= seq         | CLOSE                | store
CLOSING      | CLOSED                            | BCSID < seq          | (4) mismatch         | store
CLOSING      | DELETED                           |                      | -                    | remove
QUASI_CLOSED | CLOSED                            | EC, index in 2..data | (5) -                | store
QUASI_CLOSED | CLOSED                            | BCSID >= seq         | FORCE_CLOSE          | store
QUASI_CLOSED | CLOSED                            | BCSID < seq          | (4) mismatch         | store
QUASI_CLOSED | any but CLOSED, DELETED           |                      | -                    | store
QUASI_CLOSED | DELETED                           |                      | -                    | remove
CLOSED       | any but DELETED                   |                      | -                    | store
CLOSED       | DELETED                           |                      | -                    | remove
`;

/** Spec 02 §9.2, likewise, and an unknown container (§7.4c), which is another one than a known container in a
 * state that nobody knows. */
const TABLE_2 = `
Container         | Type        | isEmpty | Replica state            | BCSID  | Action          | Record
DELETED           | any         | yes     | any                      | any    | delete          | store/remove
DELETED           | EC          | no      | any                      | any    | force delete    | store/remove
DELETING          | EC          | no      | any                      | any    | force delete    | store/remove
DELETING          | EC          | yes     | any                      | any    | -               | store/remove
DELETING          | RATIS       | any     | CLOSED, QUASI_CLOSED     | <= seq | force delete    | store
DELETED           | RATIS       | no      | CLOSED, QUASI_CLOSED     | <= seq | force delete    | store
DELETING, DELETED | RATIS       | no      | CLOSED                   | > seq  | -> CLOSED       | store
DELETING, DELETED | RATIS       | no      | QUASI_CLOSED             | > seq  | -> QUASI_CLOSED | store
DELETING, DELETED | STAND_ALONE | no      | CLOSED                   | any    | -> CLOSED       | store
DELETING, DELETED | STAND_ALONE | no      | QUASI_CLOSED             | any    | -> QUASI_CLOSED | store
DELETING, DELETED | not EC      | no      | OPEN, CLOSING, UNHEALTHY | any    | -> QUASI_CLOSED | store
DELETING, DELETED | not EC      | no      | INVALID, DELETED         | any    | -               | store/remove
DELETING          | not EC      | yes     | any                      | any    | -               | store/remove
RECOVERING        | any         | any     | any                      | any    | error           | store/remove
unknown           | any         | any     | any                      | any    | unknown         | store/remove
`;

/** Action of the tables → its name in code. */
const ACTIONS: Readonly<Record<string, ReplicaActionName>> = {
  "-": "NONE",
  FINALIZE: "FINALIZE",
  "(18) FINALIZE, CLOSE": "FINALIZE_AND_CLOSE",
  QUASI_CLOSE: "QUASI_CLOSE",
  "(5) -": "NONE",
  CLOSE: "CLOSE",
  FORCE_CLOSE: "FORCE_CLOSE",
  "(4) mismatch": "STALE",
  delete: "DELETE",
  "force delete": "FORCE_DELETE",
  "-> CLOSED": "RESURRECT_CLOSED",
  "-> QUASI_CLOSED": "RESURRECT_QUASI_CLOSED",
  error: "UNEXPECTED",
  unknown: "UNKNOWN",
};

/** All that the tables ask for. */
export interface Cell {
  readonly container: ContainerState | "unknown";
  readonly replica: ReplicaState;
  readonly type: ReplicationType;
  /** Of the replica, among those that its container's replication has. */
  readonly index: IndexClass;
  readonly isEmpty: boolean;
  /** Sequence id of the replica against the container's before the report. */
  readonly order: "LOWER" | "EQUAL" | "HIGHER";
}
/** None, or of EC. */
export type IndexClass = "0" | "1" | "2..data" | "> data";

const CONDITIONS: Readonly<Record<string, (cell: Cell) => boolean>> = {
  "": () => true,
  any: () => true,
  EC: ({ type }) => type === "EC",
  "EC, index in 2..data": ({ index }) => index === "2..data",
  "BCSID >= seq": ({ order }) => order !== "LOWER",
  "BCSID < seq": ({ order }) => order === "LOWER",
  "<= seq": ({ order }) => order !== "HIGHER",
  "> seq": ({ order }) => order === "HIGHER",
  yes: ({ isEmpty }) => isEmpty,
  no: ({ isEmpty }) => !isEmpty,
};

export interface TableRow {
  readonly text: string;
  readonly action: ReplicaActionName;
  readonly record: string;
  fits(cell: Cell): boolean;
}

export const TABLE_ROWS: readonly TableRow[] = [...rowsOf(TABLE_1), ...rowsOf(TABLE_2)];
const FITTING = new Map<string, TableRow>();

/** The first row that fits. */
export function tableRow(cell: Cell): TableRow {
  const { container, replica, type, index, isEmpty, order } = cell;
  const key = `${container} ${replica} ${type} ${index} ${isEmpty} ${order}`;
  let row = FITTING.get(key);
  if (row === undefined) {
    row = TABLE_ROWS.find((each) => each.fits(cell));
    assert.ok(row, `no row of the tables fits ${key}`);
    FITTING.set(key, row);
  }
  return row;
}

function rowsOf(table: string): TableRow[] {
  const [head, ...lines] = table.trim().split("\n") as [string, ...string[]];
  const names = head.split("|").map((name) => name.trim());
  return lines.map((text) => {
    const cells = text.split("|").map((cell) => cell.trim());
    const columns: Record<string, string> = Object.fromEntries(
      names.map((name, i) => [name, cells[i] ?? ""]),
    );
    const conditions = ["Condition", "isEmpty", "BCSID"].map((name) => CONDITIONS[columns[name] ?? ""]);
    const action = ACTIONS[columns["Action"] ?? ""];
    assert.ok(action !== undefined && !conditions.includes(undefined), text);
    return {
      text,
      action,
      record: columns["Record"] ?? "",
      fits: (cell) =>
        isListed(columns["Container"], cell.container) &&
        isListed(columns["Type"], cell.type) &&
        isListed(columns["Replica state"], cell.replica) &&
        conditions.every((condition) => condition?.(cell)),
    };
  });
}

function isListed(list: string | undefined, name: string): boolean {
  if (list === undefined || list === "any") return true;
  if (list === "not EC") return name !== "EC";
  if (list.startsWith("any but ")) return !list.slice("any but ".length).split(", ").includes(name);
  return list.split(", ").includes(name);
}
