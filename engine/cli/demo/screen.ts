import type { FleetSummary } from "../../../bench/fleet/fleet-runner.js";
import type { ResponseOf } from "../../../protocol/client/index.js";
import type { ContainerState } from "../../core/enums.js";
import type { BlockWriter } from "./block-writer.js";
import type { Workload } from "./workload.js";

/** One look at everything. */
export interface Sample {
  readonly atMs: number;
  readonly info: ResponseOf<"scmInfo">;
  readonly fleet: FleetSummary;
  readonly containers: ResponseOf<"containerReport">;
  readonly workload: Pick<Workload, "count" | "failedCount" | "commitUs">;
  readonly blocks: Pick<BlockWriter, "allocatedCount" | "failedCount" | "trouble" | "allocationUs">;
}

const NUMBER = new Intl.NumberFormat("en-US");

/** The live table for a terminal; one text line a row. */
export function tableOf(now: Sample, before: Sample | undefined, nodeCount: number): string[] {
  const { info, fleet, workload } = now;
  const rate = (pick: (sample: Sample) => number): string => perSecond(now, before, pick);
  const { commitUs } = workload;
  const [beatP50, beatP99] = [ms(fleet.latencyP50Us), ms(fleet.latencyP99Us)];
  const [commitP50, commitP99] = [ms(commitUs.percentile(0.5)), ms(commitUs.percentile(0.99))];
  const [full, incremental] = [n(fleet.fullReports), n(fleet.incrementalReports)];
  const [applied, onDisk] = [n(info.appliedIndex), n(info.durableAppliedIndex)];
  return [
    `  datanodes    ${n(fleet.registered)} of ${n(nodeCount)} registered, ` +
      `${n(info.healthyNodeCount)} healthy`,
    `  heartbeats   ${rate((s) => s.info.heartbeatCount)}/s, p50 ${beatP50}, p99 ${beatP99}`,
    `  reports      ${full} full, ${incremental} incremental, ${rate((s) => s.info.reportRowCount)} rows/s`,
    `  pipelines    ${pipelinesText(now)}`,
    `  blocks       ${rate((s) => s.blocks.allocatedCount)}/s allocated, ${blocksText(now)}`,
    `  containers   ${containersText(now)}`,
    `  replicas     ${n(info.replicaCount)} of ${n(info.containerCount)} containers`,
    `  operations   ${rate((s) => s.workload.count)}/s durable, p50 ${commitP50}, p99 ${commitP99}, ` +
      `${n(workload.count)} acknowledged`,
    `  log          ${rate((s) => s.info.logBatchCount)} fsyncs/s, index ${applied}, ` +
      `on disk as state up to ${onDisk}`,
  ];
}

/** The same in one line, for everything that is no terminal. */
export function lineOf(now: Sample, before: Sample | undefined, nodeCount: number): string {
  const { info, fleet, workload, blocks } = now;
  const rate = (pick: (sample: Sample) => number): string => perSecond(now, before, pick);
  return [
    `datanodes ${fleet.registered}/${nodeCount} healthy ${info.healthyNodeCount}`,
    `heartbeats ${rate((s) => s.info.heartbeatCount)}/s p99 ${ms(fleet.latencyP99Us)}`,
    `pipelines ${n(info.pipelineCounts?.open ?? 0)} open`,
    `blocks ${rate((s) => s.blocks.allocatedCount)}/s p99 ${ms(blocks.allocationUs.percentile(0.99))}`,
    `containers ${n(inState(now, "OPEN"))} open`,
    `replicas ${n(info.replicaCount)}`,
    `rows ${rate((s) => s.info.reportRowCount)}/s`,
    `operations ${rate((s) => s.workload.count)}/s p99 ${ms(workload.commitUs.percentile(0.99))}`,
    `fsyncs ${rate((s) => s.info.logBatchCount)}/s`,
    `index ${n(info.appliedIndex)}`,
  ].join(" | ");
}

export function pipelinesText({ info }: Sample): string {
  const { allocated = 0, open = 0, dormant = 0, closed = 0 } = info.pipelineCounts ?? {};
  const rare = dormant === 0 ? "" : `, ${n(dormant)} dormant`;
  return `${n(open)} open, ${n(allocated)} allocated, ${n(closed)} closed${rare}`;
}

export function containersText(sample: Sample): string {
  const closed = n(inState(sample, "CLOSED"));
  return `${n(inState(sample, "OPEN"))} open, ${n(inState(sample, "CLOSING"))} closing, ${closed} closed`;
}

/** What became of the blocks that were allocated, as the datanodes count. */
export function blocksText({ blocks, fleet }: Sample): string {
  const { allocationUs, failedCount, trouble } = blocks;
  const times = `p50 ${ms(allocationUs.percentile(0.5))}, p99 ${ms(allocationUs.percentile(0.99))}`;
  const refused = fleet.blocksRefused === 0 ? "" : `, ${n(fleet.blocksRefused)} refused by datanodes`;
  const failed = failedCount === 0 ? "" : `, ${n(failedCount)} not got`;
  const why = trouble === "" ? "" : ` (${trouble})`;
  return `${times}, ${n(fleet.blocksWritten)} written${refused}${failed}${why}`;
}

function inState({ containers }: Sample, state: ContainerState): number {
  return containers.states.find((counted) => counted.state === state)?.containerCount ?? 0;
}

function perSecond(now: Sample, before: Sample | undefined, pick: (sample: Sample) => number): string {
  if (before === undefined) return "0";
  const seconds = (now.atMs - before.atMs) / 1000;
  return n(Math.max(0, Math.round((pick(now) - pick(before)) / seconds)));
}

function n(value: number): string {
  return NUMBER.format(value);
}

function ms(us: number): string {
  return `${(us / 1000).toFixed(2)} ms`;
}
