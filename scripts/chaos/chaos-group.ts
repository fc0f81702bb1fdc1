import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { FaultyNetwork } from "../../test/support/chaos/faulty-network.js";
import { type ProcessShims, ShimLibraries } from "../../test/support/chaos/process-shims.js";
import { SmallDisk } from "../../test/support/disk-faults/small-disk.js";
import { ScmGroup, type ScmMember } from "../../test/support/process/scm-group.js";
import { runCommand } from "../../test/support/process/strata-process.js";
import { soon } from "../../test/support/wait.js";
import { MemberLink } from "./member-link.js";

const NAMES = ["a", "b", "c"];
const LATER_NAME = "d";
/** Whose directory lies on a disk that can be full. */
const SMALL_DISK_NAME = "c";
/** Flushes, truncations and so snapshots happen all the time. */
const SETTINGS = [
  "strata.state.flush.interval=50ms",
  "strata.state.flush.items.max=64",
  "strata.raft.log.entries.max=1000",
  "strata.shard.count=1",
  "strata.ring.state.size=1MB",
  "strata.audit.buffer.max=64KB",
];
const CONVERGE_LIMIT_MS = 30_000;
const LEADER_LIMIT_MS = 20_000;
const STOP_LIMIT_MS = 20_000;
const LOOK_MS = 20;

/** What all members say. */
export interface Converged {
  readonly appliedIndex: number;
  /** Of the membership. */
  readonly version: number;
  readonly members: string;
}

/** Three SCMs, and a fourth that may join, with a network between them and disks under them that can fail. */
export class ChaosGroup {
  readonly group: ScmGroup;
  readonly network: FaultyNetwork;
  /** Undefined where it cannot be had. */
  readonly smallDisk: SmallDisk | undefined;
  /** The members that are in the group now. */
  readonly active = new Set<ScmMember>();
  readonly #shims = new Map<string, ProcessShims>();
  readonly #links = new Map<string, MemberLink>();
  readonly #workplace: string;
  /** Of each member, the highest that it has told. */
  readonly #highest = new Map<string, { readonly term: number; readonly appliedIndex: number }>();

  /** Running, with three voters. */
  static async start(): Promise<ChaosGroup> {
    const workplace = mkdtempSync(join(tmpdir(), "strata-chaos-"));
    const smallDisk = await SmallDisk.mount(join(workplace, "small-disk"));
    const small = smallDisk === undefined ? undefined : join(smallDisk.directory, SMALL_DISK_NAME);
    const group = await ScmGroup.create({
      names: NAMES,
      laterNames: [LATER_NAME],
      takesImports: true,
      settings: SETTINGS,
      parent: workplace,
      ...(small === undefined ? {} : { directories: { [SMALL_DISK_NAME]: small } }),
    });
    const network = new FaultyNetwork();
    const chaos = new ChaosGroup(group, network, smallDisk, workplace);
    try {
      await chaos.#connect();
      await group.start();
      for (const name of NAMES) chaos.active.add(group.member(name));
      return chaos;
    } catch (error) {
      await chaos.end();
      throw new Error(`the group did not start; kept in ${workplace}`, { cause: error });
    }
  }

  private constructor(
    group: ScmGroup,
    network: FaultyNetwork,
    smallDisk: SmallDisk | undefined,
    workplace: string,
  ) {
    this.group = group;
    this.network = network;
    this.smallDisk = smallDisk;
    this.#workplace = workplace;
    const libraries = ShimLibraries.build(workplace);
    for (const { name } of group.members) {
      const shims = libraries?.forProcess(join(group.directory, name));
      if (shims !== undefined) this.#shims.set(name, shims);
    }
    group.processOptions = ({ name }) => {
      const shims = this.#shims.get(name);
      return shims === undefined ? {} : { prefix: shims.prefix };
    };
  }

  /** Where logs and metadata are. */
  get directory(): string {
    return this.#workplace;
  }

  get hasShims(): boolean {
    return this.#shims.size > 0;
  }

  /** The member whose disk can be full, while it is in the group. */
  get onSmallDisk(): ScmMember | undefined {
    const member = this.group.member(SMALL_DISK_NAME);
    return this.smallDisk !== undefined && this.active.has(member) ? member : undefined;
  }

  get members(): ScmMember[] {
    return [...this.active];
  }

  others(than: ScmMember): ScmMember[] {
    return this.members.filter((member) => member !== than);
  }

  shimsOf({ name }: ScmMember): ProcessShims {
    const shims = this.#shims.get(name);
    if (shims === undefined) throw new Error("there is no C compiler");
    return shims;
  }

  link({ name, endpoint }: ScmMember): MemberLink {
    let link = this.#links.get(name);
    if (link === undefined) {
      link = new MemberLink(endpoint);
      this.#links.set(name, link);
    }
    return link;
  }

  /** Who leads and serves, by its own account; of several the one with the highest term. */
  async leader(): Promise<ScmMember> {
    const ask = async () => {
      const answers = await Promise.all(
        this.members.map(async (member) => {
          const answer = member.isAlive ? await this.link(member).ask("findLeader", {}) : undefined;
          return { member, term: answer?.isLeader === true ? answer.term : -1 };
        }),
      );
      const { member, term } = answers.reduce((a, b) => (b.term > a.term ? b : a));
      return term >= 0 ? member : undefined;
    };
    return await soon("somebody leads", ask, LEADER_LIMIT_MS);
  }

