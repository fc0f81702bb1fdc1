import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAdminClient, type ResponseOf } from "../../../protocol/client/index.js";
import { freePort, LOOPBACK, serving } from "./scm-home.js";
import { type Ending, runStrata, StrataProcess, type StrataProcessOptions } from "./strata-process.js";

const SERVICE = "s";
const NAMES: readonly string[] = ["a", "b", "c"];
const GROUP_LIMIT_MS = 60_000;
const LOOK_MS = 50;
const LOOK_TIMEOUT_MS = 1_000;

export interface ScmGroupOptions {
  /** Of the members, the first of which is initialised. */
  readonly names?: readonly string[];
  /** `key=value`, of all members. */
  readonly settings?: readonly string[];
  /** The group takes imports of another cluster. */
  readonly takesImports?: boolean;
  /** Where the members' directories are made. */
  readonly parent?: string;
}

/** One SCM of a group: a metadata directory and ports that stay the same from start to start. */
export class ScmMember {
  readonly name: string;
  readonly directory: string;
  readonly wsPort: number;
  readonly httpPort: number;
  readonly raftPort: number;
  readonly logFile: string;
  readonly #group: ScmGroup;
  #process: StrataProcess | undefined;

  constructor(group: ScmGroup, name: string, ports: readonly [number, number, number]) {
    this.#group = group;
    this.name = name;
    this.directory = join(group.directory, name);
    this.logFile = join(group.directory, `${name}.log`);
    [this.wsPort, this.httpPort, this.raftPort] = ports;
  }

  /** For clients. */
  get endpoint(): string {
    return `ws://${LOOPBACK}:${this.wsPort}`;
  }

  /** The process that was started last. Throws when there is none. */
  get process(): StrataProcess {
    if (this.#process === undefined) throw new Error(`${this.name} was not started`);
    return this.#process;
  }

  get isAlive(): boolean {
    return this.#process?.isAlive === true;
  }

  /** `-D` of every command that works on this member. */
  options(settings: readonly string[] = []): string[] {
    return [
      `ozone.metadata.dirs=${this.directory}`,
      `ozone.scm.node.id=${this.name}`,
      `strata.raft.bind.host=${LOOPBACK}`,
      ...this.#group.settingsFor(this),
      ...settings,
    ].map((setting) => `-D${setting}`);
  }

  /** Runs a command of `strata` on this member's directory to its end. */
  run(...words: readonly string[]): Promise<Ending & { readonly text: string }> {
    return runStrata([...words, ...this.options()]);
  }

  /** Starts the process without waiting for it. */
  spawn(settings: readonly string[] = [], options: StrataProcessOptions = {}): StrataProcess {
    this.#process = new StrataProcess(["scm", ...this.options(settings)], {
      logFile: this.logFile,
      ...options,
    });
    return this.#process;
  }

  /** Starts the process and waits until its ports are open. */
  async start(settings: readonly string[] = [], options: StrataProcessOptions = {}): Promise<StrataProcess> {
    const scm = this.spawn(settings, options);
    await serving(scm);
    return scm;
  }

  /** Ends it where it stands, also when it is stopped by SIGSTOP. */
  async kill(): Promise<void> {
    if (this.isAlive) await this.process.kill();
  }

  /** Members of the group as this one knows them; undefined when it does not answer. */
  async roles(): Promise<ResponseOf<"scmRoles"> | undefined> {
    const timeoutMs = LOOK_TIMEOUT_MS;
    const client = createAdminClient({
      endpoints: [this.endpoint],
      clientName: "group",
      timeoutMs,
      attemptTimeoutMs: timeoutMs,
      handshakeTimeoutMs: timeoutMs,
    });
    try {
      return await client.scmRoles();
    } catch {
      return undefined;
    } finally {
      client.close();
    }
  }
}

/** A group of SCMs on this machine, each a process of its own, in a temporary directory. */
export class ScmGroup {
  readonly directory: string;
  readonly members: readonly ScmMember[];
  /** Where `by` looks for the Raft port of `of`; set it before the start to put something in between. */
  raftPortOf: (by: ScmMember, of: ScmMember) => number = (_, { raftPort }) => raftPort;
  readonly #options: ScmGroupOptions;

