import type { OperationalState } from "../../engine/core/enums.js";
import type { Uuid } from "../../engine/core/uuid.js";
import {
  type AdminClient,
  createAdminClient,
  RemoteError,
  StrataError,
} from "../../protocol/client/index.js";
import type { NodeRecord } from "../../protocol/schema/records.js";
import { compareNode, compareNodeAnswer, compareUsageAnswer, Differences } from "./compare.js";
import { ContainerPlayer } from "./container-player.js";
import { operationalState, toUuid } from "./convert.js";
import { TraceModel } from "./model.js";
import { ReplayScm } from "./replay-scm.js";
import {
  type JsonObject,
  number,
  object,
  objects,
  type Run,
  type Scene,
  size,
  string,
  type TraceLine,
  uuidText,
} from "./trace.js";
import { newsOfHeartbeat, newsOfRegistration } from "./trace-containers.js";
import { TraceDatanode } from "./trace-datanode.js";
import { TraceTime } from "./trace-time.js";

const NODES_PAGE = 256;
/** What the admin monitor ends with. */
const STATE_AFTER: Readonly<Record<string, string>> = {
  DECOMMISSIONING: "DECOMMISSIONED",
  ENTERING_MAINTENANCE: "IN_MAINTENANCE",
};

/** Plays one run: its datanodes over real connections, its admin calls over the admin client, its
 * restarts. */
export class Player {
  readonly differences = new Differences();
  rpcCount = 0;
  readonly #run: Run;
  readonly #time: TraceTime;
  readonly #scm: ReplayScm;
  readonly #model: TraceModel;
  readonly #datanodes = new Map<string, TraceDatanode>();
  /** Caller of the trace → its datanode, which changes when its disks are wiped. */
  readonly #uuidOfCaller = new Map<string, string>();
  readonly #containers: ContainerPlayer;
  #admin: AdminClient | undefined;
  /** A call came before the event that tells of the start. */
  #startIsDue = false;

