import { writeBlock, writeOrder } from "../../protocol/codec/block-answer.js";
import { BodyWriter } from "../../protocol/codec/body-writer.js";
import type { RequestOf } from "../../protocol/schema/messages.js";
import { Allocation } from "../cluster/blocks/allocation.js";
import type { BlockRequest } from "../cluster/blocks/block-request.js";
import type { WritablePipeline } from "../cluster/blocks/writable-pipeline.js";
import { StrataError } from "../core/errors.js";
import type { Answer, LateAnswer } from "../gateway/answer.js";
import type { RpcSession } from "../gateway/rpc-session.js";
import type { AdminServices } from "./admin-services.js";
import { MemberOrders } from "./member-orders.js";

/** Of ALLOCATE_BLOCKS_RESPONSE: without and with `orders`. */
const FIELD_COUNT = 2;
const FIELD_COUNT_WITH_ORDERS = 3;

/** Blocks to be written. The hottest request: it is answered in the call, and nothing is allocated for a
 * block. */
export class BlockRequests {
  readonly #services: AdminServices;
  readonly #allocation = new Allocation();
  readonly #writer = new BodyWriter();
  readonly #orders: MemberOrders;

  constructor(services: AdminServices) {
    this.#services = services;
    this.#orders = new MemberOrders(services.nodes, services.random);
  }

  /** While the audit log is full the request waits, as mutations do: no block without a record. */
  allocate(
    session: RpcSession,
    request: RequestOf<"allocateBlocks">,
    answer: Answer<"allocateBlocks">,
  ): void {
    const { blocks, audit, allocationAudit } = this.#services;
    if (!audit.ready()) {
      const late = answer.defer();
      void audit.whenReady().then((reason) => {
        if (reason === undefined) this.#wait(session, request, late);
        else late.fail(reason);
      });
      return;
    }
    try {
      if (!blocks.allocate(request, this.#allocation)) {
        this.#wait(session, request, answer.defer());
        return;
      }
    } catch (error) {
      if (error instanceof StrataError) allocationAudit.failed(session, request, error.code);
      throw error;
    }
    allocationAudit.done(session, request, this.#allocation);
    answer.doneEncoded(this.#encoded(request));
  }

  #wait(session: RpcSession, request: BlockRequest, late: LateAnswer<"allocateBlocks">): void {
    const { blocks, allocationAudit } = this.#services;
    blocks.wait(request, this.#allocation, {
      isWanted: () => late.isWanted,
      onEnd: (error) => {
        if (error === undefined) {
          allocationAudit.done(session, request, this.#allocation);
          late.doneEncoded(this.#encoded(request));
        } else {
          allocationAudit.failed(session, request, error.code);
          late.fail(error);
        }
      },
    });
  }

  /** A client whose place is not known yet gets the pipelines' own order: no block waits for that. */
  #encoded({ client }: BlockRequest): Uint8Array {
    const place = client === undefined ? undefined : this.#services.clients.known(client);
    const writer = this.#writer;
    const { count, containerIds, idHigh, idLow, pipelineOf, pipelines } = this.#allocation;
    writer.begin();
    writer.array(place === undefined ? FIELD_COUNT : FIELD_COUNT_WITH_ORDERS);
    writer.array(count);
    for (let i = 0; i < count; i++) {
      writeBlock(
        writer,
        containerIds[i] as number,
        idHigh[i] as number,
        idLow[i] as number,
        pipelineOf[i] as number,
      );
    }
    writer.array(pipelines.length);
    for (let i = 0; i < pipelines.length; i++) {
      writer.encoded(this.#bytesOf(pipelines[i] as WritablePipeline));
    }
    if (place !== undefined) {
      writer.array(pipelines.length);
      for (const { record } of pipelines) writeOrder(writer, this.#orders.of(record, place));
    }
    return writer.frame();
  }

  #bytesOf(pipeline: WritablePipeline): Uint8Array {
    if (pipeline.encoded !== undefined) return pipeline.encoded;
    const { pipelineId } = pipeline.record;
    const encoded = this.#services.encodedPipelines.get(pipelineId);
    if (encoded === undefined) throw new StrataError("PIPELINE_NOT_FOUND", { pipelineId });
    pipeline.encoded = encoded.bytes;
    return encoded.bytes;
  }
}
