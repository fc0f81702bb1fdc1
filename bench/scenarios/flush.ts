import { PAGE_BYTES } from "../../engine/cluster/containers/container-table.js";
import { DEFAULT_RAFT_HOST_OPTIONS } from "../../engine/consensus/raft-host-options.js";
import { NodeScheduler } from "../../engine/host/node-scheduler.js";
import { NodeDisk } from "../../engine/storage/node-disk.js";
import { scmWorkerPool } from "../../workers/pool/roles.js";
import type { Bench, BenchContext } from "../harness/bench.js";
import { emptyCluster } from "../harness/cluster.js";
import type { Figure } from "../harness/figure.js";
import { recoveredNew } from "../harness/storage.js";
import { type FlushTimes, FlushTurns } from "../micro/flush-turns.js";

/** Sizes of a run; the tests make them small. */
export interface FlushSizes {
  readonly containerCount: number;
  readonly pageCount: number;
  /** When a flush starts by its bytes, as by default. */
  readonly largePageCount: number;
  readonly flushCount: number;
}

const SIZES: FlushSizes = {
  containerCount: 4_000_000,
  pageCount: 8192,
  largePageCount: DEFAULT_RAFT_HOST_OPTIONS.flushBytes / PAGE_BYTES,
  flushCount: 40,
};

/** Freeze and drain on main, the writing on the state thread. */
export const flush: Bench = {
  name: "flush",
  doc: "flushes of 8,192 random pages of 4 M containers, without and with changes going on meanwhile",
  run: (context) => runFlushes(context, SIZES),
};

export async function runFlushes(context: BenchContext, sizes: FlushSizes): Promise<readonly Figure[]> {
  const cluster = emptyCluster();
  const { recovered } = await recoveredNew(new NodeDisk(), context.directory, cluster);
  const pool = scmWorkerPool({ scheduler: new NodeScheduler(), shardCount: 1 });
  try {
    const turns = await FlushTurns.start(pool, recovered, cluster, sizes.containerCount);
    const { flushCount, pageCount, largePageCount } = sizes;
    // For the code to get compiled.
    await turns.run(flushCount, pageCount, true);
    const quiet = await turns.run(flushCount, pageCount, false);
    const busy = await turns.run(flushCount, pageCount, true);
    const large = await turns.run(Math.ceil(flushCount / 4), largePageCount, true);
    await turns.stop();
    context.print(`${pageCount} pages, nothing else: ${describe(quiet)}`);
    context.print(`${pageCount} pages, applies meanwhile: ${describe(busy)}`);
    context.print(`${largePageCount} pages, applies meanwhile: ${describe(large)}`);
    return [
      ...figuresOf("flush", quiet),
      ...figuresOf("flush.busy", busy),
      ...figuresOf("flush.large", large),
    ];
  } finally {
    await pool.destroy();
  }
}

function figuresOf(name: string, { heldUs, elapsedUs, turnUs, bytes, ms }: FlushTimes): Figure[] {
  return [
    {
      name: `${name}.held.worst`,
      value: heldUs.max / 1000,
      unit: "ms",
      target: { comparison: "≤", value: 2 },
    },
    { name: `${name}.held.p99`, value: heldUs.percentile(0.99) / 1000, unit: "ms", yardstick: "memory" },
    { name: `${name}.elapsed.worst`, value: elapsedUs.max / 1000, unit: "ms" },
    { name: `${name}.turn.p99`, value: turnUs.percentile(0.99) / 1000, unit: "ms" },
    { name: `${name}.rate`, value: bytes / 1e6 / (ms / 1000), unit: "MB/s" },
  ];
}

function describe({ heldUs, elapsedUs, turnUs, rows, bytes, ms, appliedIds }: FlushTimes): string {
  const us = (times: typeof heldUs, rank: number): string => times.percentile(rank).toFixed(0);
  const of = (times: typeof heldUs): string =>
    `p50 ${us(times, 0.5)} p99 ${us(times, 0.99)} worst ${us(times, 1)} µs`;
  return [
    `${rows} rows, ${(bytes / 1e6).toFixed(0)} MB in ${ms.toFixed(0)} ms`,
    `flusher holds main ${of(heldUs)} (${heldUs.count} times), with waiting for a core ${of(elapsedUs)}`,
    `whole turns ${of(turnUs)}`,
    `${appliedIds} changes applied`,
  ].join("; ");
}
