import { nameOf } from "../../../engine/core/enums.js";
import { readClusterTree } from "../../../protocol/client/cluster-tree.js";
import { codecOf } from "../../../protocol/codec/codec.js";
import type { SCMBlockLocationRequest } from "../../../protocol/hadoop/generated/block_pb.js";
import { SCMBlockLocationRequestSchema, Status, Type } from "../../../protocol/hadoop/generated/block_pb.js";
import { decodeMessage } from "../../../protocol/hadoop/message.js";
import { ProtoWriter } from "../../../protocol/hadoop/proto-writer.js";
import { ALLOCATE_BLOCKS_REQUEST } from "../../../protocol/schema/block-messages.js";
import { ioPortsFor, type PortChoice, portsFor } from "../client-version.js";
import type { FrontContext } from "../front-context.js";
import { exceptionOf, failureOf, notSupported } from "../hadoop-errors.js";
import { type CallerConnection, MainConnections } from "../main-connections.js";
import { writeDetails } from "../rendered-details.js";
import { knownPipelines } from "../rendered-pipelines.js";
import { writeTree } from "../rendered-tree.js";
import { bodyOf, requireDecodable, uuidOfText } from "../request-parts.js";
import { requireLeader } from "../require-leader.js";
import type { HadoopCall, HadoopProtocol } from "../rpc/call.js";
import { AllocatedBlocks } from "./allocated-blocks.js";
import { blocksRequestOf } from "./block-requests.js";
import { RepeatedRequests } from "./repeated-requests.js";
import { unsupportedRequest } from "./unsupported-requests.js";

/** Which call an answer belongs to: what it repeats of the request. */
interface Envelope {
  readonly type: Type;
  readonly traceID: string;
}

/** An allocation that was understood. */
interface Allocation extends Envelope {
  readonly request: Uint8Array;
  readonly ports: PortChoice;
}

type WriteBody = (writer: ProtoWriter) => void;

const ALLOCATION_CODEC = codecOf(ALLOCATE_BLOCKS_REQUEST);

/** ScmBlockLocationProtocol, which Ozone Manager speaks (spec 12 §6.1, spec 05 §1). What goes wrong is said
 * in the envelope, since OM looks at the code there and takes an exception for an unknown one (spec 12 §3.2).
 */
export class BlockProtocol implements HadoopProtocol {
  readonly name = "org.apache.hadoop.hdds.scm.protocol.ScmBlockLocationProtocol";
  readonly methods: ReadonlySet<string> = new Set(["send"]);
  readonly #context: FrontContext;
  readonly #connections: MainConnections;
  readonly #allocations = new RepeatedRequests<Allocation>();
  readonly #allocatedBlocks = new AllocatedBlocks(knownPipelines());
  readonly #writer = new ProtoWriter();

  constructor(context: FrontContext) {
    this.#context = context;
    this.#connections = new MainConnections(context);
  }

  handle(call: HadoopCall): void {
    let envelope: Envelope | undefined;
    try {
      const repeated = this.#allocations.find(call.body);
      if (repeated !== undefined) {
        this.#allocate(call, repeated);
        return;
      }
      envelope = unsupportedRequest(call.body);
      if (envelope !== undefined) {
        call.type = typeName(envelope);
        throw notSupported(call.type);
      }
      requireDecodable(call.body);
      const request = decodeMessage(SCMBlockLocationRequestSchema, call.body);
      envelope = { type: request.cmdType, traceID: request.traceID };
      call.type = typeName(envelope);
      this.#dispatch(call, envelope, request);
    } catch (error) {
      this.#fail(call, envelope, error);
    }
  }

  stop(): void {
    this.#connections.stop();
  }