  /** Starts a member that has ended. */
  async restart(member: ScmMember): Promise<void> {
    if (!member.isAlive) await member.start();
  }

  /** Ends what every fault does while it lasts: all ways are whole, all processes go on, all clocks are
   * right, whoever has ended is started again. */
  async heal(): Promise<void> {
    this.network.heal();
    for (const shims of this.#shims.values()) {
      shims.healDisk();
      shims.setClockOffset(0);
    }
    this.smallDisk?.free();
    for (const member of this.members) {
      if (member.isAlive) member.process.signal("SIGCONT");
    }
    await Promise.all(this.members.map((member) => this.restart(member)));
  }

  /** All members have applied the same, have the same state, and know the same members. While the load stands
   * still. */
  async converged(): Promise<Converged> {
    const dueMs = performance.now() + CONVERGE_LIMIT_MS;
    for (;;) {
      const infos = await Promise.all(
        this.members.map(async (member) => ({ member, info: await this.link(member).ask("scmInfo", {}) })),
      );
      const first = infos[0]?.info;
      const told = infos.map(({ member, info }) => {
        const what = info === undefined ? "no answer" : `${info.appliedIndex} ${info.stateHash}`;
        return `${member.name}: ${what}`;
      });
      const isEqual = infos.every(
        ({ info }) => info !== undefined && info.appliedIndex === first?.appliedIndex,
      );
      if (first !== undefined && isEqual) {
        if (infos.some(({ info }) => info?.stateHash !== first.stateHash)) {
          throw new Error(`the states differ: ${told.join(", ")}`);
        }
        for (const { member, info } of infos) if (info !== undefined) this.#checkNumbers(member, info);
        const { appliedIndex } = first;
        const membership = await this.#membership();
        if (membership !== undefined) return { appliedIndex, ...membership };
      }
      if (performance.now() > dueMs) throw new Error(`the members do not converge: ${told.join(", ")}`);
      await sleep(LOOK_MS);
    }
  }

  /** Stops all members in order, verifies their directories, and starts them again. */
  async verify(): Promise<void> {
    for (const member of this.members) await this.stop(member);
    for (const { name, directory } of this.members) {
      const { code, text } = await runCommand(["verify", directory]);
      if (code !== 0) throw new Error(`verify of ${name} ended with ${code}: ${text}`);
    }
    await Promise.all(this.members.map((member) => member.start()));
  }

  /** Ends a member by SIGTERM. */
  async stop(member: ScmMember): Promise<void> {
    const { process } = member;
    process.signal("SIGTERM");
    const ending = await Promise.race([process.ended, sleep(STOP_LIMIT_MS, undefined, { ref: false })]);
    if (ending?.code === 0) return;
    throw new Error(`${member.name} ended with ${JSON.stringify(ending)} on SIGTERM`);
  }

  /** A fresh directory for a member that has left. */
  forget(member: ScmMember): void {
    this.active.delete(member);
    this.#highest.delete(member.name);
    member.loseDisk();
  }

  /** Ends all processes and connections. Directories stay, also what was on the small disk. */
  async end(): Promise<void> {
    for (const link of this.#links.values()) link.close();
    await this.group.kill();
    this.network.close();
    if (this.smallDisk === undefined) return;
    this.smallDisk.free();
    const kept = join(this.#workplace, "small-disk-copy");
    mkdirSync(kept, { recursive: true });
    cpSync(this.smallDisk.directory, kept, { recursive: true });
    await this.smallDisk.unmount();
  }

  /** Removes all directories; after `end`. */
  remove(): void {
    rmSync(this.#workplace, { recursive: true, force: true });
  }

  async #connect(): Promise<void> {
    const { members } = this.group;
    const ports = new Map<string, number>();
    for (const from of members) {
      for (const to of members) {
        if (from === to) continue;
        ports.set(`${from.name} ${to.name}`, await this.network.portFor(from.name, to.name, to.raftPort));
      }
    }
    this.group.raftPortOf = (by, of) => ports.get(`${by.name} ${of.name}`) ?? of.raftPort;
  }

  /** As all members know it; undefined when not all know the same. */
  async #membership(): Promise<Omit<Converged, "appliedIndex"> | undefined> {
    const answers = await Promise.all(this.members.map((member) => this.link(member).ask("scmRoles", {})));
    const texts = answers.map((answer) => {
      const peers = answer?.peers.map(
        ({ nodeId, role }) => `${nodeId}${role === "LEARNER" ? " learns" : ""}`,
      );
      return `${answer?.configVersion} ${answer?.isJoint === true ? "joint " : ""}${peers?.join(", ")}`;
    });
    const [first] = answers;
    const [text = ""] = texts;
    const isSame = first !== undefined && texts.every((each) => each === text);
    if (!isSame || first.isJoint || text.includes("learns")) return undefined;
    if (first.peers.length !== this.active.size) throw new Error(`the members are ${text}`);
    return { version: first.configVersion ?? 0, members: text };
  }

  #checkNumbers({ name }: ScmMember, { term, appliedIndex }: { term: number; appliedIndex: number }): void {
    const highest = this.#highest.get(name) ?? { term: 0, appliedIndex: 0 };
    if (term < highest.term) throw new Error(`${name} is at term ${term} after ${highest.term}`);
    if (appliedIndex < highest.appliedIndex) {
      throw new Error(`${name} has applied ${appliedIndex} after ${highest.appliedIndex}`);
    }
    this.#highest.set(name, { term, appliedIndex });
  }
}
