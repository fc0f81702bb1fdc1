import { assert } from "../../engine/core/assert.js";
import { SeededRandom } from "../../engine/core/random.js";
import { randomUuid } from "../../engine/core/uuid.js";
import { ProtoWriter } from "../../protocol/hadoop/proto-writer.js";
import { ReplicaRowReader } from "../../workers/front/datanode/replica-rows.js";

/** Replicas of a report, and datanodes on which their data was first written. */
const REPLICAS = 40_000;
const ORIGINS = 41;
const ROUNDS_MS = 700;

export interface ReportReading {
  readonly ns: number;
  readonly heapBytes: number;
  readonly wireBytes: number;
}

/** What a replica of a full report costs from the bytes of a Java datanode to the rows for main (spec 12
 * §9.1): CPU time of this thread, and bytes of heap beside the rows. */
export function readReport(order: "ascending" | "shuffled"): ReportReading {
  const random = new SeededRandom(12);
  const message = reportOf(idsIn(order, random), random);
  const reader = new ReplicaRowReader(random);
  const read = (): void => {
    const rows = reader.readFull(message, [0, message.length], "reports", 2 ** 30);
    assert(rows !== undefined, "there is room for the report");
    assert(rows.rows.length === REPLICAS * rows.rowBytes, "every replica has its row");
  };
  const { heapUsed } = process.memoryUsage();
  read();
  const heapBytes = Math.max(0, process.memoryUsage().heapUsed - heapUsed);
  let best = Number.POSITIVE_INFINITY;
  const endMs = performance.now() + ROUNDS_MS;
  while (performance.now() < endMs) {
    const before = process.cpuUsage();
    for (let i = 0; i < 4; i++) read();
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, (user + system) / 4);
  }
  return {
    ns: (best * 1000) / REPLICAS,
    heapBytes: heapBytes / REPLICAS,
    wireBytes: message.length / REPLICAS,
  };
}

function idsIn(order: "ascending" | "shuffled", random: SeededRandom): number[] {
  const ids = Array.from({ length: REPLICAS }, (_, at) => 1_000_000 + 7 * at + random.below(6));
  if (order === "ascending") return ids;
  for (let at = ids.length - 1; at > 0; at--) {
    const other = random.below(at + 1);
    [ids[at], ids[other]] = [ids[other] as number, ids[at] as number];
  }
  return ids;
}

/** ContainerReports as a datanode of 2.2.0 writes them: all fields but size and finalhash, zeros included. */
function reportOf(ids: readonly number[], random: SeededRandom): Uint8Array {
  const origins = Array.from({ length: ORIGINS }, () => randomUuid(random));
  const writer = new ProtoWriter();
  for (const id of ids) {
    writer.openMessage(1);
    writer.number(1, id);
    writer.number(2, 4);
    writer.number(4, 4_000_000_000 + random.below(1_000_000_000));
    writer.number(5, random.below(100_000));
    writer.number(6, random.below(1_000_000));
    writer.number(7, random.below(1_000_000));
    writer.number(8, 1_000_000_000 + random.below(1_000_000_000));
    writer.number(9, 4_000_000_000 + random.below(1_000_000_000));
    writer.number(11, 0);
    writer.number(12, random.below(1_000_000));
    writer.text(13, origins[random.below(ORIGINS)] as string);
    writer.number(14, 0);
    writer.number(15, 0);
    writer.number(16, random.uint32());
    writer.closeMessage();
  }
  return writer.copy();
}
