import {
  GetReconfigureStatusResponseProtoSchema,
  GetServerNameResponseProtoSchema,
  ListReconfigurePropertiesResponseProtoSchema,
} from "../../../protocol/hadoop/generated/reconfigure_pb.js";
import { encodeMessage } from "../../../protocol/hadoop/message.js";
import type { FrontContext } from "../front-context.js";
import { exceptionOf, failureOf, notSupported } from "../hadoop-errors.js";
import type { HadoopCall, HadoopProtocol } from "../rpc/call.js";

/** ReconfigureProtocol of an SCM on which no key can be changed while it runs (spec 12 §6.3). It is answered
 * by every SCM for itself. */
export class ReconfigureProtocol implements HadoopProtocol {
  readonly name = "org.apache.hadoop.hdds.protocol.ReconfigureProtocol";
  readonly methods: ReadonlySet<string>;
  readonly #context: FrontContext;
  readonly #answers: ReadonlyMap<string, Uint8Array>;

  constructor(context: FrontContext) {
    this.#context = context;
    this.#answers = new Map([
      ["getServerName", encodeMessage(GetServerNameResponseProtoSchema, { name: "SCM" })],
      ["getReconfigureStatus", encodeMessage(GetReconfigureStatusResponseProtoSchema, { startTime: 0n })],
      ["listReconfigureProperties", encodeMessage(ListReconfigurePropertiesResponseProtoSchema, {})],
    ]);
    this.methods = new Set([...this.#answers.keys(), "startReconfigure"]);
  }

  handle(call: HadoopCall): void {
    const answer = this.#answers.get(call.method);
    if (answer !== undefined) {
      call.reply(answer);
      return;
    }
    const failed = { port: "client", protocol: this.name, type: call.type } as const;
    const failure = failureOf(notSupported("startReconfigure"), failed, this.#context);
    const { className, message } = exceptionOf(failure);
    call.fail(className, message);
  }
}
