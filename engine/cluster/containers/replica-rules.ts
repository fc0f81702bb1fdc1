import type { ContainerState, ReplicaState } from "../../core/enums.js";
import { CONTAINER_STATE, REPLICA_STATE } from "../../core/enums.js";

/** What a reported replica means for its container (spec 02 §9). The replica itself is recorded in every
 * case, or taken away when its state is DELETED. */
export const REPLICA_ACTION = {
  /** Also what a report that says the same again means: such a replica needs no second look. */
  NONE: 0,
  FINALIZE: 1,
  /** Spec 02 §18 rule 18: the container needs no second report. */
  FINALIZE_AND_CLOSE: 2,
  QUASI_CLOSE: 3,
  CLOSE: 4,
  FORCE_CLOSE: 5,
  /** deleteContainerCommand without and with force. */
  DELETE: 6,
  FORCE_DELETE: 7,
  RESURRECT_CLOSED: 8,
  RESURRECT_QUASI_CLOSED: 9,
  /** Older than what the container has committed: recorded as it is, and proves nothing (spec 02 §18 rule
   * 4). */
  STALE: 10,
  /** The SCM knows no such container (spec 02 §7, unknown-container action). */
  UNKNOWN: 11,
  /** A container in a state in which none is reported: RECOVERING. */
  UNEXPECTED: 12,
} as const;
export type ReplicaAction = (typeof REPLICA_ACTION)[keyof typeof REPLICA_ACTION];
export type ReplicaActionName = keyof typeof REPLICA_ACTION;

/** Replica's sequence id against the container's as it was before the report (spec 02 §18 rule 1). */
export const SEQUENCE_ORDER = { LOWER: 0, EQUAL: 1, HIGHER: 2 } as const;
export type SequenceOrderName = keyof typeof SEQUENCE_ORDER;

/** Kinds of containers that the rules tell apart. An EC replica with an index of 2 … data may hold nothing,
 * so it proves nothing; index 1 and the parity ones do. */
export const RULE_KIND = { RATIS: 0, STAND_ALONE: 1, EC_PROVING: 2, EC_OTHER: 3 } as const;
export type RuleKindName = keyof typeof RULE_KIND;

/** A row of the table: it is the first one that fits. A missing column fits everything. */
interface Rule {
  readonly container: readonly ContainerState[];
  readonly replica?: readonly ReplicaState[];
  readonly kind?: readonly RuleKindName[];
  readonly isEmpty?: boolean;
  readonly sequence?: readonly SequenceOrderName[];
  readonly action: ReplicaActionName;
}

const EC: readonly RuleKindName[] = ["EC_PROVING", "EC_OTHER"];
const NOT_EC: readonly RuleKindName[] = ["RATIS", "STAND_ALONE"];
const PROVING: readonly RuleKindName[] = ["RATIS", "STAND_ALONE", "EC_PROVING"];
const NOT_LOWER: readonly SequenceOrderName[] = ["EQUAL", "HIGHER"];
const ENDING: readonly ContainerState[] = ["DELETING", "DELETED"];

