import {
  DATANODE_PATH,
  FRAME_BYTES_MAX,
  OPERATIONS,
  type RequestOf,
  type ResponseOf,
} from "../../protocol/schema/messages.js";
import type { Command, DatanodeDetails } from "../../protocol/schema/records.js";
import type { Writable } from "../../protocol/schema/types.js";
import type { LeaderView, PeerAddress } from "../cluster/nodes/node-types.js";
import { assert } from "../core/assert.js";
import { StrataError } from "../core/errors.js";
import type { NodeSlot } from "../core/ids.js";
import type { Uuid } from "../core/uuid.js";
import type { Answer, LateAnswer } from "./answer.js";
import type { DatanodeServices } from "./datanode-services.js";
import type { GatewayMetrics } from "./gateway-metrics.js";
import { ReportDeadlines } from "./report-deadlines.js";
import type { RpcServer } from "./rpc-server.js";
import type { RpcSession } from "./rpc-session.js";

/** Bytes of a command at most, without its token, peers and members; of one of those and of its port, without
 * texts. */
const COMMAND_BYTES_MAX = 256;
const PEER_BYTES_MAX = 96;
/** Of a transaction of deleted blocks without their ids, and of an id. */
const TRANSACTION_BYTES_MAX = 64;
const LOCAL_ID_BYTES = 9;
const PORT_BYTES_MAX = 12;
/** Room for commands in a heartbeat's answer. */
const COMMANDS_BYTES_MAX = FRAME_BYTES_MAX - 1024;

/** A datanode on its connection. */
class DatanodeSession {
  readonly session: RpcSession;
  /** Both are set by the first registration, and stay. */
  uuid: Uuid | undefined;
  slot: NodeSlot | undefined;

  constructor(session: RpcSession) {
    this.session = session;
  }
}

/** Serves `/datanode`: registration, heartbeats with commands, reports. A datanode has one live
 * connection: a newer one takes the place of the older. */
