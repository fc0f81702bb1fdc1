import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAdminClient, type ResponseOf } from "../../../protocol/client/index.js";
import { soon } from "../wait.js";
import { freePort, LOOPBACK, serving } from "./scm-home.js";
import {
  type CommandEnding,
  runCommand,
  StrataProcess,
  type StrataProcessOptions,
} from "./strata-process.js";

const SERVICE = "s";
const NAMES: readonly string[] = ["a", "b", "c"];
const GROUP_LIMIT_MS = 60_000;
const LOOK_TIMEOUT_MS = 1_000;

export interface ScmGroupOptions {
  /** Of the members, the first of which is initialised. */
  readonly names?: readonly string[];
  /** Of others that are configured, and join when `join` is called. */
  readonly laterNames?: readonly string[];
  /** `key=value`, of all members. */
  readonly settings?: readonly string[];
  /** The group takes imports of another cluster. */
  readonly takesImports?: boolean;
  /** Where the group's directory is made. */
  readonly parent?: string;
  /** Directories that lie elsewhere, by name. */
  readonly directories?: Readonly<Record<string, string>>;
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

  constructor(
    group: ScmGroup,
    place: { readonly name: string; readonly directory: string },
    ports: readonly [number, number, number],
  ) {
    this.#group = group;
    this.name = place.name;
    this.directory = place.directory;
    this.logFile = join(group.directory, `${place.name}.log`);
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
      "hdds.datanode.use.datanode.hostname=true",
      ...this.#group.settingsFor(this),
      ...settings,
    ].map((setting) => `-D${setting}`);
  }

  /** Runs a command of `strata` that starts no SCM on this member's directory. */
  run(...words: readonly string[]): Promise<CommandEnding> {
    return runCommand([...words, ...this.options()]);
  }

  /** Makes it the first of a new group, without starting it. */
  async initialize(): Promise<void> {
    await this.#initialize("--init", ...this.#group.initWords);
  }

  /** Makes it one of a running group, without starting it. */
  async bootstrap(): Promise<void> {
    await this.#initialize("--bootstrap");
  }

  /** Starts the process without waiting for it; what it prints is added to `logFile`. */
  spawn(settings: readonly string[] = []): StrataProcess {
    this.#process = new StrataProcess(["scm", ...this.options(settings)], {
      logFile: this.logFile,
      ...this.#group.processOptions(this),
    });
    return this.#process;
  }

  /** Starts the process and waits until its ports are open. */
  async start(settings: readonly string[] = []): Promise<StrataProcess> {
    const scm = this.spawn(settings);
    await serving(scm);
    return scm;
  }

  /** Its disk is lost: an empty directory, the same ports. The process must have ended. */
  loseDisk(): void {
    for (const name of readdirSync(this.directory)) rmSync(join(this.directory, name), { recursive: true });
  }

  /** Ends it where it stands, also when it is stopped by SIGSTOP. */
  async kill(): Promise<void> {
    if (this.isAlive) await this.process.kill();
  }

  async #initialize(...words: string[]): Promise<void> {
    const { code, text } = await this.run("scm", ...words);
    if (code !== 0) throw new Error(`${words[0]} of ${this.name} ended with ${code}: ${text}`);
  }

  /** Members of the group as this one knows them; undefined when it does not answer. */
  async roles(): Promise<ResponseOf<"scmRoles"> | undefined> {
    const timeoutMs = LOOK_TIMEOUT_MS;
    const client = createAdminClient({
      endpoints: [this.endpoint],
      pinned: true,
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
  /** Those that join later are the last ones. */
  readonly members: readonly ScmMember[];
  /** Of each process, from its next start on. */
  processOptions: (member: ScmMember) => StrataProcessOptions = () => ({});
  /** Where `by` looks for the Raft port of `of`; set it before the start to put something in between. */
  raftPortOf: (by: ScmMember, of: ScmMember) => number = (_, { raftPort }) => raftPort;
  readonly #options: ScmGroupOptions;

  /** Nothing is initialised or started yet. */
  static async create(options: ScmGroupOptions = {}): Promise<ScmGroup> {
    const count = namesOf(options).length;
    const ports = new Set<number>();
    while (ports.size < 3 * count) ports.add(await freePort());
    return new ScmGroup(options, [...ports]);
  }

  private constructor(options: ScmGroupOptions, ports: readonly number[]) {
    this.#options = options;
    this.directory = mkdtempSync(join(options.parent ?? tmpdir(), "strata-group-"));
    this.members = namesOf(options).map((name, i) => {
      const [ws = 0, http = 0, raft = 0] = ports.slice(3 * i);
      const directory = options.directories?.[name] ?? join(this.directory, name);
      mkdirSync(directory, { recursive: true });
      return new ScmMember(this, { name, directory }, [ws, http, raft]);
    });
  }

  /** Of `--init`. */
  get initWords(): string[] {
    return this.#options.takesImports === true ? ["--local-id-floor", "1000", "--term-floor", "5"] : [];
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

  /** Initialises the first member and has the others join, one after the other, but for those that come
   * later. */
  async start(): Promise<void> {
    const { names = NAMES } = this.#options;
    const [first, ...others] = this.members.slice(0, names.length) as [ScmMember, ...ScmMember[]];
    await first.initialize();
    await first.start();
    for (const member of others) await this.join(member);
  }

  /** Bootstraps and starts `member`, waits until it may vote. */
  async join(member: ScmMember): Promise<void> {
    await member.bootstrap();
    await member.start();
    await this.whenVoter(member);
  }

  /** Who leads, by what the members that answer say; undefined when none knows, they do not agree, or they
   * have not noticed yet that it has ended. */
  async leader(): Promise<ScmMember | undefined> {
    const answers = await Promise.all(
      this.members.filter(({ isAlive }) => isAlive).map((each) => each.roles()),
    );
    const leaders = new Set(
      answers.map((answer) => answer?.peers.find(({ role }) => role === "LEADER")?.ratisPort),
    );
    leaders.delete(undefined);
    if (leaders.size !== 1) return undefined;
    return this.members.find(({ raftPort, isAlive }) => isAlive && leaders.has(raftPort));
  }

  async whenLed(): Promise<ScmMember> {
    return await soon("somebody leads", () => this.leader(), GROUP_LIMIT_MS);
  }

  /** Waits until the leader knows `member` as a voter. */
  async whenVoter({ name, raftPort }: ScmMember): Promise<void> {
    const ask = async () => {
      const roles = await (await this.leader())?.roles();
      const own = roles?.peers.find(({ ratisPort }) => ratisPort === raftPort);
      return own?.role === "LEADER" || own?.role === "FOLLOWER" ? own : undefined;
    };
    await soon(`${name} is a voter`, ask, GROUP_LIMIT_MS);
  }

  /** Ends all processes and removes all directories. */
  async close(): Promise<void> {
    await this.kill();
    this.remove();
  }

  /** Removes all directories; no process may run. */
  remove(): void {
    for (const { directory } of this.members) rmSync(directory, { recursive: true, force: true });
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Ends all processes; the directories stay. */
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
}

function namesOf({ names = NAMES, laterNames = [] }: ScmGroupOptions): string[] {
  return [...names, ...laterNames];
}
