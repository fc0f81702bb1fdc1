import type { Random } from "../../../../engine/core/random.js";

/** What hurts in a run. Rates are events per virtual second over the whole cluster; 0 = the fault is off. */
export interface FaultRates {
  /** A client's connection is reset. */
  readonly connectionLoss: number;
  /** A client's machine is gone without a word; the client starts again elsewhere in the network's eyes. */
  readonly halfOpen: number;
  /** A datanode and the SCM do not hear each other for less than the stale interval. */
  readonly shortPartition: number;
  /** … until the datanode is dead. */
  readonly longSilence: number;
  /** A datanode's process ends and starts again, sometimes under another address. */
  readonly datanodeRestart: number;
  /** An admin client asks for much and reads nothing. */
  readonly slowReader: number;
  /** The SCM dies: at any moment, or just after it wrote something. */
  readonly scmCrash: number;
  /** The SCM is stopped in order, and started. */
  readonly scmStop: number;
  /** The SCM stands still for a while. */
  readonly scmPause: number;
  readonly shardTermination: number;
  /** The log or the state thread dies: the SCM ends. */
  readonly storageTermination: number;
  /** The log or the state thread is held up. */
  readonly storageStall: number;
  /** A write fails: the SCM ends. */
  readonly diskError: number;
  readonly wallClockJump: number;
  /** The audit log is full for a while: mutations wait. */
  readonly auditStall: number;
}
export type FaultName = keyof FaultRates;

/** Everything that a seed decides about a run beforehand. */
export interface SimOptions {
  readonly rounds: number;
  /** Of the part of a round in which there are faults. */
  readonly roundMs: number;
  readonly datanodeCount: number;
  readonly adminCount: number;
  readonly shardCount: number;
  readonly stripeCount: number;
  /** Datanodes with thousands of replicas, whose reports come in several chunks. */
  readonly largeDatanodeCount: number;
  readonly latencyMsMax: number;
  readonly wakeMsMax: number;
  readonly flushIntervalMs: number;
  readonly logEntryCountMax: number;
  /** Mutations of one admin client a second. */
  readonly mutationRate: number;
  readonly readRate: number;
  /** Replica changes of one datanode a second. */
  readonly changeRate: number;
  /** Between full reports that a datanode sends by itself. */
  readonly fullReportIntervalMs: number;
  /** Of an admin call with all repetitions; when it is short, some outcomes stay unknown. */
  readonly callTimeoutMs: number;
  readonly faults: FaultRates;
}

/** Highest rate of each fault that is drawn. */
const RATES_MAX: FaultRates = {
  connectionLoss: 2,
  halfOpen: 0.4,
  shortPartition: 0.5,
  longSilence: 0.2,
  datanodeRestart: 0.5,
  slowReader: 0.2,
  scmCrash: 0.3,
  scmStop: 0.1,
  scmPause: 0.1,
  shardTermination: 0.3,
  storageTermination: 0.05,
  storageStall: 0.3,
  diskError: 0.05,
  wallClockJump: 0.2,
  auditStall: 0.2,
};

export const NO_FAULTS: FaultRates = mapRates(() => 0);

/** Swarm testing: which faults are on is drawn for each seed, so that rare combinations come up, the one with
 * a single fault among them. */
export function drawOptions(random: Random): SimOptions {
  const shareOn = pick(random, [0, 0.2, 0.4, 0.7]);
  const faults = mapRates((max) => {
    const isOn = random.fraction() < shareOn;
    const rate = max * (0.2 + 0.8 * random.fraction());
    return isOn ? Math.round(rate * 1000) / 1000 : 0;
  });
  return {
    rounds: 2 + random.below(2),
    roundMs: 8_000 + random.below(10_000),
    datanodeCount: 20,
    adminCount: 2,
    shardCount: 1 + random.below(3),
    stripeCount: 2 + random.below(2),
    largeDatanodeCount: pick(random, [0, 0, 1, 2]),
    latencyMsMax: pick(random, [0.5, 2, 10, 60]),
    wakeMsMax: pick(random, [0.05, 0.2, 1, 5]),
    flushIntervalMs: pick(random, [10, 100, 500, 1000]),
    logEntryCountMax: pick(random, [1_000, 1_000_000]),
    mutationRate: pick(random, [2, 8, 20]),
    readRate: pick(random, [1, 4]),
    changeRate: pick(random, [0.2, 1, 3]),
    fullReportIntervalMs: pick(random, [4_000, 10_000, 30_000]),
    callTimeoutMs: pick(random, [600_000, 600_000, 600_000, 3_000]),
    faults,
  };
}

function mapRates(rateOf: (max: number) => number): FaultRates {
  const rates = Object.entries(RATES_MAX).map(([name, max]) => [name, rateOf(max)]);
  return Object.fromEntries(rates) as FaultRates;
}

export function pick<T>(random: Random, choices: readonly T[]): T {
  return choices[random.below(choices.length)] as T;
}
