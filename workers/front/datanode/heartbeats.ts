import type { StrataError } from "../../../engine/core/errors.js";
import type { Uuid } from "../../../engine/core/uuid.js";
import { operationNamed } from "../../../protocol/codec/operations.js";
import type { ProtoWriter } from "../../../protocol/hadoop/proto-writer.js";
import { DATANODE_PATH, type ResponseOf } from "../../../protocol/schema/messages.js";
import type { Command } from "../../../protocol/schema/records.js";
import type { FrontContext } from "../front-context.js";
import type { MainConnection } from "../main-connection.js";
import type { HadoopCall } from "../rpc/call.js";
import type { Admissions } from "./admissions.js";
import { writeHeartbeatAnswer } from "./answers.js";
import { type ContainerReports, releaseReports } from "./container-reports.js";
import type { Datanode, DatanodeLink } from "./datanode.js";
import type { Datanodes } from "./datanodes.js";
import { fail, failWith, tooManyCalls } from "./failures.js";
import type { ReportOrders } from "./report-orders.js";
import { isSame } from "./same-bytes.js";

type HeartbeatResponse = ResponseOf<"heartbeat">;

const RESPONSE = operationNamed("heartbeat").response;
const TAKE_BACK = operationNamed("takeBackCommands").request;
const NO_COMMANDS: readonly Command[] = [];
const REREGISTER: Command = { type: "reregisterCommand", commandId: 0, term: 0, deadlineMs: 0 };

/** Heartbeats: main's answer goes out first, then the container reports go to main (spec 12 §5.3, §8.1). */
export class Heartbeats {
  /** Commands that went back to main since their answer did not arrive. */
  takenBackCount = 0;
  readonly #context: FrontContext;
  readonly #datanodes: Datanodes;
  readonly #orders: ReportOrders;
  readonly #admissions: Admissions;
  readonly #writer: ProtoWriter;
  /** The last answer of main that gave no orders, as it came: most are the same. */
  #idleBody: Uint8Array = new Uint8Array(0);
  #idleTerm = 0;
  #strangers: MainConnection | undefined;

  constructor(
    context: FrontContext,
    parts: { readonly datanodes: Datanodes; readonly orders: ReportOrders; readonly admissions: Admissions },
    writer: ProtoWriter,
  ) {
    this.#context = context;
    this.#datanodes = parts.datanodes;
    this.#orders = parts.orders;
    this.#admissions = parts.admissions;
    this.#writer = writer;
  }

