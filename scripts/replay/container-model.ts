import {
  type Container,
  type ContainerKind,
  dueStep,
  type Figures,
  figuresOf,
  hasFittingIndex,
  type ModelReplica,
  moved,
  newContainer,
  REASON,
  referenceReport,
  strataKnown,
  strataReport,
  strataSteps,
  withReason,
} from "./container-rules.js";
import { CAUSE, type OtherParts } from "./other-parts.js";
import type { ReportMessage, ShownContainer } from "./trace-containers.js";

/** A report waits in the recorded SCM's queue and its step goes through Raft: an answer may show what was
 * true up to so long before. */
const LAG_MS = 1000;
const LAG = "report under way in the recorded SCM";
const ORDER_IN_HEARTBEAT = "order of the actions and reports of one heartbeat";

interface Entry {
  readonly kind: ContainerKind;
  strata: Container;
  /** The courses that the recorded SCM's container may have taken. */
  reference: readonly Container[];
  past: { readonly untilMs: number; readonly courses: readonly Container[] }[];
}

type Step = (container: Container, kind: ContainerKind) => Container;

/** Containers by the rules: as Strata must have them, and as the recorded SCM may have them. Each course has
 * the reasons why it need not be Strata's; one that is equal to Strata's has none. */
export class ContainerModel {
  readonly #parts: OtherParts;
  readonly #entries = new Map<number, Entry>();
  /** Replicas of containers that the trace has not shown. */
  readonly #unknown = new Map<number, ReadonlyMap<string, ModelReplica>>();
  /** Containers whose state in Strata has changed since the last look. */
  readonly #moved = new Set<number>();
  #nowMs = 0;

  constructor(parts: OtherParts) {
    this.#parts = parts;
  }

