/** What a report means for its container, as the recorded SCM did it and as Strata must (spec 02 §6, §9,
 * §10, §18). It shares no code with the SCM. */

/** What the trace says about a replica, in the trace's own words. */
export interface ModelReplica {
  readonly containerId: number;
  readonly node: string;
  readonly state: string;
  readonly replicaIndex: number;
  readonly sequenceId: number;
  readonly usedBytes: number;
  readonly keyCount: number;
  readonly origin: string;
  readonly isEmpty: boolean;
  readonly dataChecksum: bigint;
}

/** A replica as an answer shows it: without `isEmpty`. */
export type ShownReplica = Omit<ModelReplica, "isEmpty"> & { readonly isEmpty?: boolean };

/** What never changes in a container. */
export interface ContainerKind {
  readonly owner: string;
  /** Lower case, or empty. */
  readonly pipelineId: string;
  readonly type: string;
  /** Of EC: how many indexes hold data, how many there are. */
  readonly dataCount: number;
  readonly indexCount: number;
}

export interface Figures {
  readonly sequenceId: number;
  readonly usedBytes: number;
  readonly keyCount: number;
}

/** A container as one course of events leaves it. */
export interface Container extends Figures {
  readonly state: string;
  readonly replicas: ReadonlyMap<string, ModelReplica>;
  /** As last written to disk: what the next start finds. */
  readonly saved: Figures;
  /** Why it need not be as Strata's: steps of other parts, and rules in which Strata differs. */
  readonly reasons: ReadonlySet<string>;
}

/** Rules of spec 02 §18 in which Strata differs on purpose, and what is none there. */
export const REASON = {
  SEQUENCE_OF_FINAL: "spec 02 §18 rule 1, the sequence id of a closed container stays",
  SAVED_FIGURES: "spec 02 §18 rule 2, figures written with the last step only",
  STALE_REPLICA: "spec 02 §18 rule 4, a closed replica with an old sequence id is recorded",
  EC_CLOSE: "spec 02 §18 rule 5, EC containers are closed by proving indexes only",
  STEPS_OF_MESSAGE: "spec 02 §18 rule 7, steps follow the whole report",
  NO_SECOND_REPORT: "spec 02 §18 rule 18, what is recorded needs no second report",
  DELETED_INDEX: "a DELETED replica goes whatever its index",
} as const;

const USABLE: ReadonlySet<string> = new Set(["OPEN", "CLOSING", "QUASI_CLOSED", "CLOSED"]);
const LIVE: ReadonlySet<string> = new Set(["OPEN", "CLOSING", "QUASI_CLOSED"]);

export function newContainer(): Container {
  const none = { sequenceId: 0, usedBytes: 0, keyCount: 0 };
  return { ...none, state: "OPEN", replicas: new Map(), saved: none, reasons: new Set() };
}

/** Spec 02 §7.4d. */
export function hasFittingIndex(
  { type, indexCount }: ContainerKind,
  { replicaIndex }: ModelReplica,
): boolean {
  return type !== "EC" || (replicaIndex >= 1 && replicaIndex <= indexCount);
}

/** The container in another state, written as it is now (spec 02 §4.2 rule 4). */
export function moved(container: Container, state: string, reason?: string): Container {
  return withReason({ ...container, state, saved: figuresOf(container) }, reason);
}

export function withReason(container: Container, reason: string | undefined): Container {
  if (reason === undefined || container.reasons.has(reason)) return container;
  return { ...container, reasons: new Set([...container.reasons, reason]) };
}

export function figuresOf({ sequenceId, usedBytes, keyCount }: Figures): Figures {
  return { sequenceId, usedBytes, keyCount };
}

/** A row of a report, as the recorded SCM takes it: in order, its step done before the next row. */
export function referenceReport(container: Container, kind: ContainerKind, replica: ModelReplica): Container {
  if (!hasFittingIndex(kind, replica)) {
    const isGone = replica.state === "DELETED" && container.replicas.has(replica.node);
    return withReason(container, isGone ? REASON.DELETED_INDEX : undefined);
  }
  const isNewer = replica.sequenceId > container.sequenceId;
  let next = counted(container, kind, replica);
  if (USABLE.has(replica.state) && isNewer) {
    next = { ...next, sequenceId: replica.sequenceId };
    if (!LIVE.has(container.state)) next = withReason(next, REASON.SEQUENCE_OF_FINAL);
  }
  const step = referenceStep(next, kind, replica);
  if (step.isIgnored === true) return withReason(next, step.reason);
  if (step.state !== undefined) next = moved(next, step.state, step.reason);
  return recorded(next, replica);
}

/** A message's rows about one container, as Strata takes them: all are recorded, then the first one that
 * brings about a step has its way, with the figures as of then, and after it every recorded replica, until
 * none brings about anything. */
export function strataReport(
  container: Container,
  kind: ContainerKind,
  rows: readonly ModelReplica[],
): Container {
  let next = container;
  let first: { readonly row: ModelReplica; readonly figures: Figures } | undefined;
  for (const row of rows) {
    next = strataRow(next, kind, row);
    if (strataStep(next, kind, row) !== undefined) first ??= { row, figures: figuresOf(next) };
  }
  if (first === undefined) return strataSteps(next, kind);
  const { row, figures } = first;
  const state = strataStep(next, kind, row);
  if (state !== undefined) next = stepped(next, state, figures);
  // Both steps of a closed replica go together (rule 18).
  if (state === "CLOSING" && strataStep(next, kind, row) === "CLOSED")
    next = stepped(next, "CLOSED", figures);
  return strataSteps(next, kind);
}

/** A container whose replicas were reported before it was known: with all of them recorded, each counts as
 * reported now, before anything follows from one. */