  /** `request`: without container reports, as main gets it.
   * @throws StrataError in place of an answer */
  beat(call: HadoopCall, datanode: Datanode, request: Uint8Array, reports: ContainerReports): void {
    this.#datanodes.beaten(datanode);
    if (datanode.run(() => this.#send(call, datanode, request, reports))) return;
    this.#lose(datanode, reports);
    throw tooManyCalls();
  }

  /** Of a datanode that has no connection to main: after a start of ours, or a long silence of its own. Main
   * tells the term, and a connection that nobody registered on that such a datanode must register. */
  stranger(call: HadoopCall, uuid: Uuid, request: Uint8Array): void {
    this.#strangers ??= this.#context.main.connect(DATANODE_PATH, "", "hadoop-strangers", () => {
      this.#strangers = undefined;
    });
    this.#strangers.requestEncoded("heartbeat", request, (body) => {
      if (body instanceof Error) {
        fail(call, body);
        return;
      }
      try {
        const { term, commands } = decodeAnswer(body);
        this.#admissions.ask(uuid, call.remoteAddress, (isAdmitted) => {
          writeHeartbeatAnswer(this.#writer, uuid, term, isAdmitted ? commands : NO_COMMANDS);
          if (isAdmitted) call.onUndelivered = () => this.#admissions.notReached(uuid);
          return call.reply(this.#writer.view());
        });
      } catch (error) {
        failWith(call, error, this.#context.bugs);
      }
    });
  }

  stop(reason: StrataError): void {
    this.#strangers?.close(reason);
  }

  #send(call: HadoopCall, datanode: Datanode, request: Uint8Array, reports: ContainerReports): void {
    try {
      this.#ask(call, datanode, request, reports);
    } catch (error) {
      this.#lose(datanode, reports);
      failWith(call, error, this.#context.bugs);
      datanode.finished();
    }
  }

  #ask(call: HadoopCall, datanode: Datanode, request: Uint8Array, reports: ContainerReports): void {
    const { link } = datanode;
    if (link === undefined) {
      // The full report that comes with the registration makes up for these.
      releaseReports(reports);
      this.stranger(call, datanode.uuid, request);
      datanode.finished();
      return;
    }
    this.#giveBack(datanode, link);
    link.connection.requestEncoded("heartbeat", request, (body) => {
      try {
        if (body instanceof Error) {
          this.#lose(datanode, reports);
          fail(call, body);
        } else this.#answer(call, datanode, link, body, reports);
      } catch (error) {
        // Its commands are not given back: they may be what it failed on.
        this.#lose(datanode, reports);
        failWith(call, error, this.#context.bugs);
      }
      datanode.finished();
    });
  }

  #answer(
    call: HadoopCall,
    datanode: Datanode,
    link: DatanodeLink,
    body: Uint8Array,
    reports: ContainerReports,
  ): void {
    if (isSame(body, this.#idleBody) && !datanode.lacksReport) {
      writeHeartbeatAnswer(this.#writer, datanode.uuid, this.#idleTerm, NO_COMMANDS);
      call.reply(this.#writer.view());
      datanode.feed(reports, false);
      return;
    }
    const { term, commands, fullReportWanted } = decodeAnswer(body);
    if (commands.length === 0 && !fullReportWanted) {
      this.#idleBody = body.slice();
      this.#idleTerm = term;
    }
    const isUnknown = commands.some(({ type }) => type === "reregisterCommand");
    const isWanted = (fullReportWanted || datanode.lacksReport) && !link.reports.isReporting;
    const isOrdered = isWanted && !isUnknown && !reports.hasFull && this.#orders.take(datanode);
    writeHeartbeatAnswer(this.#writer, datanode.uuid, term, isOrdered ? [...commands, REREGISTER] : commands);
    const answer = datanode.nextAnswer();
    const takeBack = (): void => this.#takeBack(datanode, answer, commands, isOrdered);
    if (commands.length > 0 || isOrdered) call.onUndelivered = takeBack;
    if (!call.reply(this.#writer.view())) takeBack();
    if (isUnknown) releaseReports(reports);
    else datanode.feed(reports, false);
  }

  /** The answer did not reach the datanode, which acknowledges nothing (spec 12 §8.2 H5). Its commands are
   * wanted with the next heartbeat, and go back to main before that: several answers that failed then keep
   * their order, and main knows the datanode, on whatever connection. */
  #takeBack(datanode: Datanode, answer: number, commands: readonly Command[], isOrdered: boolean): void {
    if (isOrdered) this.#orders.takeBack(datanode);
    const undone = commands.filter(({ type }) => type !== "reregisterCommand");
    if (undone.length > 0) datanode.keepUndone(answer, undone);
  }

  #giveBack(datanode: Datanode, { connection }: DatanodeLink): void {
    for (const { answer, commands } of datanode.takeUndone()) {
      this.takenBackCount += commands.length;
      connection.requestEncoded("takeBackCommands", TAKE_BACK.encodeValue({ commands }), (outcome) => {
        if (outcome instanceof Error) datanode.keepUndone(answer, commands);
      });
    }
  }

  /** The datanode sends again what it keeps of a heartbeat that failed: no full report (spec 12 §7.1). */
  #lose(datanode: Datanode, reports: ContainerReports): void {
    releaseReports(reports);
    if (reports.hasFull) datanode.lacksReport = true;
  }
}

function decodeAnswer(body: Uint8Array): HeartbeatResponse {
  return RESPONSE.decode(body, 0, body.length) as HeartbeatResponse;
}
