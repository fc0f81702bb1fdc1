import type { FleetSummary } from "../../../bench/fleet/fleet-runner.js";
import type { ResponseOf } from "../../../protocol/client/index.js";
import type { Workload } from "./workload.js";

/** One look at everything. */
export interface Sample {
  readonly atMs: number;
  readonly info: ResponseOf<"scmInfo">;
  readonly fleet: FleetSummary;
  readonly workload: Pick<Workload, "count" | "failedCount" | "commitUs">;
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
    `  replicas     ${n(info.replicaCount)} of ${n(info.containerCount)} containers, ` +
      `${n(info.pipelineCount)} pipelines`,
    `  operations   ${rate((s) => s.workload.count)}/s durable, p50 ${commitP50}, p99 ${commitP99}, ` +
      `${n(workload.count)} acknowledged`,
    `  log          ${rate((s) => s.info.logBatchCount)} fsyncs/s, index ${applied}, ` +
      `on disk as state up to ${onDisk}`,
  ];
}

/** The same in one line, for everything that is no terminal. */
export function lineOf(now: Sample, before: Sample | undefined, nodeCount: number): string {
  const { info, fleet, workload } = now;
  const rate = (pick: (sample: Sample) => number): string => perSecond(now, before, pick);
  return [
    `datanodes ${fleet.registered}/${nodeCount} healthy ${info.healthyNodeCount}`,
    `heartbeats ${rate((s) => s.info.heartbeatCount)}/s p99 ${ms(fleet.latencyP99Us)}`,
    `replicas ${n(info.replicaCount)}`,
    `rows ${rate((s) => s.info.reportRowCount)}/s`,
    `operations ${rate((s) => s.workload.count)}/s p99 ${ms(workload.commitUs.percentile(0.99))}`,
    `fsyncs ${rate((s) => s.info.logBatchCount)}/s`,
    `index ${n(info.appliedIndex)}`,
  ].join(" | ");
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
