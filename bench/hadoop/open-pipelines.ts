import {
  ScmContainerLocationRequestSchema,
  ScmContainerLocationResponseSchema,
  Type,
} from "../../protocol/hadoop/generated/location_pb.js";
import { decodeMessage, encodeMessage } from "../../protocol/hadoop/message.js";
import { HadoopClient, HadoopError } from "../../test/support/hadoop/hadoop-client.js";
import { LOCATION_PROTOCOL } from "./call-frames.js";

const METHOD = "submitRequest";
const LOOK_MS = 1000;
const LIMIT_MS = 60_000;
/** Of those that the datanodes have room for; the last ones may find no three datanodes. */
const SHARE_WANTED = 0.9;
const OPEN = 2;
const MEMBERS = 3;

/** Waits for the server's pipelines of `nodeCount` simulated datanodes, which report none, and opens them as
 * an operator would. Answers how many are open. */
export async function openPipelines(port: number, nodeCount: number): Promise<number> {
  const client = new HadoopClient({ port, protocol: LOCATION_PROTOCOL, user: "bench" });
  const wanted = Math.max(1, Math.floor(((nodeCount * 2) / 3) * SHARE_WANTED));
  const dueMs = performance.now() + LIMIT_MS;
  try {
    for (;;) {
      const openCount = await activateAll(client).catch(noneYet);
      if (openCount >= wanted) return openCount;
      if (performance.now() > dueMs) {
        if (openCount > 0) return openCount;
        throw new Error(`no pipeline within ${LIMIT_MS / 1000} s`);
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  } finally {
    await client.close();
  }
}

/** The reference leads a second or two after its ports are open. */
function noneYet(error: unknown): number {
  if (error instanceof HadoopError && error.className.endsWith("NotLeaderException")) return 0;
  throw error;
}

/** Answers how many are open afterwards. */
async function activateAll(client: HadoopClient): Promise<number> {
  const list = { cmdType: Type.ListPipelines, version: 3, traceID: "", listPipelineRequest: {} } as const;
  const answer = await client.call(METHOD, encodeMessage(ScmContainerLocationRequestSchema, list));
  const { listPipelineResponse } = decodeMessage(ScmContainerLocationResponseSchema, answer);
  const pipelines = (listPipelineResponse?.pipelines ?? []).filter(
    ({ members }) => members.length === MEMBERS,
  );
  for (const { id, state } of pipelines) {
    if (state === OPEN) continue;
    const request = {
      cmdType: Type.ActivatePipeline,
      version: 3,
      traceID: "",
      activatePipelineRequest: { pipelineID: id },
    } as const;
    await client.call(METHOD, encodeMessage(ScmContainerLocationRequestSchema, request));
  }
  return pipelines.length;
}
