import type { ContainerRecord, ReplicaRecord } from "../../protocol/schema/records.js";
import { compareReplicas, Differences } from "./compare.js";
import { type ContainerModel, hasEqualFigures } from "./container-model.js";
import { type Container, type Figures, REASON, type ShownReplica } from "./container-rules.js";
import type { ShownContainer } from "./trace-containers.js";

const RULES: ReadonlySet<string> = new Set(Object.values(REASON));

/** The answer to a call that failed. */
export const REFUSED = "refused";

type Shown = Figures & { readonly state: string };

/** Containers of the SCM against the trace's answers. Where they differ, the model must know why: it has
 * found the reason before, in what the trace shows of other parts or in a rule in which Strata differs. */
export class ContainerComparison {
  readonly #differences: Differences;
  readonly #model: ContainerModel;

  constructor(differences: Differences, model: ContainerModel) {
    this.#differences = differences;
    this.#model = model;
  }

  /** A container of an answer. */
  shown(where: string, ours: ContainerRecord | undefined, theirs: ShownContainer): void {
    const at = `${where}: container ${theirs.id}`;
    if (ours === undefined) {
      this.#differences.add(at, "container", "absent", "present");
      return;
    }
    this.#fixed(at, ours, theirs);
    if (theirs.deleteTransactionId > 0) this.#differences.leaveOut("container delete transactions");
    const found = new Differences();
    compareLife(found, at, ours, theirs);
    this.#judge(theirs.id, ours, found, (course) => isLike(course, theirs));
  }

  /** This one is in the list of one side alone, of all containers or of those in one state. */
  listed(
    where: string,
    ours: ContainerRecord | undefined,
    { id, state, isListed }: { readonly id: number; readonly state: string; readonly isListed: boolean },
  ): void {
    const found = new Differences();
    const [listed, left] = ["listed", "not listed"];
    const what = state === "" ? "in the list" : `in state ${state}`;
    found.add(`${where}: container ${id}`, what, isListed ? left : listed, isListed ? listed : left);
    this.#judge(id, ours, found, (course) => state !== "" && (course.state === state) === isListed);
  }

  /** An administrator's close, whose answer tells the container's state: `container` is ours, before. */
  closed(
    where: string,
    container: ContainerRecord | undefined,
    { id, ours, theirs }: { readonly id: number; readonly ours: string; readonly theirs: string },
  ): void {
    const found = new Differences();
    found.equal(`${where}: container ${id}`, "answer to close", ours, theirs);
    this.#judge(id, container, found, ({ state }) => answerToClose(state) === theirs);
  }

  /** Replicas against the trace's own answer about them. */
  replicas(
    where: string,
    id: number,
    ours: { readonly container: ContainerRecord | undefined; readonly replicas: readonly ReplicaRecord[] },
    theirs: ReadonlyMap<string, ShownReplica>,
  ): void {
    const found = new Differences();
    compareReplicas(found, where, id, ours.replicas, theirs);
    this.#judge(id, ours.container, found, (course) => hasReplicas(course, theirs));
  }

  /** A container of the SCM against the model. */
  atEnd(where: string, id: number, ours: ContainerRecord | undefined): void {
    const strata = this.#model.strata(id);
    if (strata === undefined) return;
    const at = `${where}: container ${id}`;
    if (ours === undefined) this.#differences.add(at, "container", "absent", "present");
    else compareLife(this.#differences, at, ours, strata);
  }

  #fixed(at: string, ours: ContainerRecord, { kind, isSuppressed }: ShownContainer): void {
    const { replication } = ours;
    const indexCount = replication.ecData + replication.ecParity;
    this.#differences.equal(at, "owner", ours.owner, kind.owner);
    if (ours.pipelineId !== undefined) {
      this.#differences.equal(at, "pipeline", ours.pipelineId, kind.pipelineId);
    } else if (kind.pipelineId !== "") this.#differences.leaveOut("pipelines that were never shown");
    this.#differences.equal(at, "type", replication.type, kind.type);
    this.#differences.equal(at, "data indexes", replication.ecData, kind.dataCount);
    this.#differences.equal(at, "indexes", indexCount, kind.indexCount);
    this.#differences.equal(at, "suppressed", ours.suppressed, isSuppressed);
  }

  #judge(
    id: number,
    ours: ContainerRecord | undefined,
    found: Differences,
    fits: (course: Container) => boolean,
  ): void {
    if (found.lines.length === 0) {
      this.#differences.agree("container answers");
      this.#model.observe(id, fits);
      return;
    }
    const strata = this.#model.strata(id);
    // A reason excuses the recorded SCM's answer, never another container than the rules give.
    const isByRule = ours !== undefined && strata !== undefined && isLike(strata, ours);
    const reasons = isByRule ? this.#model.explain(id, fits) : undefined;
    if (reasons === undefined) {
      this.#differences.lines.push(...found.lines);
      return;
    }
    this.#model.observe(id, fits);
    const causes = reasons.filter((reason) => !RULES.has(reason));
    if (causes.length > 0) this.#differences.leaveOut(`container: ${causes.join(", ")}`);
    else this.#differences.byRule(reasons.join(", "));
  }
}

/** Spec 02 §10.2. */
function answerToClose(state: string): string {
  if (state === "OPEN") return "OK";
  return state === "CLOSING" || state === "CLOSED" ? `CONTAINER_ALREADY_${state}` : REFUSED;
}

function compareLife(differences: Differences, at: string, ours: Shown, theirs: Shown): void {
  differences.equal(at, "state", ours.state, theirs.state);
  differences.equal(at, "sequence id", ours.sequenceId, theirs.sequenceId);
  differences.equal(at, "used bytes", ours.usedBytes, theirs.usedBytes);
  differences.equal(at, "keys", ours.keyCount, theirs.keyCount);
}

function isLike(course: Shown, shown: Shown): boolean {
  return course.state === shown.state && hasEqualFigures(course, shown);
}

function hasReplicas({ replicas }: Container, theirs: ReadonlyMap<string, ShownReplica>): boolean {
  if (replicas.size !== theirs.size) return false;
  for (const [node, a] of replicas) {
    const b = theirs.get(node);
    if (b === undefined || a.state !== b.state || a.replicaIndex !== b.replicaIndex) return false;
    if (!hasEqualFigures(a, b) || a.origin !== b.origin || a.dataChecksum !== b.dataChecksum) return false;
  }
  return true;
}
