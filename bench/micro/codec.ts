import { Bench } from "tinybench";
import { operationNamed } from "../../protocol/codec/operations.js";
import type { OperationName } from "../../protocol/schema/messages.js";

export interface CodecTimes {
  /** ns for one message. */
  readonly heartbeatDecode: number;
  readonly heartbeatAnswerEncode: number;
  readonly suppressDecode: number;
  readonly suppressAnswerEncode: number;
}

const HEADER_BYTES = 16;

/** Time of the messages that come most often, each a whole frame. */
export async function codecTimes(): Promise<CodecTimes> {
  const bench = new Bench({ time: 500, warmupTime: 200 });
  addDecode(bench, "heartbeat", { persistedOpState: "IN_SERVICE", persistedOpStateExpiry: 0 });
  addEncode(bench, "heartbeat", { term: 1, fullReportWanted: false, commands: [] });
  addDecode(bench, "suppressContainers", {
    sessionId: 12,
    sequence: 1000,
    ackedSequence: 999,
    containerIds: [9_999_999],
    suppress: true,
  });
  addEncode(bench, "suppressContainers", { failedContainerIds: [] });
  await bench.run();
  const ns = (name: string): number => {
    const result = bench.getTask(name)?.result;
    if (result === undefined || !("latency" in result)) throw new Error(`${name} has no result`);
    return result.latency.p50 * 1e6;
  };
  return {
    heartbeatDecode: ns("heartbeat decode") / BATCH,
    heartbeatAnswerEncode: ns("heartbeat encode") / BATCH,
    suppressDecode: ns("suppressContainers decode") / BATCH,
    suppressAnswerEncode: ns("suppressContainers encode") / BATCH,
  };
}

/** A single message is too short for the clock. */
const BATCH = 1000;

function addDecode(bench: Bench, name: OperationName, request: object): void {
  const { op, request: codec } = operationNamed(name);
  const frame = codec.encode(op, 0, 1, request);
  bench.add(`${name} decode`, () => {
    for (let i = 0; i < BATCH; i++) codec.decode(frame, HEADER_BYTES, frame.length);
  });
}

function addEncode(bench: Bench, name: OperationName, response: object): void {
  const { op, response: codec } = operationNamed(name);
  bench.add(`${name} encode`, () => {
    for (let i = 0; i < BATCH; i++) codec.encodeView(op, 1, i + 1, response);
  });
}
