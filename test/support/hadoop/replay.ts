import type { DescMessage, Message } from "@bufbuild/protobuf";
import {
  SCMCommandProto_Type as CommandType,
  type SCMCommandProto,
  SCMCommandProtoSchema,
  SCMDatanodeRequestSchema,
} from "../../../protocol/hadoop/generated/datanode_pb.js";
import {
  RequestHeaderProtoSchema,
  RpcResponseHeaderProtoSchema,
} from "../../../protocol/hadoop/generated/rpc_pb.js";
import { decodeMessage, encodeMessage } from "../../../protocol/hadoop/message.js";
import { type DecodedCall, decodeCall } from "./decoded-call.js";
import { delimitedParts } from "./delimited.js";
import { HadoopClient } from "./hadoop-client.js";
import { IdMap, UUID_TEXT } from "./id-map.js";
import { valuesOf } from "./message-values.js";
import type { RpcCall } from "./recorded-frames.js";

const SETTLE_LIMIT_MS = 10_000;
const PAUSE_MS = 50;
/** What the released programs may ask again without changing anything. */
const READS = /^(Get|List|Query|InSafeMode|SingleNode|DatanodeUsage)/;
/** Answers that say which ids this SCM gives. */
const TEACHING = /^(GetVersion|Register|GetScmInfo|Allocate)/;

type Answer = Pick<DecodedCall, "header" | "answer">;

export interface ReplayRules {
  /** Paths whose values are of this run; that they are there is compared all the same. */
  readonly ownValues: RegExp;
  /** Commands that this SCM does not decide yet. */
  readonly missingCommands: readonly string[];
  /** Differences that are meant: lines that begin with the type of the message. */
  readonly known: readonly RegExp[];
}

/** Plays recorded requests of the released programs to another SCM, and compares its answers with those that
 * were recorded: field by field, with presence. */
export class Replay {
  readonly #ports: Readonly<Record<string, number>>;
  readonly #rules: ReplayRules;
  readonly #clients = new Map<string, HadoopClient>();
  readonly #ids = new IdMap();
  readonly #seen = new Set<RegExp>();
  /** Commands that came, and that no recorded one has been compared with. */
  readonly #commands: SCMCommandProto[] = [];

  /** `ports` by the last word of the protocol's name. */
  constructor(ports: Readonly<Record<string, number>>, rules: ReplayRules) {
    this.#ports = ports;
    this.#rules = rules;
  }

