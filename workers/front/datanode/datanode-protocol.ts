import { StrataError } from "../../../engine/core/errors.js";
import { operationNamed } from "../../../protocol/codec/operations.js";
import { SCMDatanodeRequestSchema } from "../../../protocol/hadoop/generated/datanode_pb.js";
import { decodeMessage } from "../../../protocol/hadoop/message.js";
import { ProtoWriter } from "../../../protocol/hadoop/proto-writer.js";
import type { FrontContext } from "../front-context.js";
import { bodyOf, requireDecodable } from "../request-parts.js";
import type { HadoopCall, HadoopProtocol } from "../rpc/call.js";
import { Admissions } from "./admissions.js";
import { GET_VERSION, REGISTER, SEND_HEARTBEAT, writeVersionAnswer } from "./answers.js";
import { ContainerReportReader, type ContainerReports } from "./container-reports.js";
import { Datanodes } from "./datanodes.js";
import { DATANODE_PROTOCOL, failWith, nameless } from "./failures.js";
import { Heartbeats } from "./heartbeats.js";
import { Registrations, registerRequest } from "./registrations.js";
import { ReportOrders } from "./report-orders.js";
import { datanodeOfPart, RequestScan } from "./request-scan.js";
import { isSame } from "./same-bytes.js";
import { heartbeatRequest } from "./small-reports.js";

/** Of a heartbeat that is kept, to know it again. */
const BARE_BYTES_MAX = 16 * 1024;
const HEARTBEAT_CODEC = operationNamed("heartbeat").request;

/** StorageContainerDatanodeProtocol: registrations, heartbeats, reports and commands of Java datanodes (spec
 * 12 §5). To main each of them is a datanode that speaks Strata's own protocol. */
export class DatanodeProtocol implements HadoopProtocol {
  readonly name = DATANODE_PROTOCOL;
  readonly methods: ReadonlySet<string> = new Set(["submitRequest"]);
  readonly #context: FrontContext;
  readonly #datanodes: Datanodes;
  readonly #registrations: Registrations;
  readonly #heartbeats: Heartbeats;
  readonly #orders: ReportOrders;
  readonly #admissions: Admissions;
  readonly #reports: ContainerReportReader;
  readonly #scan = new RequestScan();
  readonly #writer = new ProtoWriter();

  constructor(context: FrontContext) {
    const { settings, clock, random } = context;
    this.#context = context;
    this.#datanodes = new Datanodes(context);
    this.#registrations = new Registrations(context, this.#datanodes, this.#writer);
    this.#orders = new ReportOrders(clock);
    this.#reports = new ContainerReportReader(settings.heldReportBytesMax, random);
    this.#admissions = new Admissions(context, this.#reports.held);
    const [datanodes, orders, admissions] = [this.#datanodes, this.#orders, this.#admissions];
    this.#heartbeats = new Heartbeats(context, { datanodes, orders, admissions }, this.#writer);
  }

  get counters(): Readonly<Record<string, number>> {
    const { replicas, leftOut, mended, sorted } = this.#reports.counters;
    return {
      datanodes: this.#datanodes.count,
      registrationsPutOff: this.#admissions.putOffCount,
      registrationsRefused: this.#registrations.refusedCount,
      replicas,
      replicasLeftOut: leftOut,
      replicaValuesMended: mended,
      reportsSorted: sorted,
      reportBytesHeld: this.#reports.held.bytes,
      reportsLost: this.#reports.lostCount,
      reportsOrdered: this.#orders.count,
      commandsTakenBack: this.#heartbeats.takenBackCount,
    };
  }

  handle(call: HadoopCall): void {
    try {
      this.#handle(call);
    } catch (error) {
      failWith(call, error, this.#context.bugs);
    }
  }

  onCutOff(_method: string, partialBody: Uint8Array): void {
    const uuid = datanodeOfPart(partialBody);
    const datanode = uuid && this.#datanodes.get(uuid);
    // A full report may have been in it, of which the datanode keeps nothing (spec 12 §7.1, §11).
    if (datanode !== undefined) datanode.lacksReport = true;
  }

  stop(): void {
    const reason = new StrataError("CONNECTION_LOST", { reason: "the front stops" });
    this.#admissions.stop();
    this.#datanodes.stop(reason);
    this.#heartbeats.stop(reason);
  }

  /** @throws StrataError in place of an answer */
  #handle(call: HadoopCall): void {
    const { body } = call;
    this.#scan.scan(body);
    const envelope = this.#scan.envelope(body);
    if (this.#scan.isBare && this.#repeatedHeartbeat(call, envelope)) return;
    requireDecodable(envelope);
    const request = decodeMessage(SCMDatanodeRequestSchema, envelope);
    switch (request.cmdType) {
      case GET_VERSION:
        call.type = "GetVersion";
        this.#version(call);
        break;
      case REGISTER: {
        call.type = "Register";
        const register = registerRequest(bodyOf(request.registerRequest, "registerRequest"));
        // Also when its reports cannot be read: it has come.
        this.#admissions.came(register.details.uuid, body.length);
        const reports = this.#reportsIn(body, "registerRequest");
        this.#registrations.register(call, register, reports);
        break;
      }
      case SEND_HEARTBEAT: {
        call.type = "SendHeartbeat";
        const sent = bodyOf(request.sendHeartbeatRequest, "sendHeartbeatRequest");
        this.#heartbeat(call, envelope, HEARTBEAT_CODEC.encodeValue(heartbeatRequest(sent)));
      }
    }
  }

  #version(call: HadoopCall): void {
    const { clusterId, scmId } = this.#context.settings;
    writeVersionAnswer(this.#writer, clusterId, scmId);
    call.reply(this.#writer.view());
  }

  /** True when it is the same as the datanode's last one, and on its way to main. */
  #repeatedHeartbeat(call: HadoopCall, envelope: Uint8Array): boolean {
    const uuid = this.#scan.sender(call.body);
    const datanode = uuid && this.#datanodes.get(uuid);
    if (datanode === undefined || !isSame(envelope, datanode.bareHeartbeat)) return false;
    call.type = "SendHeartbeat";
    const reports = this.#reportsIn(call.body, "sendHeartbeatRequest");
    this.#heartbeats.beat(call, datanode, datanode.bareRequest, reports);
    return true;
  }

  #heartbeat(call: HadoopCall, envelope: Uint8Array, request: Uint8Array): void {
    const uuid = this.#scan.sender(call.body);
    if (uuid === undefined) throw nameless();
    const datanode = this.#datanodes.get(uuid);
    if (datanode === undefined) {
      this.#heartbeats.stranger(call, uuid, request);
      return;
    }
    if (this.#scan.isBare && envelope.length <= BARE_BYTES_MAX) {
      datanode.bareHeartbeat = envelope.slice();
      datanode.bareRequest = request;
    }
    this.#heartbeats.beat(call, datanode, request, this.#reportsIn(call.body, "sendHeartbeatRequest"));
  }

  #reportsIn(body: Uint8Array, message: string): ContainerReports {
    return this.#reports.read(body, this.#scan, message);
  }
}