  /** Shown or only reported. */
  get ids(): number[] {
    return [...new Set([...this.#entries.keys(), ...this.#unknown.keys()])].sort((a, b) => a - b);
  }

  /** As Strata must have it; undefined for one that the trace has not shown. */
  strata(id: number): Container | undefined {
    return this.#entries.get(id)?.strata;
  }

  replicas(id: number): ReadonlyMap<string, ModelReplica> {
    return this.#entries.get(id)?.strata.replicas ?? this.#unknown.get(id) ?? new Map();
  }

  /** The containers that have moved in Strata since the last call. */
  takeMoved(): number[] {
    const ids = [...this.#moved];
    this.#moved.clear();
    return ids;
  }

  advance(atMs: number): void {
    this.#nowMs = atMs;
  }

  /** An answer names a container that was just created, or that was created unseen. */
  created(id: number, kind: ContainerKind): void {
    if (this.#entries.has(id)) return;
    const known = this.#takeUnknown(id, kind);
    const strata = strataKnown(kind, known);
    // What is reported exists: the recorded SCM has known it for longer than the trace shows.
    const unseen = known.length === 0 ? [] : [withReason(strata, CAUSE.ALLOCATION)];
    this.#add(id, { kind, strata, reference: [newContainer(), ...unseen], past: [] });
  }

  /** An answer about containers shows one that nothing has shown before, as it is by now. */
  shown(container: ShownContainer): void {
    const { id, kind, state } = container;
    if (this.#entries.has(id)) return;
    const strata = strataKnown(kind, this.#takeUnknown(id, kind));
    const figures = figuresOf(container);
    const shown = { ...strata, ...figures, state, saved: figures };
    this.#add(id, { kind, strata, reference: [withReason(shown, CAUSE.ALLOCATION)], past: [] });
  }

  /** A whole report: in Strata, its steps follow it. */
  report({ node, isFull, rows }: ReportMessage): void {
    this.#rows(rows);
    if (!isFull) return;
    const present = new Set(rows.map(({ containerId }) => containerId));
    for (const [id, { strata, reference }] of this.#entries) {
      if (present.has(id) || ![strata, ...reference].some(({ replicas }) => replicas.has(node))) continue;
      this.#change(id, (container) => without(container, node));
    }
    for (const id of this.#unknown.keys()) if (!present.has(id)) this.#setUnknown(id, node, undefined);
  }

  /** Container actions of a heartbeat. Those of containers in `reported`, whose reports come with the same
   * heartbeat, may be done before or after them; then `actionsDone` follows. */
  actions(ids: readonly number[], reported: ReadonlySet<number>): void {
    for (const id of ids) {
      const entry = this.#entries.get(id);
      if (entry === undefined) continue;
      if (!reported.has(id)) {
        this.#change(id, closed);
        continue;
      }
      this.#expand(entry);
      const either = entry.reference.flatMap((course) => [course, closed(course)]);
      const courses = either.map((course) => withReason(course, ORDER_IN_HEARTBEAT));
      this.#set(id, closed(entry.strata), courses);
    }
  }

  actionsDone(ids: readonly number[]): void {
    for (const id of ids) this.#change(id, (container) => container, closed);
  }

  /** An administrator closes it; `isTaken`: the recorded SCM did. */
  close(id: number, isTaken: boolean): void {
    this.#change(id, closed, isTaken ? closed : (container) => container);
  }

  /** A datanode asked for it: Strata closes its containers with it. What the recorded SCM made of it, the
   * other parts tell. */
  pipelineClosed(pipelineId: string): void {
    for (const [id, { kind }] of this.#entries) {
      if (kind.pipelineId === pipelineId) this.#change(id, closed, (container) => container);
    }
  }

  /** Release 2.2.0 writes the container's row with the transaction (spec 00, 02 §1). */
  deleteTransaction(id: number): void {
    const save = (container: Container) => ({ ...container, saved: figuresOf(container) });
    this.#change(id, (container) => container, save);
  }

  /** All replicas of a dead node go. */
  purge(node: string): void {
    for (const id of this.#entries.keys()) this.#change(id, (container) => without(container, node));
    for (const id of this.#unknown.keys()) this.#setUnknown(id, node, undefined);
  }

  /** The process ended: what was observed is gone, and the figures are as last written. */
  restart(): void {
    this.#unknown.clear();
    const restarted = (container: Container) => ({ ...container, ...container.saved, replicas: new Map() });
    for (const [id, entry] of this.#entries) {
      this.#change(id, restarted);
      entry.past = [];
    }
  }

  /** The trace shows a container as `fits` says: other courses are ruled out. */
  observe(id: number, fits: (container: Container) => boolean): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#expand(entry);
    const fitting = entry.reference.filter(fits);
    if (fitting.length > 0) entry.reference = fitting;
  }

  /** Why the trace may show a container as `fits` says although Strata's is another: the reasons of the
   * likeliest course that fits; undefined when there is none. */
  explain(id: number, fits: (container: Container) => boolean): readonly string[] | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    this.#expand(entry);
    const course = likeliest(entry.reference.filter(fits));
    if (course !== undefined) return course.reasons.size > 0 ? [...course.reasons] : undefined;
    const before = entry.past.filter(({ untilMs }) => untilMs >= this.#nowMs - LAG_MS);
    return before.some(({ courses }) => courses.some(fits)) ? [LAG] : undefined;
  }

  #add(id: number, entry: Entry): void {
    this.#entries.set(id, entry);
    if (entry.strata.state !== "OPEN") this.#moved.add(id);
    this.#settled(id);
  }

  #rows(rows: readonly ModelReplica[]): void {
    const byId = new Map<number, ModelReplica[]>();
    for (const row of rows) byId.set(row.containerId, [...(byId.get(row.containerId) ?? []), row]);
    for (const [id, own] of byId) {
      if (!this.#entries.has(id)) {
        for (const row of own) this.#setUnknown(id, row.node, row);
        continue;
      }
      const reason = own.length > 1 ? REASON.STEPS_OF_MESSAGE : undefined;
      this.#change(
        id,
        (container, kind) => strataReport(container, kind, own),
        (course, kind) => {
          const reported = own.reduce((next, row) => referenceReport(next, kind, row), course);
          return withReason(reported, reason);
        },
      );
    }
  }

  #change(id: number, strata: Step, reference: Step = strata): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#expand(entry);
    const { kind } = entry;
    const courses = entry.reference.map((course) => reference(course, kind));
    this.#set(id, strataSteps(strata(entry.strata, kind), kind), courses);
  }

  #set(id: number, strata: Container, reference: readonly Container[]): void {
    const entry = this.#entries.get(id) as Entry;
    const before = { untilMs: this.#nowMs, courses: entry.reference };
    entry.past = [...entry.past.filter(({ untilMs }) => untilMs >= this.#nowMs - LAG_MS), before];
    if (strata.state !== entry.strata.state) this.#moved.add(id);
    entry.strata = strata;
    entry.reference = reference;
    this.#settled(id);
  }

  /** What the other parts may have done by now. */
  #expand(entry: Entry): void {
    const { reference, kind } = entry;
    const courses = reference.flatMap((course) => this.#parts.courses(course, kind));
    entry.reference = distinct(courses.map((course) => this.#judged(course, entry)));
  }

  #settled(id: number): void {
    const entry = this.#entries.get(id) as Entry;
    entry.reference = distinct(entry.reference.map((course) => this.#judged(course, entry)));
  }

  /** The course with its reasons: none when it is Strata's, and one more where Strata is ahead. */
  #judged(course: Container, { strata, kind }: Entry): Container {
    if (isEqual(course, strata)) {
      // Only the next start will show what was written.
      const isSaved = hasEqualFigures(course.saved, strata.saved);
      return { ...course, reasons: new Set(isSaved ? [] : [REASON.SAVED_FIGURES]) };
    }
    return withReason(course, dueStep(course, kind) === undefined ? undefined : REASON.NO_SECOND_REPORT);
  }

  #takeUnknown(id: number, kind: ContainerKind): readonly ModelReplica[] {
    const replicas = [...(this.#unknown.get(id)?.values() ?? [])];
    this.#unknown.delete(id);
    return replicas.filter((replica) => hasFittingIndex(kind, replica));
  }

  #setUnknown(id: number, node: string, replica: ModelReplica | undefined): void {
    const replicas = new Map(this.#unknown.get(id));
    if (replica === undefined || replica.state === "DELETED") replicas.delete(node);
    else replicas.set(node, replica);
    this.#unknown.set(id, replicas);
  }
}

/** CLOSE_CONTAINER (spec 02 §10.2). */
function closed(container: Container): Container {
  return container.state === "OPEN" ? moved(container, "CLOSING") : container;
}

function without(container: Container, node: string): Container {
  if (!container.replicas.has(node)) return container;
  const replicas = new Map(container.replicas);
  replicas.delete(node);
  return { ...container, replicas };
}

function distinct(courses: readonly Container[]): Container[] {
  const kept: Container[] = [];
  for (const course of courses) {
    const at = kept.findIndex(
      (other) => isEqual(other, course) && hasEqualFigures(other.saved, course.saved),
    );
    if (at < 0) kept.push(course);
    else if (course.reasons.size < (kept[at] as Container).reasons.size) kept[at] = course;
  }
  return kept;
}

function likeliest(courses: readonly Container[]): Container | undefined {
  return [...courses].sort((a, b) => a.reasons.size - b.reasons.size)[0];
}

/** In all that shows. */
function isEqual(a: Container, b: Container): boolean {
  if (a.state !== b.state || !hasEqualFigures(a, b)) return false;
  if (a.replicas.size !== b.replicas.size) return false;
  for (const [node, replica] of a.replicas) if (b.replicas.get(node) !== replica) return false;
  return true;
}

export function hasEqualFigures(a: Figures, b: Figures): boolean {
  return a.sequenceId === b.sequenceId && a.usedBytes === b.usedBytes && a.keyCount === b.keyCount;
}