export function strataKnown(kind: ContainerKind, replicas: readonly ModelReplica[]): Container {
  const all = replicas.reduce(recorded, newContainer());
  const reported = replicas.reduce((next, row) => strataRow(next, kind, row), all);
  return strataSteps(reported, kind);
}

/** What every recorded replica brings about, until none does any more. */
export function strataSteps(container: Container, kind: ContainerKind): Container {
  let next = container;
  for (let state = dueStep(next, kind); state !== undefined; state = dueStep(next, kind)) {
    next = stepped(next, state, figuresOf(next));
  }
  return next;
}

/** In a state in which it stays, a container's sequence id is the one that was written (rule 1). */
function stepped(container: Container, state: string, saved: Figures): Container {
  const sequenceId = LIVE.has(state) ? container.sequenceId : saved.sequenceId;
  return { ...container, state, saved, sequenceId };
}

function strataRow(container: Container, kind: ContainerKind, replica: ModelReplica): Container {
  if (!hasFittingIndex(kind, replica) && replica.state !== "DELETED") return container;
  let next = container;
  if (USABLE.has(replica.state)) {
    next = counted(container, kind, replica);
    if (LIVE.has(container.state)) {
      next = { ...next, sequenceId: Math.max(next.sequenceId, replica.sequenceId) };
    }
  }
  return recorded(next, replica);
}

/** The step that a recorded replica brings about in Strata. */
export function dueStep(container: Container, kind: ContainerKind): string | undefined {
  for (const replica of container.replicas.values()) {
    const state = strataStep(container, kind, replica);
    if (state !== undefined) return state;
  }
  return undefined;
}

/** Spec 02 §9.1 with §18 rules 4, 5 and 18. Containers that are deleted do not exist in Strata yet. */
function strataStep(container: Container, kind: ContainerKind, replica: ModelReplica): string | undefined {
  if (!hasFittingIndex(kind, replica)) return undefined;
  const isEc = kind.type === "EC";
  const closes =
    replica.state === "CLOSED" && isProving(kind, replica) && replica.sequenceId >= container.sequenceId;
  switch (container.state) {
    case "OPEN":
      return replica.state === "OPEN" ? undefined : "CLOSING";
    case "CLOSING":
      if (closes) return "CLOSED";
      return replica.state === "QUASI_CLOSED" && !isEc ? "QUASI_CLOSED" : undefined;
    case "QUASI_CLOSED":
      return closes ? "CLOSED" : undefined;
    default:
      return undefined;
  }
}

interface Step {
  readonly state?: string;
  /** The replica is not recorded: the older one stays. */
  readonly isIgnored?: boolean;
  readonly reason?: string;
}

/** Spec 02 §9, as release 2.2.0 does it: the sequence id has been raised before. */
function referenceStep(container: Container, kind: ContainerKind, replica: ModelReplica): Step {
  const isProvingIndex = isProving(kind, replica);
  const isOld = replica.sequenceId < container.sequenceId;
  const ecReason = kind.type === "EC" ? { reason: REASON.EC_CLOSE } : {};
  switch (container.state) {
    case "OPEN":
      return replica.state === "OPEN" ? {} : { state: "CLOSING" };
    case "CLOSING":
      if (replica.state === "QUASI_CLOSED") return { state: "QUASI_CLOSED", ...ecReason };
      if (replica.state !== "CLOSED" || !isProvingIndex) return {};
      return isOld ? { isIgnored: true, reason: REASON.STALE_REPLICA } : { state: "CLOSED" };
    case "QUASI_CLOSED":
      if (replica.state !== "CLOSED") return {};
      if (isOld) return { isIgnored: true, reason: REASON.STALE_REPLICA };
      return { state: "CLOSED", ...(isProvingIndex ? {} : ecReason) };
    case "DELETING":
    case "DELETED":
      return resurrection(container, kind, replica);
    default:
      return {};
  }
}

/** Spec 02 §9.2. A RATIS replica is never newer than the sequence id that it has just raised (§9.3). */
function resurrection(container: Container, { type }: ContainerKind, replica: ModelReplica): Step {
  if (replica.isEmpty || type === "EC") return {};
  switch (replica.state) {
    case "CLOSED":
    case "QUASI_CLOSED":
      if (type === "RATIS" && replica.sequenceId <= container.sequenceId) return {};
      return { state: replica.state };
    case "OPEN":
    case "CLOSING":
    case "UNHEALTHY":
      return { state: "QUASI_CLOSED" };
    default:
      return {};
  }
}

/** EC: indexes 2 … data may hold nothing, so they prove nothing. */
function isProving({ type, dataCount }: ContainerKind, { replicaIndex }: ModelReplica): boolean {
  return type !== "EC" || replicaIndex === 1 || replicaIndex > dataCount;
}

/** Usage after a report: the least of all replicas while OPEN, else the most (spec 02 §6.3–6.6). */
function counted(container: Container, kind: ContainerKind, replica: ModelReplica): Container {
  if (!USABLE.has(replica.state) || !isProving(kind, replica)) return container;
  const pick = container.state === "OPEN" ? Math.min : Math.max;
  let { usedBytes, keyCount } = replica;
  for (const other of container.replicas.values()) {
    if (other.node === replica.node || !isProving(kind, other)) continue;
    usedBytes = pick(usedBytes, other.usedBytes);
    keyCount = pick(keyCount, other.keyCount);
  }
  return { ...container, usedBytes, keyCount };
}

function recorded(container: Container, replica: ModelReplica): Container {
  const replicas = new Map(container.replicas);
  if (replica.state === "DELETED") replicas.delete(replica.node);
  else replicas.set(replica.node, replica);
  return { ...container, replicas };
}