  /** The differences of the answer, a line each. Datanode and SCM settle in their own time: what is read, and
   * a command that is due, is asked for until it is as recorded, for some seconds. */
  async play(call: RpcCall): Promise<readonly string[]> {
    const recorded = decodeCall(call);
    const dueMs = performance.now() + SETTLE_LIMIT_MS;
    for (;;) {
      const found = await this.#ask(call, recorded);
      if (TEACHING.test(recorded.type) && recorded.answer !== undefined && found.answer !== undefined) {
        this.#ids.learn(recorded.schemas.response, recorded.answer, found.answer);
      }
      const differences = this.#unexpected(recorded.type, this.#compare(recorded, found));
      if (recorded.type === "SendHeartbeat") {
        const ofCommands = await this.#awaitCommands(call, recorded, found);
        return [...differences, ...this.#unexpected("command", ofCommands)];
      }
      const isLast = !READS.test(recorded.type) || performance.now() > dueMs;
      if (differences.length === 0 || isLast) return differences;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  /** Known differences that have not shown up. */
  unseen(): readonly RegExp[] {
    return this.#rules.known.filter((pattern) => !this.#seen.has(pattern));
  }

  async close(): Promise<void> {
    for (const client of this.#clients.values()) await client.close();
  }

  async #ask(call: RpcCall, { schemas, request }: DecodedCall, changed?: Message): Promise<Answer> {
    const message = this.#ids.translate(schemas.request, changed ?? request);
    const body = encodeMessage(schemas.request, message as never);
    const response = await this.#clientFor(call).exchange(call.method, body);
    const answer = response.body === undefined ? undefined : decodeMessage(schemas.response, response.body);
    return { header: response.header, answer };
  }

  #clientFor({ protocol, request }: RpcCall): HadoopClient {
    let client = this.#clients.get(protocol);
    if (client === undefined) {
      const [, engine = new Uint8Array()] = delimitedParts(request.subarray(4));
      const { declaringClassProtocolName } = decodeMessage(RequestHeaderProtoSchema, engine);
      const port = this.#ports[protocol] ?? 0;
      client = new HadoopClient({ port, protocol: declaringClassProtocolName, user: "root" });
      this.#clients.set(protocol, client);
    }
    return client;
  }

  #unexpected(type: string, lines: readonly string[]): string[] {
    const all = lines.map((line) => `${type} ${line}`);
    return all.filter((line) => {
      const pattern = this.#rules.known.find((each) => each.test(line));
      if (pattern !== undefined) this.#seen.add(pattern);
      return pattern === undefined;
    });
  }

  #compare(recorded: DecodedCall, found: Answer): string[] {
    const headers = this.#differences(RpcResponseHeaderProtoSchema, recorded.header, found.header);
    if (recorded.answer === undefined || found.answer === undefined) {
      if (recorded.answer === found.answer) return headers;
      return [
        ...headers,
        `${recorded.answer === undefined ? "answer" : "error"} here: ${found.header.errorMsg}`,
      ];
    }
    return [...headers, ...this.#differences(recorded.schemas.response, recorded.answer, found.answer)];
  }

  #differences(schema: DescMessage, recorded: Message, found: Message): string[] {
    const theirs = valuesOf(schema, this.#ids.translate(schema, recorded));
    const ours = valuesOf(schema, found);
    const lines: string[] = [];
    for (const path of new Set([...theirs.keys(), ...ours.keys()])) {
      if (/(^|\.)commands(\.|$)/.test(path)) continue; // they come when they are due
      const parent = path.slice(0, Math.max(0, path.lastIndexOf(".")));
      if (parent !== "" && theirs.has(parent) !== ours.has(parent)) continue; // said of the parent
      const [wanted, got] = [theirs.get(path), ours.get(path)];
      if (got === undefined) lines.push(`${path} is missing here`);
      else if (wanted === undefined) lines.push(`${path} is only here`);
      else if (!this.#rules.ownValues.test(path)) {
        const [before, after] = [this.#textOf(wanted), this.#textOf(got)];
        if (before !== after) lines.push(`${path}: ${before} there, ${after} here`);
      }
    }
    return lines;
  }

  /** An id that no answer has taught yet, as of a pipeline that was made up for this answer, is any id. */
  #textOf(values: ReadonlySet<string>): string {
    const texts = [...values].map((value) =>
      value.replaceAll(UUID_TEXT, (uuid) => (this.#ids.isLearned(uuid) ? uuid : "<id>")),
    );
    return texts.sort().join();
  }

  /** The commands of a recorded answer, each beside one of its kind that came here. */
  async #awaitCommands(call: RpcCall, recorded: DecodedCall, first: Answer): Promise<string[]> {
    this.#takeCommands(first);
    const lines: string[] = [];
    const dueMs = performance.now() + SETTLE_LIMIT_MS;
    for (const command of commandsOf(recorded.answer)) {
      const kind = nameOf(command);
      if (this.#rules.missingCommands.includes(kind)) continue;
      for (;;) {
        const at = this.#commands.findIndex((each) => nameOf(each) === kind && this.#isAbout(command, each));
        if (at >= 0) {
          const [ours] = this.#commands.splice(at, 1) as [SCMCommandProto];
          if (kind === "createPipelineCommand") this.#ids.learn(SCMCommandProtoSchema, command, ours);
          const differences = this.#differences(SCMCommandProtoSchema, command, ours);
          lines.push(...differences.map((line) => `${kind}: ${line}`));
          break;
        }
        if (performance.now() > dueMs) {
          lines.push(`${kind} does not come`);
          break;
        }
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
        this.#takeCommands(await this.#ask(call, recorded, withoutReports(recorded.request)));
      }
    }
    return lines;
  }

  /** Containers are known before a command names them; others that close have a command of their own. */
  #isAbout(recorded: SCMCommandProto, found: SCMCommandProto): boolean {
    const translated = this.#ids.translate(SCMCommandProtoSchema, recorded) as SCMCommandProto;
    const [theirs, ours] = [translated, found].map((each) => each.closeContainerCommandProto?.containerID);
    return theirs === ours;
  }

  #takeCommands({ answer }: Answer): void {
    this.#commands.push(...commandsOf(answer));
  }
}

function commandsOf(answer: Message | undefined): readonly SCMCommandProto[] {
  const envelope = answer as { sendHeartbeatResponse?: { commands: SCMCommandProto[] } } | undefined;
  return envelope?.sendHeartbeatResponse?.commands ?? [];
}

function nameOf({ commandType }: SCMCommandProto): string {
  const name = Object.entries(CommandType).find(([, number]) => number === commandType);
  return name?.[0] ?? String(commandType);
}

/** An idle heartbeat of the same datanode. */
function withoutReports(request: Message): Message {
  const { cmdType, sendHeartbeatRequest } = decodeMessage(
    SCMDatanodeRequestSchema,
    encodeMessage(SCMDatanodeRequestSchema, request as never),
  );
  const { datanodeDetails, dataNodeLayoutVersion, commandQueueReport } = sendHeartbeatRequest ?? {};
  const idle = {
    cmdType,
    sendHeartbeatRequest: { datanodeDetails, dataNodeLayoutVersion, commandQueueReport },
  };
  return decodeMessage(SCMDatanodeRequestSchema, encodeMessage(SCMDatanodeRequestSchema, idle as never));
}