export class DatanodeGateway {
  readonly #services: DatanodeServices;
  readonly #metrics: GatewayMetrics;
  readonly #live = new Map<NodeSlot, DatanodeSession>();
  readonly #deadlines: ReportDeadlines<DatanodeSession>;
  readonly #heartbeatResponse: Writable<ResponseOf<"heartbeat">> = {
    term: 0,
    fullReportWanted: false,
    commands: [],
  };

  constructor(server: RpcServer, services: DatanodeServices, metrics: GatewayMetrics) {
    this.#services = services;
    this.#metrics = metrics;
    this.#deadlines = new ReportDeadlines(services.clock, services.scheduler, ({ session }) => {
      session.close(new StrataError("REPORT_STALLED", { limitMs: this.#deadlines.limitMs }));
    });
    server.handle("register", (session, request, answer) => this.#register(session, request, answer));
    server.handle("heartbeat", (session, request, answer) => this.#heartbeat(session, request, answer));
    server.handle("fullReportBegin", (session, request, answer) => this.#begin(session, request, answer));
    server.handle("fullReportChunk", (session, request, answer) => this.#chunk(session, request, answer));
    server.handle("incrementalReport", (session, request, answer) => {
      this.#incremental(session, request, answer);
    });
    server.handle("takeBackCommands", (session, request, answer) => this.#takeBack(session, request, answer));
    server.onClosed(DATANODE_PATH, (session) => this.#closed(session));
  }

  #register(session: RpcSession, request: RequestOf<"register">, answer: Answer<"register">): void {
    const { lookUpHostName, lookUpLocation } = this.#services;
    const ipAddress = session.connection.remoteAddress;
    if (lookUpHostName === undefined && lookUpLocation === undefined) {
      this.#registerAs(session, request, { ipAddress }, answer);
      return;
    }
    const late = answer.defer();
    this.#identify(ipAddress, request.details.hostName, (peer) => {
      if (!session.connection.isOpen)
        return late.fail(new StrataError("CONNECTION_LOST", { reason: "closed" }));
      return this.#registerAs(session, request, peer, late);
    });
  }

  #identify(ipAddress: string, hostName: string, onPeer: (peer: PeerAddress) => void): void {
    const { lookUpHostName, lookUpLocation } = this.#services;
    const locate = (peer: PeerAddress): void => {
      if (lookUpLocation === undefined) onPeer(peer);
      else
        lookUpLocation({ ipAddress, hostName }, (networkLocation) =>
          onPeer(networkLocation === undefined ? peer : { ...peer, networkLocation }),
        );
    };
    if (lookUpHostName === undefined) locate({ ipAddress });
    else
      lookUpHostName(ipAddress, (name) =>
        locate(name === undefined ? { ipAddress } : { ipAddress, hostName: name }),
      );
  }

  #registerAs(
    session: RpcSession,
    request: RequestOf<"register">,
    peer: PeerAddress,
    answer: Answer<"register"> | LateAnswer<"register">,
  ): void {
    const { nodes, reports, clock, clusterId, busyWith, onPipelineReports } = this.#services;
    const datanode = datanodeOf(session);
    const { uuid } = request.details;
    const step = busyWith();
    if (step !== undefined) {
      answer.fail(new StrataError("NOT_READY", { step }));
      return;
    }
    if (datanode.uuid !== undefined && datanode.uuid !== uuid) {
      const reason = `this connection belongs to ${datanode.uuid}`;
      answer.fail(
        new StrataError("FIELD_INVALID", { message: "RegisterRequest", field: "details.uuid", reason }),
      );
      return;
    }
    const outcome = nodes.register(request, peer, clock.monotonicMs());
    if (outcome.kind === "refused") {
      answer.fail(new StrataError(outcome.code, outcome.details));
      return;
    }
    this.#bind(datanode, uuid, outcome.slot);
    reports.wantFullReport(outcome.slot);
    onPipelineReports(uuid, request.pipelineReports);
    answer.done(registerResponse(outcome.details, clusterId));
  }

  /** Makes this connection the datanode's only one. */
  #bind(datanode: DatanodeSession, uuid: Uuid, slot: NodeSlot): void {
    const older = this.#live.get(slot);
    if (older === datanode) return;
    // Ends what the older connection had begun, before anything of the newer one starts.
    older?.session.close(new StrataError("REPLACED_BY_NEW_CONNECTION"));
    assert(!this.#live.has(slot), "a closed connection is still live");
    assert(datanode.slot === undefined, "a datanode's slot has changed");
    datanode.uuid = uuid;
    datanode.slot = slot;
    this.#live.set(slot, datanode);
    this.#metrics.gauges.datanodesConnected = this.#live.size;
  }

  #heartbeat(session: RpcSession, request: RequestOf<"heartbeat">, answer: Answer<"heartbeat">): void {
    const { nodes, reports, clock, leader } = this.#services;
    const { uuid, slot } = datanodeOf(session);
    if (uuid === undefined || slot === undefined) {
      // After an outage of the SCM a datanode sends the heartbeats that it has kept, before anything else.
      answer.done(registerFirst(leader()));
      return;
    }
    const outcome = nodes.heartbeat(uuid, request, leader(), clock.monotonicMs());
    this.#takeSmallReports(uuid, slot, request);
    const { commands } = outcome;
    const fitCount = commands.length === 0 ? 0 : countThatFits(commands);
    const response = this.#heartbeatResponse;
    response.term = outcome.term;
    response.fullReportWanted = outcome.fullReportWanted || reports.fullReportWanted(slot);
    response.commands = fitCount === commands.length ? commands : commands.slice(0, fitCount);
    const sentCount = answer.done(response) ? fitCount : 0;
    this.#metrics.counters.commandsSent += sentCount;
    if (sentCount === commands.length) return;
    this.#metrics.counters.commandsTakenBack += commands.length - sentCount;
    nodes.takeBack(uuid, commands.slice(sentCount));
  }

  /** The answer to a heartbeat was lost behind the gateway for Hadoop RPC (spec 12 §8.2 H5). */
  #takeBack(
    session: RpcSession,
    { commands }: RequestOf<"takeBackCommands">,
    answer: Answer<"takeBackCommands">,
  ): void {
    if (!session.isInternal) {
      answer.fail(new StrataError("UNSUPPORTED_OPERATION", { op: OPERATIONS.takeBackCommands.op }));
      return;
    }
    const { uuid } = registered(session);
    this.#metrics.counters.commandsTakenBack += commands.length;
    this.#services.nodes.takeBack(uuid, commands);
    answer.done(EMPTY);
  }

  /** In the order of spec 01 §4.2 step 6. */
  #takeSmallReports(uuid: Uuid, slot: NodeSlot, request: RequestOf<"heartbeat">): void {
    const { onContainerActions, onPipelineReports, onPipelineActions } = this.#services;
    const { containerActions, pipelineReports, pipelineActions } = request;
    if (containerActions !== undefined) onContainerActions(slot, containerActions);
    if (pipelineReports !== undefined) onPipelineReports(uuid, pipelineReports);
    if (pipelineActions !== undefined) onPipelineActions(uuid, pipelineActions);
  }

  #begin(
    session: RpcSession,
    request: RequestOf<"fullReportBegin">,
    answer: Answer<"fullReportBegin">,
  ): void {
    const { nodes, reports } = this.#services;
    const datanode = registered(session);
    const late = answer.defer();
    nodes.fullReportBegun(datanode.slot);
    this.#deadlines.forget(datanode);
    reports.begin(datanode.slot, request, (grant) => {
      if (grant instanceof StrataError) {
        late.fail(grant);
        return;
      }
      if (late.isWanted) this.#deadlines.granted(datanode);
      late.done(grant);
    });
  }

  #chunk(
    session: RpcSession,
    request: RequestOf<"fullReportChunk">,
    answer: Answer<"fullReportChunk">,
  ): void {
    const datanode = registered(session);
    const late = answer.defer();
    const progress = this.#deadlines.chunkSent(datanode, request.last);
    this.#services.reports.chunk(datanode.slot, request, (error) => {
      this.#deadlines.chunkAnswered(progress);
      settle(late, error);
    });
  }

  #incremental(
    session: RpcSession,
    request: RequestOf<"incrementalReport">,
    answer: Answer<"incrementalReport">,
  ): void {
    const { slot } = registered(session);
    let late: LateAnswer<"incrementalReport"> | undefined;
    let isSettled = false;
    this.#services.reports.incremental(slot, request, (error) => {
      isSettled = true;
      settle(late ?? answer, error);
    });
    // Mostly the rings have room and it is settled by now; an answer in the handler costs least.
    if (!isSettled) late = answer.defer();
  }

  #closed(session: RpcSession): void {
    const { owner } = session;
    if (!(owner instanceof DatanodeSession) || owner.slot === undefined) return;
    assert(this.#live.get(owner.slot) === owner, "an open connection was not the datanode's live one");
    this.#live.delete(owner.slot);
    this.#deadlines.forget(owner);
    this.#metrics.gauges.datanodesConnected = this.#live.size;
    this.#services.reports.nodeGone(owner.slot);
  }
}

