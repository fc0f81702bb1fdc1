import type { RpcError } from "../../../protocol/client/completion.js";
import type { SCMRegisterRequestProtoValid } from "../../../protocol/hadoop/generated/datanode_pb.js";
import type { ProtoWriter } from "../../../protocol/hadoop/proto-writer.js";
import type { RequestOf, ResponseOf } from "../../../protocol/schema/messages.js";
import type { FrontContext } from "../front-context.js";
import type { HadoopCall } from "../rpc/call.js";
import { writeRefused, writeRegistered } from "./answers.js";
import { type ContainerReports, releaseReports } from "./container-reports.js";
import type { Datanode } from "./datanode.js";
import type { Datanodes } from "./datanodes.js";
import { registeredDetails, uuidOfDetails } from "./details.js";
import { fail, failWith, nameless, tooManyCalls } from "./failures.js";
import { layoutOf, nodeReportOf, pipelineReportsOf } from "./small-reports.js";

/** A registration without its container report.
 * @throws StrataError INVALID_ARGUMENT */
export function registerRequest(sent: SCMRegisterRequestProtoValid): RequestOf<"register"> {
  const uuid = uuidOfDetails(sent.extendedDatanodeDetails.datanodeDetails);
  if (uuid === undefined) throw nameless();
  return {
    details: registeredDetails(sent.extendedDatanodeDetails, uuid),
    report: nodeReportOf(sent.nodeReport),
    pipelineReports: pipelineReportsOf(sent.pipelineReports),
    layout: layoutOf(sent.dataNodeLayoutVersion),
  };
}

/** Registers datanodes with main (spec 12 §5.2, spec 01 §3). */
export class Registrations {
  /** Refused by main: such a datanode tries again for ever. */
  refusedCount = 0;
  readonly #datanodes: Datanodes;
  readonly #context: FrontContext;
  readonly #writer: ProtoWriter;

  constructor(context: FrontContext, datanodes: Datanodes, writer: ProtoWriter) {
    this.#context = context;
    this.#datanodes = datanodes;
    this.#writer = writer;
  }

  /** @throws StrataError in place of an answer */
  register(call: HadoopCall, request: RequestOf<"register">, reports: ContainerReports): void {
    const datanode = this.#datanodes.obtain(request.details.uuid);
    if (datanode.run(() => this.#send(call, datanode, request, reports))) return;
    releaseReports(reports);
    throw tooManyCalls();
  }

  #send(
    call: HadoopCall,
    datanode: Datanode,
    request: RequestOf<"register">,
    reports: ContainerReports,
  ): void {
    const bug = (error: unknown): void => {
      releaseReports(reports);
      failWith(call, error, this.#context.bugs);
    };
    try {
      // Its address is what the SCM records, so that a connection from another one is another one to main.
      const { connection } = datanode.linkFrom(call.remoteAddress);
      connection.request("register", request, (answer) => {
        try {
          if (answer instanceof Error) {
            releaseReports(reports);
            this.#refused(call, request, answer);
          } else this.#accepted(call, datanode, answer, reports);
        } catch (error) {
          bug(error);
        }
        datanode.finished();
        if (answer instanceof Error) this.#datanodes.refused(datanode);
      });
    } catch (error) {
      bug(error);
      datanode.finished();
    }
  }

  #accepted(
    call: HadoopCall,
    datanode: Datanode,
    answer: ResponseOf<"register">,
    reports: ContainerReports,
  ): void {
    this.#datanodes.registered(datanode);
    writeRegistered(this.#writer, answer);
    call.reply(this.#writer.view());
    datanode.feed(reports, true);
  }

  #refused(call: HadoopCall, { details }: RequestOf<"register">, error: RpcError): void {
    this.refusedCount++;
    if (error.code !== "DATANODE_LAYOUT_NOT_PERMITTED") {
      fail(call, error);
      return;
    }
    writeRefused(this.#writer, details, this.#context.settings.clusterId);
    call.reply(this.#writer.view());
  }
}