  constructor(run: Run, overrides: readonly string[]) {
    this.#run = run;
    this.#time = new TraceTime(wallStart(run));
    this.#scm = new ReplayScm(this.#time, overrides);
    const { healthCheckIntervalMs, staleIntervalMs, deadIntervalMs } = this.#scm.config.nodes;
    this.#model = new TraceModel({
      checkMs: healthCheckIntervalMs,
      staleMs: staleIntervalMs,
      deadMs: deadIntervalMs,
    });
    this.#containers = new ContainerPlayer({
      differences: this.differences,
      model: this.#model,
      client: () => this.#client,
      shardCount: this.#scm.config.workers.shardCount,
    });
  }

  async play(onScene: (scene: Scene) => void): Promise<void> {
    try {
      await this.#scm.initialize(clusterIdOf(this.#run));
      for (const scene of this.#run.scenes) {
        onScene(scene);
        for (const line of scene.lines) await this.#line(line);
        await this.#compareTables(`end of ${scene.name}`);
      }
    } finally {
      this.#disconnect();
      await this.#scm.close();
    }
  }

  async #line(line: TraceLine): Promise<void> {
    await this.#time.advance(line.atMs);
    if (line.event === "scm-started") return this.#started(line.atMs);
    if (line.event === "scm-stopped") return this.#stop();
    if (line.event !== undefined) return this.differences.leaveOut(`event ${line.event}`);
    // The moments of the events are known to a few seconds only: a call that was answered had an SCM.
    if (!this.#scm.isRunning) {
      await this.#start(line.atMs);
      this.#startIsDue = true;
    }
    this.#model.advance(line.atMs);
    this.rpcCount++;
    try {
      if (line.service === "SCMDatanodeProtocol") await this.#datanodeCall(line);
      else await this.#adminCall(line);
    } catch (error) {
      // Ours refuses what the recorded SCM answered: a difference, and the other lines are still played.
      if (!(error instanceof RemoteError) && !(error instanceof StrataError)) throw error;
      this.differences.add(`${line.where} ${line.caller}`, line.type, error.message, "an answer");
    }
  }

  /** A start without a stop before it is that of an SCM that was killed. */
  async #started(atMs: number): Promise<void> {
    if (this.#scm.isRunning && this.#startIsDue) {
      this.#startIsDue = false;
      return;
    }
    if (this.#scm.isRunning) await this.#stop();
    await this.#start(atMs);
  }

  async #start(atMs: number): Promise<void> {
    await this.#scm.start();
    this.#model.restart(atMs);
    this.#admin = createAdminClient({ endpoints: [this.#scm.endpoint], clientName: "replay" });
  }

  async #stop(): Promise<void> {
    this.#startIsDue = false;
    this.#disconnect();
    await this.#scm.stop();
  }

  #disconnect(): void {
    for (const datanode of this.#datanodes.values()) datanode.close();
    this.#admin?.close();
  }

  async #datanodeCall(line: TraceLine): Promise<void> {
    // A datanode asks for the version when it connects: what it says next comes on a new connection.
    if (line.type === "GetVersion") {
      this.#datanodes.get(this.#uuidOfCaller.get(line.caller) ?? "")?.close();
      return;
    }
    if (line.response === undefined) return this.differences.leaveOut("refused datanode calls");
    if (line.type === "Register") await this.#register(line);
    else if (line.type === "SendHeartbeat") await this.#heartbeat(line);
    else this.differences.leaveOut(`call ${line.type}`);
  }

  async #register(line: TraceLine): Promise<void> {
    const body = object(line.request["registerRequest"]);
    const details = object(object(body["extendedDatanodeDetails"])["datanodeDetails"]);
    const answer = object(line.response?.["registerResponse"]);
    const address = string(answer["ipAddress"]) || string(details["ipAddress"]);
    this.#scm.addresses.name(address, string(answer["hostname"]) || string(details["hostName"]));
    const datanode = await this.#datanode(line.caller, details, address);
    const theirs = this.#model.register(line);
    const ours = await datanode.register(body);
    this.differences.equal(`${line.where} ${line.caller}`, "registration taken", ours, theirs);
    if (!ours || !theirs) return;
    await this.#containers.news(line.where, datanode, newsOfRegistration(body, datanode.uuid));
  }

  /** The datanode of a call, connected from `address`, or from where it was when none is given. */
  async #datanode(caller: string, details: JsonObject, address?: string): Promise<TraceDatanode> {
    const uuid = toUuid(uuidText(details));
    const datanode = this.#datanodes.get(uuid) ?? new TraceDatanode(uuid, string(details["ipAddress"]));
    this.#datanodes.set(uuid, datanode);
    this.#uuidOfCaller.set(caller, uuid);
    if (address !== undefined && address !== datanode.address) {
      datanode.close();
      datanode.address = address;
    }
    if (!datanode.isConnected) {
      this.#scm.addresses.expect(datanode.address);
      await datanode.connect(this.#scm.endpoint);
    }
    return datanode;
  }

  async #heartbeat(line: TraceLine): Promise<void> {
    const details = object(object(line.request["sendHeartbeatRequest"])["datanodeDetails"]);
    const datanode = await this.#datanode(line.caller, details);
    const body = object(line.request["sendHeartbeatRequest"]);
    const known = this.#model.heartbeat(line);
    const ours = await datanode.heartbeat(body);
    const at = `${line.where} ${line.caller}`;
    this.differences.equal(at, "heartbeat of a known datanode", ours, known);
    if (ours && known) {
      await this.#containers.news(at, datanode, newsOfHeartbeat(body, datanode.uuid));
    }
    const commands = objects(object(line.response?.["sendHeartbeatResponse"])["commands"]);
    for (const command of commands) await this.#command(line, command);
  }

  /** What the recorded SCM ordered tells what it had decided. */
  async #command(line: TraceLine, command: JsonObject): Promise<void> {
    const type = string(command["commandType"]);
    if (type === "reregisterCommand") {
      this.differences.equal(line.where, "reregister", this.#model.nodes.has(callerUuid(line)), false);
      return;
    }
    this.differences.leaveOut(`command ${type}`);
    this.#model.commanded(command);
    await this.#containers.command(command, this.#time.wallMs());
    if (type === "setNodeOperationalStateCommand") {
      const order = object(command["setNodeOperationalStateCommandProto"]);
      const expiry = size(order["stateExpiryEpochSeconds"]);
      await this.#intend(callerUuid(line), string(order["nodeOperationalState"]), expiry);
    }
  }

  async #adminCall(line: TraceLine): Promise<void> {
    const { response } = line;
    if (response !== undefined) this.#model.answered(line);
    if (await this.#containers.answer(line, this.#time.wallMs())) return;
    if (response === undefined) return this.differences.leaveOut(`failed ${line.type}`);
    switch (line.type) {
      case "QueryNode":
        return this.#queryNode(line, objects(object(response["nodeQueryResponse"])["datanodes"]));
      case "RecommissionNodes":
        return this.#recommission(object(line.request["recommissionNodesRequest"])["hosts"]);
      case "SingleNodeQuery":
        return this.#singleNode(line, object(object(response["singleNodeQueryResponse"])["datanode"]));
      case "DatanodeUsageInfo": {
        const nodes = await this.#nodes();
        for (const info of objects(object(response["DatanodeUsageInfoResponse"])["info"])) {
          compareUsageAnswer(this.differences, line.where, nodes.get(nodeUuid(info["node"])), info);
        }
        return;
      }
      default:
        return this.differences.leaveOut(`call ${line.type}`);
    }
  }

  /** Sets as intents the operational states that a node of an answer shows. */
  async #intendAsShown(answer: JsonObject): Promise<void> {
    const states = answer["nodeOperationalStates"];
    const shown = Array.isArray(states) ? string(states[0]) : "";
    const uuid = nodeUuid(answer["nodeID"]);
    const node = this.#model.nodes.get(uuid);
    const expiry = size(object(answer["nodeID"])["persistedOpStateExpiry"]);
    if (node !== undefined && node.operationalState !== shown) await this.#intend(uuid, shown, expiry);
  }

  /** At once: what follows from it, such as pipelines, would else come before. Hosts are written with a port.
   */
  async #recommission(hosts: JsonObject[string]): Promise<void> {
    for (const host of Array.isArray(hosts) ? hosts.map(string) : []) {
      const [name, port] = host.split(":");
      for (const node of this.#model.nodes.values()) {
        const isMeant = port === undefined || node.ports.split(" ").some((each) => each.endsWith(`=${port}`));
        if (isMeant && (node.hostName === name || node.ipAddress === name)) {
          await this.#intend(node.uuid, "IN_SERVICE", 0);
        }
      }
    }
  }

  /** A node that an answer about one state leaves out has left that state: the monitor has finished what it
   * was asked for, or nobody asks for it any more. */
  async #intendAsLeftOut(opState: string, answers: readonly JsonObject[]): Promise<void> {
    const shown = new Set(answers.map((answer) => nodeUuid(answer["nodeID"])));
    for (const node of this.#model.nodes.values()) {
      if (node.operationalState !== opState || shown.has(node.uuid)) continue;
      await this.#intend(node.uuid, STATE_AFTER[opState] ?? "IN_SERVICE", 0);
    }
  }

  async #singleNode(line: TraceLine, answer: JsonObject): Promise<void> {
    await this.#intendAsShown(answer);
    const uuid = nodeUuid(answer["nodeID"]);
    // For an unknown node the answer is empty.
    if (uuid === "") return;
    const healths = this.#model.healthsOf(uuid);
    compareNodeAnswer(this.differences, line.where, (await this.#nodes()).get(uuid), answer, healths);
  }

  async #queryNode(line: TraceLine, answers: readonly JsonObject[]): Promise<void> {
    for (const answer of answers) await this.#intendAsShown(answer);
    const query = object(line.request["nodeQueryRequest"]);
    // A filter by health may have left the node out as well.
    if (query["opState"] !== undefined && query["state"] === undefined) {
      await this.#intendAsLeftOut(string(query["opState"]), answers);
    }
    const filter =
      query["opState"] === undefined ? {} : { operationalState: operationalState(query["opState"]) };
    const nodes = await this.#nodes(filter);
    for (const answer of answers) {
      const uuid = nodeUuid(answer["nodeID"]);
      const healths = this.#model.healthsOf(uuid);
      compareNodeAnswer(this.differences, line.where, nodes.get(uuid), answer, healths);
    }
    // A filter by health has the tolerance of a check interval, so that only its answers are looked at.
    if (query["state"] === undefined) {
      this.differences.equal(line.where, "number of nodes", nodes.size, answers.length);
    }
  }

  async #intend(uuid: string, state: string, expirySeconds: number): Promise<void> {
    this.#model.setIntent(uuid, state);
    await this.#client.setNodeOperationalState({
      uuid: toUuid(uuid),
      operationalState: operationalState(state),
      operationalStateExpiry: expirySeconds,
    });
  }

  async #compareTables(where: string): Promise<void> {
    const nodes = await this.#nodes();
    for (const node of this.#model.nodes.values()) {
      compareNode(this.differences, where, nodes.get(node.uuid), node, this.#model.healthsOf(node.uuid));
    }
    for (const uuid of nodes.keys()) {
      if (!this.#model.nodes.has(uuid)) this.differences.add(where, `node ${uuid}`, "present", "absent");
    }
    await this.#containers.compareTables(where);
  }

  /** All nodes, after every shard has merged what was sent before. */
  async #nodes(filter: { operationalState?: OperationalState } = {}): Promise<Map<string, NodeRecord>> {
    await this.#containers.merged();
    const nodes = new Map<string, NodeRecord>();
    let after: Uuid | undefined;
    for (let more = true; more; ) {
      const page = await this.#client.listNodes({
        ...filter,
        countMax: NODES_PAGE,
        ...(after === undefined ? {} : { after }),
      });
      for (const node of page.nodes) nodes.set(node.details.uuid, node);
      after = page.nodes.at(-1)?.details.uuid;
      more = page.more;
    }
    return nodes;
  }

  get #client(): AdminClient {
    if (this.#admin === undefined) throw new Error("the trace calls an SCM that was never started");
    return this.#admin;
  }
}

function callerUuid(line: TraceLine): string {
  return nodeUuid(object(line.request["sendHeartbeatRequest"])["datanodeDetails"]);
}

function nodeUuid(details: JsonObject[string]): string {
  return uuidText(object(details));
}

/** The cluster id that the recorded SCM gave to datanodes. */
function clusterIdOf(run: Run): string | undefined {
  for (const line of run.scenes.flatMap((scene) => scene.lines)) {
    if (line.type !== "GetVersion") continue;
    for (const { key, value } of objects(object(line.response?.["getVersionResponse"])["keys"])) {
      if (key === "clusterID") return string(value);
    }
  }
  return undefined;
}

/** Epoch ms at t_ms = 0, as near as a registration's set-up time tells. */
function wallStart(run: Run): number {
  for (const line of run.scenes.flatMap((scene) => scene.lines)) {
    const request = object(line.request["registerRequest"]);
    const setupTime = number(object(request["extendedDatanodeDetails"])["setupTime"]);
    if (setupTime > 0) return Math.max(0, setupTime - line.atMs);
  }
  return 0;
}
