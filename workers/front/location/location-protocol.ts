import { nameOf } from "../../../engine/core/enums.js";
import {
  ScmContainerLocationRequestSchema,
  ScmContainerLocationResponse_Status as Status,
  Type,
} from "../../../protocol/hadoop/generated/location_pb.js";
import { decodeMessage } from "../../../protocol/hadoop/message.js";
import { ProtoWriter } from "../../../protocol/hadoop/proto-writer.js";
import { ioPortsFor, portsFor } from "../client-version.js";
import type { FrontContext } from "../front-context.js";
import { exceptionOf, failureOf, notSupported } from "../hadoop-errors.js";
import { MainConnections } from "../main-connections.js";
import { knownPipelines } from "../rendered-pipelines.js";
import { requireDecodable } from "../request-parts.js";
import type { HadoopCall, HadoopProtocol } from "../rpc/call.js";
import { clusterHandlers } from "./cluster.js";
import { containerChanges } from "./container-changes.js";
import { CONTAINER_LISTS } from "./container-lists.js";
import { containerReads } from "./container-reads.js";
import { LocatedContainers } from "./located-containers.js";
import { LOCATION_PROTOCOL, type LocationHandlers } from "./location-call.js";
import { NODE_HANDLERS } from "./nodes.js";
import { pipelineHandlers } from "./pipelines.js";

/** Buffers that are used again. */
const SPARE_MAX = 64;
const SPARE_BYTES_MAX = 256 * 1024;

/** StorageContainerLocationProtocol, which administrators, Ozone Manager and Recon speak (spec 12 §6.2). What
 * goes wrong is an exception that makes clients fail at once, unless another SCM could do better (spec 12
 * §3.2). */
export class LocationProtocol implements HadoopProtocol {
  readonly name = LOCATION_PROTOCOL;
  readonly methods: ReadonlySet<string> = new Set(["submitRequest"]);
  readonly #context: FrontContext;
  readonly #connections: MainConnections;
  readonly #handlers: LocationHandlers;
  #writer = new ProtoWriter();
  readonly #spare: ProtoWriter[] = [];

  constructor(context: FrontContext) {
    this.#context = context;
    this.#connections = new MainConnections(context);
    const pipelines = knownPipelines();
    const locations = new LocatedContainers(context.clock, pipelines);
    this.#handlers = {
      ...containerReads(locations),
      ...CONTAINER_LISTS,
      ...containerChanges(locations),
      ...NODE_HANDLERS,
      ...pipelineHandlers(pipelines),
      ...clusterHandlers(context),
    };
  }

  handle(call: HadoopCall): void {
    void this.#answer(call);
  }

  stop(): void {
    this.#connections.stop();
  }

  async #answer(call: HadoopCall): Promise<void> {
    const body = this.#spare.pop() ?? new ProtoWriter();
    try {
      requireDecodable(call.body);
      const message = decodeMessage(ScmContainerLocationRequestSchema, call.body);
      const { cmdType, version } = message;
      const type = nameOf(Type, cmdType) as keyof typeof Type;
      call.type = type;
      const handler = this.#handlers[type];
      if (handler === undefined) throw notSupported(type);
      const main = this.#connections.of(call);
      body.begin();
      await handler(
        { message, main, clientVersion: version, ports: portsFor(version), ioPorts: ioPortsFor(version) },
        body,
      );
      this.#reply(call, cmdType, body);
    } catch (error) {
      const failed = { port: "client", protocol: this.name, type: call.type } as const;
      const { className, message } = exceptionOf(failureOf(error, failed, this.#context));
      call.fail(className, message);
    }
    if (this.#spare.length < SPARE_MAX && body.capacity <= SPARE_BYTES_MAX) this.#spare.push(body);
  }

  /** The reference sets no more than this (spec 12 §6.2). */
  #reply(call: HadoopCall, type: Type, body: ProtoWriter): void {
    const writer = this.#writer;
    writer.begin();
    writer.number(1, type);
    writer.number(5, Status.OK);
    writer.bytes(bodyFieldOf(type), body.view());
    call.reply(writer.view());
    if (writer.capacity > SPARE_BYTES_MAX) this.#writer = new ProtoWriter();
  }
}

/** Field of a type's body, in request and answer. */
function bodyFieldOf(type: Type): number {
  if (type === Type.GetClosedContainerCount) return bodyFieldOf(Type.GetContainerCount);
  return type < Type.GetClosedContainerCount ? type + 5 : type + 4;
}