const EMPTY = {};

/** What a datanode is told that has not registered on its connection (spec 01 §4.2 step 1). */
function registerFirst({ isLeader, term }: LeaderView): ResponseOf<"heartbeat"> {
  return { ...REGISTER_FIRST, term: isLeader ? term : 0 };
}

const REGISTER_FIRST: ResponseOf<"heartbeat"> = {
  term: 0,
  fullReportWanted: false,
  commands: [{ type: "reregisterCommand", commandId: 0, term: 0, deadlineMs: 0 }],
};

function settle(
  answer: Answer<"incrementalReport"> | LateAnswer<"fullReportChunk" | "incrementalReport">,
  error: StrataError | undefined,
): void {
  if (error === undefined) answer.done(EMPTY);
  else answer.fail(error);
}

function datanodeOf(session: RpcSession): DatanodeSession {
  if (session.owner instanceof DatanodeSession) return session.owner;
  const datanode = new DatanodeSession(session);
  session.owner = datanode;
  return datanode;
}

/** @throws StrataError NOT_REGISTERED */
function registered(session: RpcSession): DatanodeSession & { readonly uuid: Uuid; readonly slot: NodeSlot } {
  const { owner } = session;
  if (!(owner instanceof DatanodeSession) || owner.slot === undefined)
    throw new StrataError("NOT_REGISTERED");
  return owner as DatanodeSession & { uuid: Uuid; slot: NodeSlot };
}

/** The longest beginning of `commands` that one frame holds. */
function countThatFits(commands: readonly Command[]): number {
  let bytes = 0;
  for (const [index, command] of commands.entries()) {
    bytes += commandBytes(command);
    if (bytes > COMMANDS_BYTES_MAX) return index;
  }
  return commands.length;
}

function commandBytes(command: Command): number {
  const { encodedToken = "", peers = [], members = [], sources = [], targets = [] } = command;
  let bytes = COMMAND_BYTES_MAX + textBytes(encodedToken);
  for (const peer of peers) bytes += peerBytes(peer);
  for (const member of members) bytes += peerBytes(member);
  for (const { details } of sources) bytes += peerBytes(details);
  for (const target of targets) bytes += peerBytes(target);
  for (const { localIds } of command.deletedBlocks ?? []) {
    bytes += TRANSACTION_BYTES_MAX + LOCAL_ID_BYTES * localIds.length;
  }
  return bytes;
}

function peerBytes(peer: DatanodeDetails): number {
  const { ipAddress, hostName, ports, certSerialId = "", networkName = "", networkLocation = "" } = peer;
  const { version = "", revision = "", buildDate = "" } = peer;
  const texts = [
    ipAddress,
    hostName,
    certSerialId,
    networkName,
    networkLocation,
    version,
    revision,
    buildDate,
  ];
  const textSum = texts.reduce((sum, text) => sum + textBytes(text), 0);
  return ports.reduce((sum, { name }) => sum + PORT_BYTES_MAX + textBytes(name), PEER_BYTES_MAX + textSum);
}

/** At most: three bytes a UTF-16 code unit, and the length. */
function textBytes(text: string): number {
  return 3 * text.length + 3;
}

function registerResponse(details: DatanodeDetails, clusterId: string): ResponseOf<"register"> {
  return {
    uuid: details.uuid,
    clusterId,
    hostName: details.hostName,
    ipAddress: details.ipAddress,
    networkName: details.networkName ?? "",
    networkLocation: details.networkLocation ?? "",
  };
}