  /** Nothing is initialised or started yet. */
  static async create(options: ScmGroupOptions = {}): Promise<ScmGroup> {
    const { names = NAMES } = options;
    const ports = new Set<number>();
    while (ports.size < 3 * names.length) ports.add(await freePort());
    return new ScmGroup(options, names, [...ports]);
  }

  private constructor(options: ScmGroupOptions, names: readonly string[], ports: readonly number[]) {
    this.#options = options;
    this.directory = mkdtempSync(join(options.parent ?? tmpdir(), "strata-group-"));
    this.members = names.map((name, i) => {
      const [ws = 0, http = 0, raft = 0] = ports.slice(3 * i);
      return new ScmMember(this, name, [ws, http, raft]);
    });
  }

  /** For clients, in the order of the names. */
  get endpoints(): string[] {
    return this.members.map(({ endpoint }) => endpoint);
  }

  member(name: string): ScmMember {
    const member = this.members.find((each) => each.name === name);
    if (member === undefined) throw new Error(`there is no member ${name}`);
    return member;
  }

  /** Initialises the first member, has the others join, one after the other, and waits until all may vote.
   * `options` are those of each process. */
  async start(options: (member: ScmMember) => StrataProcessOptions = () => ({})): Promise<void> {
    const [first, ...others] = this.members as [ScmMember, ...ScmMember[]];
    const floors = ["--local-id-floor", "1000", "--term-floor", "5"];
    require0(await first.run("scm", "--init", ...(this.#options.takesImports === true ? floors : [])), first);
    await first.start([], options(first));
    for (const member of others) {
      require0(await member.run("scm", "--bootstrap"), member);
      await member.start([], options(member));
    }
    await this.whenAllVote();
  }

  /** Who leads, by what the members that answer say; undefined when none knows, or they do not agree. */
  async leader(): Promise<ScmMember | undefined> {
    const answers = await Promise.all(
      this.members.filter(({ isAlive }) => isAlive).map((each) => each.roles()),
    );
    const leaders = new Set(
      answers.map((answer) => answer?.peers.find(({ role }) => role === "LEADER")?.ratisPort),
    );
    leaders.delete(undefined);
    if (leaders.size !== 1) return undefined;
    return this.members.find(({ raftPort }) => leaders.has(raftPort));
  }

  async whenLed(): Promise<ScmMember> {
    return await this.#soon("somebody leads", () => this.leader());
  }

  /** Throws when not all members are voters soon. */
  async whenAllVote(): Promise<void> {
    await this.#soon("all members are voters", async () => {
      const roles = await (await this.leader())?.roles();
      const voters = roles?.peers.filter(({ role }) => role === "LEADER" || role === "FOLLOWER");
      return voters?.length === this.members.length ? voters : undefined;
    });
  }

  /** Ends all processes and removes the directory. */
  async close(): Promise<void> {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Ends all processes; the directory stays. */
  async kill(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
  }

  /** What `member` is told about the group. */
  settingsFor(member: ScmMember): string[] {
    const names = this.members.map(({ name }) => name).join(",");
    const nodes = this.members.flatMap((other) => {
      const raftPort = other === member ? member.raftPort : this.raftPortOf(member, other);
      const suffix = `${SERVICE}.${other.name}`;
      return [
        `ozone.scm.address.${suffix}=${LOOPBACK}`,
        `ozone.scm.ratis.port.${suffix}=${raftPort}`,
        `strata.ws.address.${suffix}=${LOOPBACK}:${other.wsPort}`,
        `ozone.scm.http-address.${suffix}=${LOOPBACK}:${other.httpPort}`,
      ];
    });
    const service = [`ozone.scm.service.ids=${SERVICE}`, `ozone.scm.nodes.${SERVICE}=${names}`];
    return [...service, ...nodes, ...(this.#options.settings ?? [])];
  }

  async #soon<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
    const dueMs = performance.now() + GROUP_LIMIT_MS;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (performance.now() > dueMs) throw new Error(`not within ${GROUP_LIMIT_MS} ms: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }
}

function require0({ code, text }: Ending & { readonly text: string }, { name }: ScmMember): void {
  if (code !== 0) throw new Error(`initialising ${name} ended with ${code}: ${text}`);
}
