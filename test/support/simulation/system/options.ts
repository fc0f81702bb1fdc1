import type { Random, SeededRandom } from "../../../../engine/core/random.js";

/** What may hurt any cluster. Rates are events per virtual second over the whole cluster; 0 = the fault is
 * off. */
export interface ScmFaultRates {
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

/** What may hurt a group of several SCMs, besides. */
export interface GroupFaultRates {
  /** SCMs do not hear each other, some of them, in one direction or in both. */
  readonly groupPartition: number;
  /** An SCM is cut off from datanodes and administrators, not from its peers. */
  readonly clientPartition: number;
  /** What goes from one SCM to another takes long, or nothing passes for a while. */
  readonly linkTrouble: number;
  /** A connection between two SCMs is reset, with what is on its way. */
  readonly peerLoss: number;
  /** Two or more SCMs die at once, or all. */
  readonly massCrash: number;
  /** An SCM stands still for up to half a minute. */
  readonly longPause: number;
  /** A disk takes nothing any more, and says nothing, until somebody ends the process. */
  readonly endlessStall: number;
  /** A machine's clocks run fast or slow, or its wall clock stands still. */
  readonly clockTrouble: number;
  /** Operators hand leadership over. */
  readonly transfer: number;
  /** Operators let an SCM join, or leave. */
  readonly membership: number;
  /** A disk forgets or changes what it held, and is replaced, with all that was on it. */
  readonly damage: number;
}
export type FaultRates = ScmFaultRates & GroupFaultRates;
export type FaultName = keyof FaultRates;

/** Everything that a seed decides about a run beforehand. */
export interface SimOptions {
  /** SCMs at the beginning. */
  readonly groupSize: number;
  readonly rounds: number;
  /** Of the part of a round in which there are faults. */
  readonly roundMs: number;
  readonly datanodeCount: number;
  readonly adminCount: number;
  /** Clients that allocate blocks. */
  readonly writerCount: number;
  readonly shardCount: number;
  readonly stripeCount: number;
  /** Datanodes with thousands of replicas, whose reports come in several chunks. */
  readonly largeDatanodeCount: number;
  /** Datanodes with room for few of the containers that SCMs create. */
  readonly smallDatanodeCount: number;
  /** … for so many. */
  readonly smallDatanodeSlots: number;
  /** Half of the time for which a datanode keeps room for a container that it has not shown. */
  readonly pendingRollMs: number;
  readonly latencyMsMax: number;
  readonly wakeMsMax: number;
  readonly flushIntervalMs: number;
  readonly logEntryCountMax: number;
  /** Mutations of one admin client a second. */
  readonly mutationRate: number;
  readonly readRate: number;
  /** Calls of one admin client a second on things that all of them use. */
  readonly hotRate: number;
  /** Requests for blocks of one writer a second. */
  readonly blockRate: number;
  /** RATIS/THREE pipelines of a datanode. */
  readonly pipelineLimit: number;
  /** Replica changes of one datanode a second. */
  readonly changeRate: number;
  /** Replicas of containers that do not exist are deleted. */
  readonly deletesUnknown: boolean;
  /** Between full reports that a datanode sends by itself. */
  readonly fullReportIntervalMs: number;
  /** Of an admin call with all repetitions; when it is short, some outcomes stay unknown. */
  readonly callTimeoutMs: number;
  readonly faults: FaultRates;
}

/** Highest rate of each fault that is drawn. */
const RATES_MAX: ScmFaultRates = {
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

const GROUP_RATES_MAX: GroupFaultRates = {
  groupPartition: 0.3,
  clientPartition: 0.2,
  linkTrouble: 0.5,
  peerLoss: 0.5,
  massCrash: 0.1,
  longPause: 0.05,
  endlessStall: 0.05,
  clockTrouble: 0.2,
  transfer: 0.3,
  membership: 0.3,
  damage: 0.08,
};

const NO_GROUP_FAULTS = mapRates(GROUP_RATES_MAX, () => 0);
export const NO_FAULTS: FaultRates = { ...mapRates(RATES_MAX, () => 0), ...NO_GROUP_FAULTS };
export const FAULT_NAMES = Object.keys(NO_FAULTS) as readonly FaultName[];

const GROUP_SIZES = [1, 1, 2, 3, 3, 3, 3, 3, 4, 5];

/** Swarm testing: which faults are on is drawn for each seed, so that rare combinations come up, the one with
 * a single fault among them. `size` takes the place of the drawn size of the group. */
export function drawOptions(random: SeededRandom, size?: number): SimOptions {
  const shareOn = pick(random, [0, 0.2, 0.4, 0.7]);
  const faults = mapRates(RATES_MAX, (max) => drawRate(random, max, shareOn));
  const group = random.stream("group");
  const drawnSize = pick(group, GROUP_SIZES);
  const groupSize = size ?? drawnSize;
  const groupFaults = mapRates(GROUP_RATES_MAX, (max) => drawRate(group, max, shareOn));
  const isLone = groupSize === 1;
  const blocks = random.stream("blocks");
  const room = random.stream("room");
  // What one does costs as much for each SCM.
  const loneRun = [2 + random.below(2), 8_000 + random.below(10_000)] as const;
  const [rounds, roundMs] = isLone ? loneRun : [1 + group.below(2), 4_000 + group.below(8_000)];
  const entryCountMax = pick(random, [1_000, 1_000_000]);
  const datanodeCount = isLone ? 20 : 3 + group.below(8);
  const smallShare = pick(room, [0, 0, 0.4, 1]);
  return {
    groupSize,
    rounds,
    roundMs,
    datanodeCount,
    adminCount: isLone ? 2 : 2 + group.below(2),
    writerCount: 1 + blocks.below(3),
    blockRate: pick(blocks, [0, 1, 4, 15]),
    pipelineLimit: pick(blocks, [2, 2, 5]),
    shardCount: 1 + random.below(3),
    stripeCount: 2 + random.below(2),
    largeDatanodeCount: pick(random, [0, 0, 1, 2]),
    smallDatanodeCount: Math.ceil(smallShare * datanodeCount),
    smallDatanodeSlots: pick(room, [2, 5, 12]),
    pendingRollMs: smallShare === 0 ? 300_000 : pick(room, [5_000, 300_000]),
    latencyMsMax: pick(random, [0.5, 2, 10, 60]),
    wakeMsMax: pick(random, [0.05, 0.2, 1, 5]),
    flushIntervalMs: pick(random, [10, 100, 500, 1000]),
    logEntryCountMax: isLone ? entryCountMax : pick(group, [20, 100, 1_000, 1_000_000]),
    mutationRate: pick(random, [2, 8, 20]),
    readRate: pick(random, [1, 4]),
    hotRate: pick(group, [1, 5, 15]),
    changeRate: pick(random, [0.2, 1, 3]),
    deletesUnknown: random.stream("unknown").below(6) === 0,
    fullReportIntervalMs: pick(random, [4_000, 10_000, 30_000]),
    callTimeoutMs: pick(random, [600_000, 600_000, 600_000, 3_000]),
    faults: { ...faults, ...(isLone ? NO_GROUP_FAULTS : groupFaults) },
  };
}

function drawRate(random: Random, max: number, shareOn: number): number {
  const isOn = random.fraction() < shareOn;
  const rate = max * (0.2 + 0.8 * random.fraction());
  return isOn ? Math.round(rate * 1000) / 1000 : 0;
}

function mapRates<T extends object>(max: T, rateOf: (max: number) => number): T {
  return Object.fromEntries(Object.entries(max).map(([name, rate]) => [name, rateOf(rate)])) as T;
}

export function pick<T>(random: Random, choices: readonly T[]): T {
  return choices[random.below(choices.length)] as T;
}
