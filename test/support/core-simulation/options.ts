import { term } from "../../../engine/core/ids.js";
import type { Random } from "../../../engine/core/random.js";
import type { NodeId, RaftConfig } from "../../../engine/raft/types.js";

/** Kinds of trouble. Rates are events in 1,000 ticks over the whole cluster; 0 = off. */
export interface CoreFaultRates {
  /** A replica's machine loses power, and comes back some time later. */
  readonly crash: number;
  /** … at the moment its log thread begins a write, or has just finished one. */
  readonly crashAtSync: number;
  /** Most replicas at once, or all. */
  readonly massCrash: number;
  readonly partition: number;
  /** One process stands still. */
  readonly pause: number;
  /** A log thread hangs, or is slow for a while. */
  readonly diskStall: number;
  readonly applyStall: number;
  /** A clock goes slower for a while. */
  readonly slowClock: number;
  /** A disk is harmed beyond what is legal. */
  readonly damage: number;
  /** Messages get lost, … */
  readonly loss: number;
  readonly duplication: number;
  /** … are late by many election timeouts, so that they outlive restarts, … */
  readonly lateness: number;
  /** … and overtake each other. */
  readonly reordering: number;
  /** State on its way to a follower is lost, late, or there is none to send just now. */
  readonly snapshotTrouble: number;
}
export type CoreFaultName = keyof CoreFaultRates;

/** Everything that a seed decides about a run beforehand. Times are in units; TICK_UNITS are a tick. */
export interface CoreSimOptions {
  /** Steps with faults; then everything heals. */
  readonly steps: number;
  readonly voterCount: number;
  /** Share of the replicas whose storage is written by others. */
  readonly asyncShare: number;
  readonly electionTimeoutTicks: number;
  readonly heartbeatTicks: number;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
  readonly appendBytesMax: number;
  readonly inflightCountMax: number;
  readonly uncommittedBytesMax: number;
  readonly committedBytesPerReadyMax: number;
  readonly latencyMax: number;
  readonly syncMax: number;
  readonly applyMax: number;
  /** Between the end of a step and the end of its turn: several steps may share one Ready. */
  readonly turnMax: number;
  readonly flushIntervalMax: number;
  /** Entries that stay in the log after a flush, at most. */
  readonly keptEntriesMax: number;
  readonly markInterval: number;
  /** A change of the commit index alone is written, unsynced; else it rides with the next append. */
  readonly writesCommit: boolean;
  /** Of reads of applied entries that must be fetched first. */
  readonly fetchShare: number;
  /** In 1,000 ticks. */
  readonly proposalRate: number;
  readonly payloadBytesMax: number;
  readonly readRate: number;
  readonly membershipRate: number;
  readonly transferRate: number;
  /** Campaigns out of turn, and followers that forget their leader. */
  readonly disturbanceRate: number;
  readonly faults: CoreFaultRates;
}

/** Highest rate of each kind that is drawn; of those that befall messages, the highest share of them. */
const RATES_MAX: CoreFaultRates = {
  crash: 30,
  crashAtSync: 40,
  massCrash: 6,
  partition: 25,
  pause: 15,
  diskStall: 15,
  applyStall: 15,
  slowClock: 10,
  damage: 8,
  loss: 0.2,
  duplication: 0.2,
  lateness: 0.05,
  reordering: 1,
  snapshotTrouble: 0.6,
};

export const NO_CORE_FAULTS: CoreFaultRates = mapRates(() => 0);
export const CORE_FAULT_NAMES = Object.keys(RATES_MAX) as readonly CoreFaultName[];

const STEPS = 20_000;

/** Swarm testing: what is on is drawn for each seed, so that rare combinations come up. */
export function drawCoreOptions(random: Random): CoreSimOptions {
  const shareOn = pick(random, [0, 0.3, 0.5, 0.7, 0.9]);
  const faults = mapRates((max) => {
    const isOn = random.fraction() < shareOn;
    const rate = max * (0.1 + 0.9 * random.fraction());
    return isOn ? Math.round(rate * 1000) / 1000 : 0;
  });
  const appendBytesMax = pick(random, [1, 100, 400, 4_000, 1_000_000]);
  return {
    steps: STEPS,
    voterCount: pick(random, [1, 2, 3, 3, 3, 3, 4, 5, 5, 5, 6, 7]),
    asyncShare: pick(random, [1, 1, 1, 0.5, 0]),
    electionTimeoutTicks: pick(random, [5, 10, 10]),
    heartbeatTicks: pick(random, [1, 1, 2]),
    preVote: random.below(8) > 0,
    checkQuorum: random.below(8) > 0,
    appendBytesMax,
    // One entry in each message and one message at a time would catch up with nothing in the end.
    inflightCountMax: pick(random, appendBytesMax === 1 ? [8, 256] : [1, 2, 8, 256]),
    uncommittedBytesMax: pick(random, [200, 1_000, 1_000_000]),
    committedBytesPerReadyMax: pick(random, [1, 100, 1_000, 1_000_000]),
    latencyMax: pick(random, [2, 8, 20, 60]),
    syncMax: pick(random, [1, 4, 20, 60]),
    applyMax: pick(random, [1, 4, 40]),
    turnMax: pick(random, [0, 0, 1, 4]),
    flushIntervalMax: pick(random, [40, 200, 1_000]),
    keptEntriesMax: pick(random, [1, 10, 50, 1_000]),
    markInterval: pick(random, [1, 40, 200]),
    writesCommit: random.below(2) === 0,
    fetchShare: pick(random, [0, 0, 0.1, 0.5]),
    proposalRate: pick(random, [100, 500, 2_000, 4_000]),
    payloadBytesMax: pick(random, [4, 40, 100]),
    readRate: pick(random, [0, 50, 500]),
    membershipRate: pick(random, [0, 0, 10, 40, 100]),
    transferRate: pick(random, [0, 0, 5, 20]),
    disturbanceRate: pick(random, [0, 0, 5, 20]),
    faults,
  };
}

/** Of one replica's core. */
export function raftConfigOf(id: NodeId, isAsync: boolean, options: CoreSimOptions): RaftConfig {
  return {
    id,
    electionTimeoutTicks: options.electionTimeoutTicks,
    heartbeatTicks: options.heartbeatTicks,
    asyncStorageWrites: isAsync,
    preVote: options.preVote,
    checkQuorum: options.checkQuorum,
    readOnly: "safe",
    appendBytesMax: options.appendBytesMax,
    inflightLimits: {
      countMax: options.inflightCountMax,
      bytesMax: Math.max(options.appendBytesMax, 4_000),
    },
    stepDownOnRemoval: true,
    disableConfChangeValidation: false,
    entryBytesMax: 100,
    uncommittedBytesMax: options.uncommittedBytesMax,
    committedBytesPerReadyMax: options.committedBytesPerReadyMax,
    termFloor: term(0),
  };
}

function mapRates(rateOf: (max: number) => number): CoreFaultRates {
  const rates = Object.entries(RATES_MAX).map(([name, max]) => [name, rateOf(max)]);
  return Object.fromEntries(rates) as CoreFaultRates;
}

export function pick<T>(random: Random, choices: readonly T[]): T {
  return choices[random.below(choices.length)] as T;
}
