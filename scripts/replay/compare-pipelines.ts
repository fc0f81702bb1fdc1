import type { LocatedContainer } from "../../protocol/client/index.js";
import type { PipelineRecord } from "../../protocol/schema/records.js";
import type { Differences } from "./compare.js";
import { pipelineRecord } from "./convert.js";
import { CAUSE, type OtherParts } from "./other-parts.js";
import { type JsonObject, object, objects, string, uuidText } from "./trace.js";
import { shownContainer } from "./trace-containers.js";

const STATE_PREFIX = /^PIPELINE_/;

/** Pipelines of the SCM against the trace's answers. Members and configuration never change, so they must be
 * equal. States are the doings of the recorded SCM's pipeline manager: where ours is in another one, the
 * trace must have shown why before. */
export class PipelineComparison {
  readonly #differences: Differences;
  readonly #parts: OtherParts;

  constructor(differences: Differences, parts: OtherParts) {
    this.#differences = differences;
    this.#parts = parts;
  }

  /** A pipeline of an answer. `wasShown`: in an answer or a command before, so that ours knows it. */
  shown(where: string, ours: PipelineRecord | undefined, theirs: JsonObject, wasShown: boolean): void {
    const expected = pipelineRecord(theirs, 0);
    const at = `${where}: pipeline ${expected.pipelineId}`;
    if (ours === undefined) {
      if (!wasShown) this.#differences.leaveOut("pipelines that were never shown");
      else if (this.#parts.isPipelineClosed(expected.pipelineId)) this.#leaveOut(CAUSE.PIPELINE);
      else this.#differences.add(at, "pipeline", "absent", "present");
      return;
    }
    const before = this.#differences.lines.length;
    this.#fixed(at, ours, expected);
    if (this.#differences.lines.length === before) this.#differences.agree("members of pipelines");
    this.#state(at, ours, stateOf(theirs));
  }

  /** Ours that an answer with all pipelines leaves out. */
  notListed(where: string, ours: PipelineRecord, wasShown: boolean): void {
    if (!wasShown) this.#leaveOut("made by Strata alone");
    else if (ours.state === "CLOSED") this.#leaveOut("removed by the scrubber");
    else if (this.#parts.isPipelineClosed(ours.pipelineId)) this.#leaveOut(CAUSE.PIPELINE);
    else this.#differences.add(`${where}: pipeline ${ours.pipelineId}`, "pipeline", "present", "absent");
  }

  /** The pipeline that an answer gives with a container: its own, or one that is made of its replicas. */
  located(where: string, ours: LocatedContainer | undefined, theirs: JsonObject): void {
    const shown = shownContainer(object(theirs["containerInfo"]));
    const pipeline = object(theirs["pipeline"]);
    if (pipeline["id"] === undefined) return;
    const at = `${where}: pipeline with container ${shown.id}`;
    // The comparison of containers has judged these.
    if (ours === undefined || ours.container.state !== shown.state) {
      this.#differences.leaveOut("pipelines with containers in another state");
      return;
    }
    const { location } = ours;
    const expected = pipelineRecord(pipeline, 0);
    const isOwn = uuidText(object(pipeline["id"])) === shown.kind.pipelineId;
    // It came in with its container alone, since no answer had shown it before.
    if (isOwn && ours.container.pipelineId === undefined) {
      this.#differences.leaveOut("pipelines that were never shown");
      return;
    }
    const before = this.#differences.lines.length;
    this.#differences.equal(at, "id", location.pipelineId, isOwn ? expected.pipelineId : undefined);
    // Those of a read pipeline are in no order (spec 03 §6).
    const order = (members: string[]): string => (isOwn ? members : members.sort()).join(" ");
    this.#differences.equal(at, "members", order(membersOf(location)), order(membersOf(expected)));
    if (!isOwn) this.#differences.equal(at, "state", location.state, stateOf(pipeline));
    if (this.#differences.lines.length === before) {
      this.#differences.agree(isOwn ? "own pipelines of containers" : "read pipelines of containers");
    }
  }

  /** The pipeline that a block was given out for: its container must be known there, and be open. Which one
   * is chosen is chance, so that ours is not asked to allocate. */
  allocated(where: string, ours: LocatedContainer | undefined, pipeline: JsonObject): void {
    const expected = pipelineRecord(pipeline, 0);
    if (ours === undefined || ours.container.state !== "OPEN") {
      this.#differences.leaveOut("blocks of containers in another state");
      return;
    }
    const at = `${where}: block in container ${ours.container.containerId}`;
    const before = this.#differences.lines.length;
    this.#differences.equal(at, "pipeline", ours.location.pipelineId, expected.pipelineId);
    const members = membersOf(ours.location).join(" ");
    this.#differences.equal(at, "members", members, membersOf(expected).join(" "));
    if (this.#differences.lines.length === before) this.#differences.agree("pipelines of blocks");
  }

  /** Ours at the end of a scene, as the trace has shown it. */
  atEnd(where: string, ours: PipelineRecord): void {
    const members = this.#parts.membersOf(ours.pipelineId);
    if (members === undefined) {
      this.#leaveOut("made by Strata alone");
      return;
    }
    const at = `${where}: pipeline ${ours.pipelineId}`;
    const own = ours.members.map(({ details }) => details.uuid as string);
    this.#differences.equal(at, "members", own.sort().join(" "), [...members].sort().join(" "));
    if (ours.state === "CLOSED" && !this.#parts.isPipelineClosed(ours.pipelineId)) {
      this.#differences.add(at, "state", ours.state, "not closed");
    }
  }

  #fixed(at: string, ours: PipelineRecord, expected: PipelineRecord): void {
    const { type, factor, ecData, ecParity } = expected.replication;
    this.#differences.equal(at, "type", ours.replication.type, type);
    this.#differences.equal(at, "factor", ours.replication.factor, factor);
    this.#differences.equal(at, "data indexes", ours.replication.ecData, ecData);
    this.#differences.equal(at, "parity indexes", ours.replication.ecParity, ecParity);
    this.#differences.equal(at, "members", membersOf(ours).join(" "), membersOf(expected).join(" "));
  }

  #state(at: string, ours: PipelineRecord, theirs: string): void {
    if (ours.state === theirs) {
      this.#differences.agree("states of pipelines");
      return;
    }
    const isClosed = this.#parts.isPipelineClosed(ours.pipelineId);
    if (isClosed && (ours.state === "CLOSED" || theirs === "CLOSED")) this.#leaveOut(CAUSE.PIPELINE);
    else this.#differences.add(at, "state", ours.state, theirs);
  }

  #leaveOut(cause: string): void {
    this.#differences.leaveOut(`pipeline: ${cause}`);
  }
}

/** All pipelines of an answer to ListPipelines or GetPipeline. */
export function shownPipelines(response: JsonObject): readonly JsonObject[] {
  const one = object(response["getPipelineResponse"])["pipeline"];
  return one === undefined ? objects(object(response["listPipelineResponse"])["pipelines"]) : [object(one)];
}

/** Containers of an answer with their pipelines. */
export function shownLocations(response: JsonObject): readonly JsonObject[] {
  const one = object(response["getContainerWithPipelineResponse"])["containerWithPipeline"];
  return [
    ...(one === undefined ? [] : [object(one)]),
    ...objects(object(response["getContainerWithPipelineBatchResponse"])["containerWithPipelines"]),
    ...objects(object(response["getExistContainerWithPipelinesInBatchResponse"])["containerWithPipelines"]),
  ];
}

function stateOf(pipeline: JsonObject): string {
  return string(pipeline["state"]).replace(STATE_PREFIX, "");
}

/** Who, where, and which index. */
function membersOf({ members }: Pick<PipelineRecord, "members">): string[] {
  return members.map(
    ({ details, replicaIndex }) =>
      `${details.uuid} at ${details.ipAddress} ${details.hostName} index ${replicaIndex}`,
  );
}