  #dispatch(call: HadoopCall, envelope: Envelope, request: SCMBlockLocationRequest): void {
    const main = this.#connections.of(call);
    if (request.cmdType === Type.AllocateScmBlock && request.allocateScmBlockRequest?.numBlocks !== 0) {
      const allocation = allocationOf(envelope, request);
      this.#allocations.keep(call.body, allocation);
      this.#allocate(call, allocation);
      return;
    }
    this.#answerOf(main, request).then(
      (write) => this.#reply(call, envelope, write),
      (error: unknown) => this.#fail(call, envelope, error),
    );
  }

  #allocate(call: HadoopCall, allocation: Allocation): void {
    call.type = "AllocateScmBlock";
    this.#connections.of(call).requestEncoded("allocateBlocks", allocation.request, (answer) => {
      if (answer instanceof Error) {
        this.#fail(call, allocation, answer);
        return;
      }
      this.#reply(call, allocation, (writer) => {
        this.#allocatedBlocks.write(writer, answer, allocation.ports);
      });
    });
  }

  async #answerOf(main: CallerConnection, request: SCMBlockLocationRequest): Promise<WriteBody> {
    const ports = portsFor(request.version);
    switch (request.cmdType) {
      case Type.AllocateScmBlock:
        // Of no blocks, all are found (spec 05 §2.2).
        await requireLeader(main);
        return () => undefined;
      case Type.GetScmInfo: {
        await requireLeader(main);
        const { clusterId, scmId } = this.#context.settings;
        return (writer) => {
          writer.text(1, clusterId);
          writer.text(2, scmId);
        };
      }
      case Type.SortDatanodes: {
        const { client, nodeNetworkName } = bodyOf(request.sortDatanodesRequest, "sortDatanodesRequest");
        const uuids = nodeNetworkName.map((name) => uuidOfText("nodeNetworkName", name));
        const { datanodes } = await main.ask<"sortDatanodes">("sortDatanodes", { client, uuids });
        return (writer) => {
          for (const details of datanodes) writeDetails(writer, 1, details, ports);
        };
      }
      case Type.GetClusterTree: {
        const tree = await readClusterTree({
          getClusterTree: (page) => main.ask<"getClusterTree">("getClusterTree", page),
        });
        return (writer) => writeTree(writer, 1, tree, ports);
      }
      case Type.DeleteScmKeyBlocks:
      case Type.AddScm:
        throw notSupported(typeName({ type: request.cmdType }));
    }
  }

  #reply(call: HadoopCall, { type, traceID }: Envelope, write: WriteBody): void {
    try {
      const writer = this.#writer;
      writer.begin();
      writer.number(1, type);
      writer.text(2, traceID);
      writer.boolean(3, true);
      writer.number(5, Status.OK);
      writer.openMessage(type);
      write(writer);
      writer.closeMessage();
      call.reply(writer.view());
    } catch (error) {
      this.#fail(call, { type, traceID }, error);
    }
  }

  /** Without an envelope there is nothing to put the failure into. */
  #fail(call: HadoopCall, envelope: Envelope | undefined, error: unknown): void {
    const { name: protocol } = this;
    const failure = failureOf(error, { port: "block", protocol, type: call.type }, this.#context);
    if (failure.kind !== "refusal" || envelope === undefined) {
      const { className, message } = exceptionOf(failure);
      call.fail(className, message);
      return;
    }
    const writer = this.#writer;
    writer.begin();
    writer.number(1, envelope.type);
    writer.text(2, envelope.traceID);
    writer.boolean(3, false);
    writer.text(4, failure.message);
    writer.number(5, Status[failure.status]);
    call.reply(writer.view());
  }
}

function typeName({ type }: Pick<Envelope, "type">): string {
  return nameOf(Type, type) ?? "";
}

function allocationOf(envelope: Envelope, request: SCMBlockLocationRequest): Allocation {
  const body = bodyOf(request.allocateScmBlockRequest, "allocateScmBlockRequest");
  return {
    ...envelope,
    request: ALLOCATION_CODEC.encodeValue(blocksRequestOf(body)),
    ports: ioPortsFor(request.version),
  };
}
