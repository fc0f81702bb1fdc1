import { type Container, type ContainerKind, moved } from "./container-rules.js";
import { type JsonObject, object, objects, string, uuidText } from "./trace.js";

/** Parts of an SCM that Strata does not have yet and that move containers in the recorded one. */
export const CAUSE = {
  PIPELINE: "pipeline close",
  DEAD_NODE: "dead node",
  REPLICATION: "replication manager",
  ALLOCATION: "block allocation",
} as const;

interface Pipeline {
  members: ReadonlySet<string>;
  isClosed: boolean;
}

/** What is known of the datanodes. */
export interface NodeEvidence {
  /** The healths that a node may have now; empty for an unknown one. */
  healthsOf(uuid: string): ReadonlySet<string>;
}

/** What the trace shows of the other parts' doings: pipelines that are closed (spec 03 §9.1, §9.4), nodes
 * that are dead (spec 01 §7.4), and replicas that the replication manager acts on (spec 02 §10.3). */
export class OtherParts {
  readonly #nodes: NodeEvidence;
  readonly #pipelines = new Map<string, Pipeline>();

  constructor(nodes: NodeEvidence) {
    this.#nodes = nodes;
  }

  /** A pipeline as the trace shows it: in an answer or in the command that creates it. */
  pipelineShown(pipeline: JsonObject, members = objects(pipeline["members"])): void {
    const id = uuidText(object(pipeline["id"] ?? pipeline["pipelineID"]));
    if (id === "" || members.length === 0) return;
    const known = this.#pipelines.get(id);
    const isClosed = known?.isClosed === true || string(pipeline["state"]) === "PIPELINE_CLOSED";
    this.#pipelines.set(id, { members: new Set(members.map(uuidText)), isClosed });
  }

  /** An answer with all pipelines: one that it leaves out was closed before. */
  pipelinesListed(pipelines: readonly JsonObject[]): void {
    const listed = new Set(pipelines.map((pipeline) => uuidText(object(pipeline["id"]))));
    for (const pipeline of pipelines) this.pipelineShown(pipeline);
    for (const [id, pipeline] of this.#pipelines) if (!listed.has(id)) pipeline.isClosed = true;
  }

  /** A datanode or an administrator asked for it, or a datanode was told to leave it. */
  pipelineClosed(id: string): void {
    const pipeline = this.#pipelines.get(id) ?? { members: new Set(), isClosed: true };
    pipeline.isClosed = true;
    this.#pipelines.set(id, pipeline);
  }

  /** The pipelines of a node that is stale, starts to leave, or moved to another address. */
  pipelinesOfNodeClosed(uuid: string): void {
    for (const pipeline of this.#pipelines.values()) if (pipeline.members.has(uuid)) pipeline.isClosed = true;
  }

  /** The courses that `container` may have taken by now, itself among them. */
  courses(container: Container, kind: ContainerKind): Container[] {
    const courses = [container];
    for (const course of courses) courses.push(...this.#steps(course, kind));
    return courses;
  }

  #steps(container: Container, kind: ContainerKind): Container[] {
    switch (container.state) {
      case "OPEN":
        return this.#closings(container, kind).map((cause) => moved(container, "CLOSING", cause));
      case "CLOSING":
        return closedByReplication(container, kind);
      case "QUASI_CLOSED":
      case "CLOSED":
        return deletedByReplication(container, kind);
      case "DELETING":
        return container.replicas.size === 0 ? [moved(container, "DELETED", CAUSE.REPLICATION)] : [];
      default:
        return [];
    }
  }

  #closings({ replicas }: Container, { pipelineId }: ContainerKind): string[] {
    const causes: string[] = [];
    if (this.isPipelineClosed(pipelineId)) causes.push(CAUSE.PIPELINE);
    const holders = [...replicas.keys()];
    if (holders.some((uuid) => this.#nodes.healthsOf(uuid).has("DEAD"))) causes.push(CAUSE.DEAD_NODE);
    if ([...replicas.values()].some(({ state }) => state !== "OPEN")) causes.push(CAUSE.REPLICATION);
    return causes;
  }

  /** As the trace has shown it; undefined when it never has. */
  membersOf(id: string): ReadonlySet<string> | undefined {
    const members = this.#pipelines.get(id)?.members;
    return members === undefined || members.size === 0 ? undefined : members;
  }

  /** Whether it may be closed, or be gone. */
  isPipelineClosed(id: string): boolean {
    const pipeline = this.#pipelines.get(id);
    if (pipeline === undefined) return false;
    if (pipeline.isClosed) return true;
    return [...pipeline.members].some((uuid) => {
      const healths = this.#nodes.healthsOf(uuid);
      // One that has not come back since the start is the scrubber's (spec 03 §9.3).
      return healths.size === 0 || healths.has("STALE") || healths.has("DEAD");
    });
  }
}

function closedByReplication(container: Container, { type }: ContainerKind): Container[] {
  const replicas = [...container.replicas.values()];
  if (replicas.length === 0) {
    return container.keyCount === 0 ? [moved(container, "CLOSED", CAUSE.REPLICATION)] : [];
  }
  if (replicas.some(({ state }) => state !== "UNHEALTHY")) return [];
  return [moved(container, type === "EC" ? "CLOSED" : "QUASI_CLOSED", CAUSE.REPLICATION)];
}

function deletedByReplication(container: Container, { type }: ContainerKind): Container[] {
  const replicas = [...container.replicas.values()];
  if (replicas.length === 0 || replicas.some(({ isEmpty }) => !isEmpty)) return [];
  const highest = Math.max(...replicas.map(({ sequenceId }) => sequenceId));
  if (container.state === "QUASI_CLOSED") {
    const sequenceId = Math.max(container.sequenceId, highest);
    return [moved({ ...container, sequenceId }, "DELETING", CAUSE.REPLICATION)];
  }
  if (replicas.some(({ state }) => state !== "CLOSED")) return [];
  const isComplete = replicas.some(({ sequenceId }) => sequenceId === container.sequenceId);
  return type === "RATIS" && !isComplete ? [] : [moved(container, "DELETING", CAUSE.REPLICATION)];
}
