import { mkdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { FaultyNetwork } from "../../test/support/chaos/faulty-network.js";
import { NO_SHIM, Shim } from "../../test/support/disk-faults/shim.js";
import type { ScmGroup, ScmMember } from "../../test/support/process/scm-group.js";
import type { Bench, BenchContext } from "../harness/bench.js";
import type { Figure } from "../harness/figure.js";
import { startGroup, whenCaughtUp } from "../harness/group-under-test.js";
import { percentile } from "../harness/histogram.js";
import { CheckedWriters, REQUEST_TIMEOUT_MS } from "../load/checked-writers.js";
import { DeafLeader, type GroupFault, processFaults, StalledDisks } from "../load/group-faults.js";

const RUNS = 100;
const WRITERS = 4;
const CONTAINERS = 100;
/** Before each fault: all members may vote again (for an election timeout after a start they do not), and its
 * moment within the leader's work is any. */
const CALM_MS = { least: 1_000, random: 500 } as const;
/** The others serve again within this, or the run has failed. */
const RECOVERY_LIMIT_MS = 30_000;
const LOOK_MS = 5;

/** The pauses that clients see when the leader fails, over and over; and that nothing is lost, done twice or
 * shown stale meanwhile. */
export const failover: Bench = {
  name: "failover",
  doc: "gap between writes: leader killed, stopped, deaf, with a stalled disk; transfer, SIGTERM",
  async run(context: BenchContext): Promise<readonly Figure[]> {
    const { print, only = "", runs = RUNS } = context;
    print(
      `${WRITERS} writers, each one operation at a time in a session; client request timeout ` +
        `${REQUEST_TIMEOUT_MS} ms; election timeout 1 s; ${runs} runs each`,
    );
    const figures: Figure[] = [];
    for (const kind of KINDS) {
      if (kind.name.includes(only)) figures.push(...(await measureKind(kind, runs, context)));
    }
    return figures;
  },
};

/** A fault with a group that is ready for it. */
interface Kind {
  readonly name: GroupFault["name"];
  /** Undefined when it cannot be had here; it has said so. */
  prepare(context: BenchContext): Promise<Prepared | undefined>;
}

interface Prepared {
  readonly group: ScmGroup;
  readonly fault: GroupFault;
  close(): Promise<void>;
}

const KINDS: readonly Kind[] = [
  ...["kill9", "sigstop"].map(onProcesses),
  { name: "deaf", prepare: prepareDeaf },
  { name: "stall", prepare: prepareStall },
  ...["transfer", "sigterm"].map(onProcesses),
];

function onProcesses(name: string): Kind {
  return {
    name,
    prepare: async ({ print }) => {
      const group = await startGroup({ containerCount: CONTAINERS, print });
      const fault = processFaults(group).find((each) => each.name === name) as GroupFault;
      return { group, fault, close: () => group.close() };
    },
  };
}

async function prepareDeaf({ print }: BenchContext): Promise<Prepared> {
  const network = new FaultyNetwork();
  const deaf = new DeafLeader(network);
  try {
    const prepare = (group: ScmGroup): Promise<void> => deaf.join(group);
    const group = await startGroup({ containerCount: CONTAINERS, print, prepare });
    const close = async (): Promise<void> => {
      await group.close();
      network.close();
    };
    return { group, fault: deaf.fault(), close };
  } catch (error) {
    network.close();
    throw error;
  }
}

async function prepareStall({ print, directory }: BenchContext): Promise<Prepared | undefined> {
  mkdirSync(directory, { recursive: true });
  const shim = Shim.build(directory);
  if (shim === undefined) {
    print(`stall: left out, ${NO_SHIM}`);
    return undefined;
  }
  let disks: StalledDisks | undefined;
  const group = await startGroup({
    containerCount: CONTAINERS,
    print,
    prepare: async (made) => {
      const stalled = new StalledDisks(shim, made);
      disks = stalled;
      made.processOptions = (member) => stalled.processOptions(member);
    },
  });
  return { group, fault: (disks as unknown as StalledDisks).fault(), close: () => group.close() };
}

async function measureKind(kind: Kind, runCount: number, context: BenchContext): Promise<Figure[]> {
  const prepared = await kind.prepare(context);
  if (prepared === undefined) return [];
  const { group, fault } = prepared;
  const writers = new CheckedWriters(group.endpoints, WRITERS);
  const gaps: number[] = [];
  try {
    writers.start();
    for (let run = 1; run <= runCount; run++) {
      const gapMs = await failOver(group, fault, writers).catch((error: unknown) => {
        const text = error instanceof Error ? error.message : String(error);
        throw new Error(`${fault.name}, run ${run}: ${text}`, { cause: error });
      });
      gaps.push(gapMs);
    }
    await writers.stop();
    writers.throwProblem();
    await writers.check();
  } finally {
    await prepared.close();
  }
  const { lost, repeated, stale } = writers.wrongs;
  const sorted = [...gaps].sort((a, b) => a - b).map((gap) => gap.toFixed(0));
  context.print(`${fault.name} (${fault.doc}): gaps in ms: ${sorted.join(" ")}`);
  context.print(
    `${fault.name}: ${writers.acknowledgedCount} writes acknowledged; ` +
      `lost ${lost}, repeated ${repeated}, stale reads ${stale}`,
  );
  return figuresOf(fault, gaps, lost + repeated + stale);
}

/** One fault from its beginning until all is well again. Answers the longest gap that a client saw, ms. */
async function failOver(group: ScmGroup, fault: GroupFault, writers: CheckedWriters): Promise<number> {
  await whenCaughtUp(group);
  const leader = await group.whenLed();
  await sleep(CALM_MS.least + Math.random() * CALM_MS.random);
  writers.throwProblem();
  writers.resetGaps();
  const beganMs = performance.now();
  await fault.begin(leader);
  await whenServed(group, leader, writers, beganMs);
  await sleep(fault.lastsMs);
  const ended = (async () => {
    await fault.end(leader);
    await whenCaughtUp(group);
  })();
  // Whoever led before must not show what has changed since.
  await Promise.all([ended, writers.watch(leader.endpoint, ended)]);
  writers.throwProblem();
  return writers.gapMs();
}

/** Waits until another member leads and every writer has an answer of it. */
async function whenServed(
  group: ScmGroup,
  old: ScmMember,
  writers: CheckedWriters,
  beganMs: number,
): Promise<void> {
  const dueMs = beganMs + RECOVERY_LIMIT_MS;
  const others = group.members.filter((member) => member !== old);
  for (;;) {
    if (performance.now() > dueMs) throw new Error("nobody else serves");
    writers.throwProblem();
    const answers = await Promise.all(others.map((member) => member.roles()));
    const isLedByOther = answers.some((answer) =>
      answer?.peers.some(({ role, ratisPort }) => role === "LEADER" && ratisPort !== old.raftPort),
    );
    if (isLedByOther) break;
    await sleep(LOOK_MS);
  }
  const ledMs = performance.now();
  while (!writers.haveAnsweredSince(ledMs)) {
    if (performance.now() > dueMs) throw new Error("a writer gets no answer");
    writers.throwProblem();
    await sleep(LOOK_MS);
  }
}

function figuresOf(
  { name, p50SecondsMax, secondsMax }: GroupFault,
  gaps: readonly number[],
  wrongCount: number,
): Figure[] {
  const p50 = { name: `failover.${name}.p50`, value: percentile(gaps, 0.5) / 1000, unit: "s" };
  return [
    p50SecondsMax === undefined ? p50 : { ...p50, target: { comparison: "≤", value: p50SecondsMax } },
    {
      name: `failover.${name}.max`,
      value: Math.max(...gaps) / 1000,
      unit: "s",
      target: { comparison: "≤", value: secondsMax },
    },
    {
      name: `failover.${name}.wrong`,
      value: wrongCount,
      unit: "answers",
      target: { comparison: "≤", value: 0 },
    },
  ];
}
