import type { Container, Figures } from "../../../scripts/replay/container-rules.js";
import { TraceModel } from "../../../scripts/replay/model.js";
import {
  type JsonObject,
  number,
  object,
  objects,
  type Run,
  string,
  type TraceLine,
  uuidText,
} from "../../../scripts/replay/trace.js";
import {
  type ContainerNews,
  newsOfHeartbeat,
  newsOfRegistration,
  shownContainer,
  shownInfos,
  shownReplicas,
} from "../../../scripts/replay/trace-containers.js";

const INTERVALS = { checkMs: 1000, staleMs: 12_000, deadMs: 24_000 };

/** The model alone against the trace's answers about containers: no SCM, so that what differs is a rule that
 * was read wrongly. */
export class ModelRun {
  readonly model = new TraceModel(INTERVALS);
  readonly differences: string[] = [];
  readonly reasons = new Map<string, number>();
  agreedCount = 0;
  #isRunning = false;

  play(run: Run): void {
    for (const line of run.scenes.flatMap(({ lines }) => lines)) this.#line(line);
  }

  #line(line: TraceLine): void {
    if (line.event === "scm-stopped") this.#isRunning = false;
    if (line.event !== undefined || line.response === undefined) return;
    if (!this.#isRunning) this.model.restart(line.atMs);
    this.#isRunning = true;
    this.model.advance(line.atMs);
    if (line.service !== "SCMDatanodeProtocol") this.#answer(line, line.response);
    else if (line.type === "Register") this.#register(line);
    else if (line.type === "SendHeartbeat") this.#heartbeat(line, line.response);
  }

  #register(line: TraceLine): void {
    const body = object(line.request["registerRequest"]);
    if (!this.model.register(line)) return;
    const details = object(object(body["extendedDatanodeDetails"])["datanodeDetails"]);
    this.#news(newsOfRegistration(body, uuidText(details)));
  }

  #heartbeat(line: TraceLine, response: JsonObject): void {
    const body = object(line.request["sendHeartbeatRequest"]);
    const node = uuidText(object(body["datanodeDetails"]));
    if (this.model.heartbeat(line)) this.#news(newsOfHeartbeat(body, node));
    for (const command of objects(object(response["sendHeartbeatResponse"])["commands"])) {
      this.model.commanded(command);
      const order = command["setNodeOperationalStateCommandProto"];
      if (order !== undefined) this.model.setIntent(node, string(object(order)["nodeOperationalState"]));
    }
  }

  #news({ closes, reports }: ContainerNews): void {
    const { containers } = this.model;
    containers.actions(closes, new Set(reports.flatMap(({ rows }) => rows.map((row) => row.containerId))));
    for (const report of reports) containers.report(report);
    containers.actionsDone(closes);
  }

  #answer(line: TraceLine, response: JsonObject): void {
    this.model.answered(line);
    const close = object(line.request["scmCloseContainerRequest"]);
    if (line.type === "CloseContainer") this.model.containers.close(number(close["containerID"]), true);
    for (const info of shownInfos(response)) {
      const shown = shownContainer(info);
      this.#compare(line.where, shown.id, show(shown), (course) => show(course) === show(shown));
    }
    if (line.type !== "GetContainerReplicas") return;
    const asked = object(line.request["getContainerReplicasRequest"]);
    const replicas = shownReplicas(object(response["getContainerReplicasResponse"]));
    const wanted = showReplicas({ replicas });
    this.#compare(
      line.where,
      number(asked["containerID"]),
      wanted,
      (course) => showReplicas(course) === wanted,
    );
  }

  #compare(where: string, id: number, theirs: string, fits: (course: Container) => boolean): void {
    const strata = this.model.containers.strata(id);
    if (strata !== undefined && fits(strata)) this.agreedCount++;
    else {
      const reasons = this.model.containers.explain(id, fits);
      for (const reason of reasons ?? []) this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1);
      if (reasons === undefined) {
        this.differences.push(`${where}: container ${id}: ${strata && show(strata)}, trace ${theirs}`);
      }
    }
    this.model.containers.observe(id, fits);
  }
}

function show({ state, sequenceId, usedBytes, keyCount }: Figures & { readonly state: string }): string {
  return `${state} sequence id ${sequenceId} used ${usedBytes} keys ${keyCount}`;
}

function showReplicas({
  replicas,
}: {
  readonly replicas: ReadonlyMap<string, Figures & { state: string; replicaIndex: number }>;
}): string {
  return [...replicas]
    .map(([node, replica]) => `${node} ${replica.replicaIndex} ${show(replica)}`)
    .sort()
    .join(", ");
}