/* Spec 02 §9 with §18 rules 1, 4, 5 and 18. What no row fits is NONE. */
export const REPLICA_RULES: readonly Rule[] = [
  // §9.1
  { container: ["OPEN"], replica: ["OPEN"], action: "NONE" },
  {
    container: ["OPEN"],
    replica: ["CLOSED"],
    kind: PROVING,
    sequence: NOT_LOWER,
    action: "FINALIZE_AND_CLOSE",
  },
  { container: ["OPEN"], action: "FINALIZE" },
  { container: ["CLOSING"], replica: ["QUASI_CLOSED"], kind: NOT_EC, action: "QUASI_CLOSE" },
  { container: ["CLOSING"], replica: ["CLOSED"], kind: ["EC_OTHER"], action: "NONE" },
  { container: ["CLOSING"], replica: ["CLOSED"], sequence: NOT_LOWER, action: "CLOSE" },
  { container: ["CLOSING"], replica: ["CLOSED"], action: "STALE" },
  { container: ["QUASI_CLOSED"], replica: ["CLOSED"], kind: ["EC_OTHER"], action: "NONE" },
  { container: ["QUASI_CLOSED"], replica: ["CLOSED"], sequence: NOT_LOWER, action: "FORCE_CLOSE" },
  { container: ["QUASI_CLOSED"], replica: ["CLOSED"], action: "STALE" },
  { container: ["CLOSED"], action: "NONE" },

  // §9.2
  { container: ["DELETED"], isEmpty: true, action: "DELETE" },
  { container: ["DELETED"], kind: EC, action: "FORCE_DELETE" },
  { container: ["DELETING"], kind: EC, isEmpty: false, action: "FORCE_DELETE" },
  { container: ["DELETING"], kind: EC, action: "NONE" },
  {
    container: ENDING,
    kind: ["RATIS"],
    replica: ["CLOSED", "QUASI_CLOSED"],
    sequence: ["LOWER", "EQUAL"],
    action: "FORCE_DELETE",
  },
  { container: ENDING, kind: NOT_EC, replica: ["CLOSED"], isEmpty: false, action: "RESURRECT_CLOSED" },
  {
    container: ENDING,
    kind: NOT_EC,
    replica: ["QUASI_CLOSED", "OPEN", "CLOSING", "UNHEALTHY"],
    isEmpty: false,
    action: "RESURRECT_QUASI_CLOSED",
  },
  { container: ENDING, action: "NONE" },
  { container: ["RECOVERING"], action: "UNEXPECTED" },
];

const CONTAINER_STATES = 8;
const REPLICA_STATES = 8;
const ORDERS = 3;
const KINDS = 4;

/** The rules as one byte for each case, so that the shards look up and compare nothing. */
const ACTIONS = compile();

/** @param containerState CONTAINER_STATE, 0 = unknown
 * @param replicaState REPLICA_STATE
 * @param kind RULE_KIND
 * @param order SEQUENCE_ORDER */
export function actionFor(
  containerState: number,
  replicaState: number,
  kind: number,
  order: number,
  isEmpty: boolean,
): ReplicaAction {
  return ACTIONS[indexOf(containerState, replicaState, kind, order, isEmpty ? 1 : 0)] as ReplicaAction;
}

function indexOf(container: number, replica: number, kind: number, order: number, empty: number): number {
  return (((container * REPLICA_STATES + replica) * KINDS + kind) * ORDERS + order) * 2 + empty;
}

function compile(): Uint8Array {
  const actions = new Uint8Array(CONTAINER_STATES * REPLICA_STATES * KINDS * ORDERS * 2);
  actions.fill(REPLICA_ACTION.UNKNOWN, 0, indexOf(1, 0, 0, 0, 0));
  for (const [container, containerNumber] of entries(CONTAINER_STATE)) {
    for (const [replica, replicaNumber] of entries(REPLICA_STATE)) {
      for (const [kind, kindNumber] of entries(RULE_KIND)) {
        for (const [sequence, orderNumber] of entries(SEQUENCE_ORDER)) {
          for (const isEmpty of [false, true]) {
            const rule = REPLICA_RULES.find(
              (each) =>
                each.container.includes(container) &&
                (each.replica?.includes(replica) ?? true) &&
                (each.kind?.includes(kind) ?? true) &&
                (each.sequence?.includes(sequence) ?? true) &&
                (each.isEmpty ?? isEmpty) === isEmpty,
            );
            const at = indexOf(containerNumber, replicaNumber, kindNumber, orderNumber, isEmpty ? 1 : 0);
            actions[at] = REPLICA_ACTION[rule?.action ?? "NONE"];
          }
        }
      }
    }
  }
  return actions;
}

function entries<K extends string>(numbers: Readonly<Record<K, number>>): [K, number][] {
  return Object.entries(numbers) as [K, number][];
}
