import type { Uuid } from "../../../engine/core/uuid.js";
import { BodyReader } from "../../../protocol/codec/body-reader.js";
import { requireReadable } from "../rendered-containers.js";
import { type KnownPipelines, RenderedPipeline } from "../rendered-pipelines.js";
import { replicationOf } from "../replication.js";
import { bodyOf, pipelineIdOf } from "../request-parts.js";
import type { LocationHandler, LocationHandlers } from "./location-call.js";
import { AT_LEAST_ONCE } from "./location-call.js";

/** So few that even those of the widest erasure coding fit a frame. */
const PAGE = 32;
const FIELDS_MAX = 16;
/** Of PipelineResponse. */
const SUCCESS = 1;

interface Page {
  readonly rendered: readonly RenderedPipeline[];
  readonly next: Uuid | undefined;
}

/** Calls about pipelines (spec 09 §4.3). */
export function pipelineHandlers(pipelines: KnownPipelines): LocationHandlers {
  const reader = new BodyReader();
  const readPage = (answer: Uint8Array): Page => {
    reader.begin(answer, 0, answer.length);
    reader.arrayLength(FIELDS_MAX);
    const rendered: RenderedPipeline[] = [];
    for (let left = reader.arrayLength(PAGE); left > 0; left--) rendered.push(pipelines.read(reader, answer));
    const more = reader.boolean() === true;
    return { rendered, next: more ? reader.uuid() : undefined };
  };

  const list: LocationHandler = async ({ main, clientVersion, ports }, body) => {
    let after: Uuid | undefined;
    do {
      const request = { countMax: PAGE, ...(after === undefined ? {} : { after }) };
      const page = await main.askRaw<"listPipelines", Page>("listPipelines", request, readPage);
      for (const pipeline of page.rendered) {
        requireReadable(pipeline.record.replication, clientVersion);
        body.bytes(1, pipeline.bytes(ports));
      }
      after = page.next;
    } while (after !== undefined);
  };

  return {
    ListPipelines: list,
    GetPipeline: get,
    AllocatePipeline: allocate,
    ActivatePipeline: activate,
    DeactivatePipeline: deactivate,
    ClosePipeline: close,
  };
}

const get: LocationHandler = async ({ message, main, clientVersion, ports }, body) => {
  const { pipelineID } = bodyOf(message.getPipelineRequest, "getPipelineRequest");
  const answer = await main.ask<"getPipeline">("getPipeline", { pipelineId: pipelineIdOf(pipelineID) });
  requireReadable(answer.pipeline.replication, clientVersion);
  body.bytes(1, new RenderedPipeline(answer.pipeline).bytes(ports));
};

/** The SCM chooses members and id, here as there. */
const allocate: LocationHandler = async ({ message, main, ports }, body) => {
  const request = bodyOf(message.pipelineRequest, "pipelineRequest");
  const { replicationType: type, replicationFactor: factor } = request;
  const replication = replicationOf({ type, factor, ec: undefined });
  const answer = await main.ask<"createPipeline">("createPipeline", { ...AT_LEAST_ONCE, replication });
  body.number(1, SUCCESS);
  body.bytes(2, new RenderedPipeline(answer.pipeline).bytes(ports));
};

const activate: LocationHandler = async ({ message, main }) => {
  const { pipelineID } = bodyOf(message.activatePipelineRequest, "activatePipelineRequest");
  const pipelineId = pipelineIdOf(pipelineID);
  await main.ask<"activatePipeline">("activatePipeline", { ...AT_LEAST_ONCE, pipelineId });
};

const deactivate: LocationHandler = async ({ message, main }) => {
  const { pipelineID } = bodyOf(message.deactivatePipelineRequest, "deactivatePipelineRequest");
  const pipelineId = pipelineIdOf(pipelineID);
  await main.ask<"deactivatePipeline">("deactivatePipeline", { ...AT_LEAST_ONCE, pipelineId });
};

const close: LocationHandler = async ({ message, main }) => {
  const { pipelineID } = bodyOf(message.closePipelineRequest, "closePipelineRequest");
  const pipelineId = pipelineIdOf(pipelineID);
  await main.ask<"closePipeline">("closePipeline", { ...AT_LEAST_ONCE, pipelineId });
};
