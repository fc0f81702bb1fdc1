import { ScmGroup, type ScmMember } from "../../test/support/process/scm-group.js";
import { LOOPBACK } from "../../test/support/process/scm-home.js";
import { soon } from "../../test/support/wait.js";
import { FleetPlan } from "../fleet/plan.js";
import type { Metered } from "./cpu-window.js";
import { populate } from "./population.js";
import { readMetrics } from "./prom.js";
import { processCpuNs } from "./thread-cpu.js";

const NODES = 100;
const CAUGHT_UP_LIMIT_MS = 60_000;

export interface GroupUnderTestOptions {
  readonly containerCount: number;
  readonly print: (line: string) => void;
  /** Before anything is started. */
  readonly prepare?: (group: ScmGroup) => Promise<void>;
}

/** Three SCMs on loopback with default configuration, each a process of its own, with containers
 * 1 … `containerCount`. */
export async function startGroup(options: GroupUnderTestOptions): Promise<ScmGroup> {
  const { containerCount, print, prepare } = options;
  const group = await ScmGroup.create({ takesImports: true });
  try {
    await prepare?.(group);
    await group.start();
    const leader = await group.whenLed();
    const containersPerNode = (containerCount * 3) / NODES;
    const plan = new FleetPlan({ nodeCount: NODES, containersPerNode, seed: 1 });
    await populate(leader.endpoint, plan, print);
    return group;
  } catch (error) {
    await group.close();
    throw error;
  }
}

/** The numbers of a member's /prom. */
export function metered(member: ScmMember): Metered {
  return { metrics: () => readMetrics(`http://${LOOPBACK}:${member.httpPort}`) };
}

/** What `work` gave, and the CPU of all threads of each member's process meanwhile, µs, by name. */
export async function cpuUsOf<T>(
  group: ScmGroup,
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly cpuUs: ReadonlyMap<string, number> }> {
  const times = (): number[] => group.members.map(({ process: { pid } }) => processCpuNs(pid));
  const before = times();
  const result = await work();
  const after = times();
  const usOf = (i: number): number => ((after[i] as number) - (before[i] as number)) / 1000;
  return { result, cpuUs: new Map(group.members.map(({ name }, i) => [name, usOf(i)])) };
}

/** Waits until all members have applied what is committed now. */
export async function whenCaughtUp(group: ScmGroup): Promise<void> {
  const leader = await group.whenLed();
  const committed = (await numberOf(leader, "strata_raft_commit_index")) ?? 0;
  for (const member of group.members) {
    const ask = async () =>
      ((await numberOf(member, "strata_raft_applied_index")) ?? -1) >= committed || undefined;
    await soon(`${member.name} catches up`, ask, CAUGHT_UP_LIMIT_MS);
  }
}

async function numberOf(member: ScmMember, name: string): Promise<number | undefined> {
  try {
    return (await metered(member).metrics()).get(name);
  } catch {
    return undefined;
  }
}
