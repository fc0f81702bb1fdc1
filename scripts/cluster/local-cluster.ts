import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createAdminClient, type ResponseOf } from "../../protocol/client/index.js";
import { freePort } from "../../test/support/process/scm-home.js";
import type { ClusterEvent } from "./events.js";
import { MemberProcess, PROGRAM } from "./member-process.js";

const LOOPBACK = "127.0.0.1";
const SERVICE = "local";
const NAMES = "abcde";
const START_LIMIT_MS = 60_000;
const LOOK_MS = 50;
const LOOK_TIMEOUT_MS = 500;
/** Long enough to see what a group does without the member. */
const RESTART_MS = 3_000;

interface Ports {
  readonly ws: number;
  readonly http: number;
  readonly raft: number;
}

interface Member {
  readonly name: string;
  readonly directory: string;
  readonly logFile: string;
  readonly ports: Ports;
  process: MemberProcess | undefined;
}

/** A group of SCMs on loopback. Its directory holds `conf/ozone-site.xml`, `cluster.json` with the ports, and
 * for each member its data and its log; a directory that is used again starts the group that it holds. */
export class LocalCluster {
  readonly #directory: string;
  readonly #size: number;
  readonly #onEvent: (event: ClusterEvent) => void;
  #members: Member[] = [];
  #phase: "created" | "starting" | "ready" | "stopping" = "created";
  /** The start did not succeed: the logs are worth a look. */
  hasFailed = false;

  constructor(directory: string, size: number, onEvent: (event: ClusterEvent) => void) {
    this.#directory = directory;
    this.#size = size;
    this.#onEvent = onEvent;
    process.on("exit", () => {
      for (const member of this.#members) member.process?.kill();
    });
  }

  get isReady(): boolean {
    return this.#phase === "ready";
  }

  get endpoints(): string[] {
    return this.#members.map(endpointOf);
  }

  emit(event: ClusterEvent): void {
    this.#onEvent(event);
  }

  /** The member that listens for its peers on `raftPort`. */
  nameOf(raftPort: number): string {
    return this.#members.find(({ ports }) => ports.raft === raftPort)?.name ?? "?";
  }

  /** Resolves when all members may vote. */
  async start(): Promise<void> {
    this.#phase = "starting";
    try {
      const isNew = !existsSync(this.#file);
      this.#members = await this.#loadMembers(isNew);
      this.emit({ event: "starting", directory: this.#directory, size: this.#size, isNew });
      this.#writeConfiguration();
      if (isNew) await this.#found();
      else for (const member of this.#members) this.#spawn(member);
      await this.#until("all members vote", () => this.#allVote());
      // Only now: a start that was broken off begins anew.
      writeFileSync(this.#file, JSON.stringify(this.#members.map(({ ports }) => ports)));
    } catch (error) {
      this.hasFailed = true;
      throw error;
    }
    if (this.#phase !== "starting") return;
    this.#phase = "ready";
    this.#announce();
  }

  /** Orderly; all that was started has ended when it resolves. */
  async stop(): Promise<void> {
    if (this.#phase === "ready") this.emit({ event: "stopping" });
    this.#phase = "stopping";
    await Promise.all(this.#members.map((member) => member.process?.stop()));
  }

  get #file(): string {
    return join(this.#directory, "cluster.json");
  }

  get #configuration(): string {
    return join(this.#directory, "conf");
  }

  async #loadMembers(isNew: boolean): Promise<Member[]> {
    const ports = isNew ? await freePorts(this.#size) : readPorts(this.#file);
    if (ports.length !== this.#size) {
      throw new Error(`${this.#directory} holds a group of ${ports.length}: give --size ${ports.length}`);
    }
    return ports.map((of, i) => {
      const name = NAMES.charAt(i);
      const directory = join(this.#directory, name);
      mkdirSync(directory, { recursive: true });
      return {
        name,
        directory,
        logFile: join(this.#directory, `${name}.log`),
        ports: of,
        process: undefined,
      };
    });
  }

  #writeConfiguration(): void {
    const names = this.#members.map(({ name }) => name).join(",");
    const settings = [
      ["ozone.scm.service.ids", SERVICE],
      [`ozone.scm.nodes.${SERVICE}`, names],
      ["strata.raft.bind.host", LOOPBACK],
      ["hdds.datanode.use.datanode.hostname", "true"],
      ...this.#members.flatMap(({ name, ports }) => [
        [`ozone.scm.address.${SERVICE}.${name}`, LOOPBACK],
        [`ozone.scm.ratis.port.${SERVICE}.${name}`, `${ports.raft}`],
        [`strata.ws.address.${SERVICE}.${name}`, `${LOOPBACK}:${ports.ws}`],
        [`ozone.scm.http-address.${SERVICE}.${name}`, `${LOOPBACK}:${ports.http}`],
      ]),
    ];
    const properties = settings.map(
      ([key, value]) => `  <property><name>${key}</name><value>${value}</value></property>`,
    );
    mkdirSync(this.#configuration, { recursive: true });
    const text = ["<configuration>", ...properties, "</configuration>", ""].join("\n");
    writeFileSync(join(this.#configuration, "ozone-site.xml"), text);
  }

  async #found(): Promise<void> {
    const [first, ...others] = this.#members as [Member, ...Member[]];
    await this.#run(first, "--init");
    this.#spawn(first);
    await this.#until(`${first.name} leads`, async () => (await this.#roleOf(first)) === "LEADER");
    for (const member of others) {
      await this.#run(member, "--bootstrap");
      this.#spawn(member);
      await this.#until(`${member.name} votes`, async () => isVoter(await this.#roleOf(member)));
      this.emit({ event: "joined", name: member.name });
    }
  }

  /** Runs a command on a member's directory to its end. */
  async #run(member: Member, word: string): Promise<void> {
    const run = new MemberProcess(this.#words(member, word), member.logFile);
    member.process = run;
    const how = await run.ended;
    if (how !== "exit code 0") throw new Error(`scm ${word} of ${member.name} ended by ${how}: see its log`);
  }

  #words({ name, directory }: Member, ...words: string[]): string[] {
    const own = [`-Dozone.scm.node.id=${name}`, `-Dozone.metadata.dirs=${directory}`];
    return ["scm", ...words, "--config", this.#configuration, ...own];
  }

  #spawn(member: Member): void {
    const scm = new MemberProcess(this.#words(member), member.logFile);
    member.process = scm;
    void scm.ended.then((how) => this.#onEnded(member, how));
  }

  #onEnded(member: Member, how: string): void {
    if (this.#phase !== "ready") return;
    this.emit({ event: "ended", name: member.name, how, againInMs: RESTART_MS });
    setTimeout(() => {
      if (this.#phase !== "ready") return;
      this.#spawn(member);
      this.emit({ event: "started", name: member.name, pid: member.process?.pid ?? 0 });
    }, RESTART_MS).unref();
  }

  #announce(): void {
    this.emit({
      event: "ready",
      directory: this.#directory,
      config: this.#configuration,
      program: PROGRAM,
      members: this.#members.map((member) => ({
        name: member.name,
        pid: member.process?.pid ?? 0,
        endpoint: endpointOf(member),
        http: `http://${LOOPBACK}:${member.ports.http}`,
        raft: `${LOOPBACK}:${member.ports.raft}`,
        log: member.logFile,
      })),
    });
  }

  /** What the leader says that `member` is; undefined while there is none to ask. */
  async #roleOf({ ports }: Member): Promise<string | undefined> {
    return (await this.#roles())?.peers.find(({ ratisPort }) => ratisPort === ports.raft)?.role;
  }

  async #allVote(): Promise<boolean> {
    const peers = (await this.#roles())?.peers ?? [];
    return peers.filter(({ role }) => isVoter(role)).length === this.#size;
  }

  async #roles(): Promise<ResponseOf<"scmRoles"> | undefined> {
    const endpoints = this.#members.filter(({ process: scm }) => scm?.isAlive).map(endpointOf);
    const client = createAdminClient({
      endpoints,
      clientName: "cluster",
      timeoutMs: LOOK_TIMEOUT_MS,
      attemptTimeoutMs: LOOK_TIMEOUT_MS,
    });
    try {
      return await client.scmRoles();
    } catch {
      return undefined;
    } finally {
      client.close();
    }
  }

  async #until(what: string, look: () => Promise<boolean>): Promise<void> {
    const dueMs = performance.now() + START_LIMIT_MS;
    while (this.#phase === "starting" && !(await look())) {
      const ended = this.#members.find(({ process: scm }) => scm?.isAlive === false);
      if (ended !== undefined) throw new Error(`${ended.name} has ended: see its log`);
      if (performance.now() > dueMs) throw new Error(`not within ${START_LIMIT_MS} ms: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }
}

function isVoter(role: string | undefined): boolean {
  return role === "LEADER" || role === "FOLLOWER" || role === "CANDIDATE";
}

function endpointOf({ ports }: Member): string {
  return `ws://${LOOPBACK}:${ports.ws}`;
}

function readPorts(file: string): Ports[] {
  return JSON.parse(readFileSync(file, "utf8")) as Ports[];
}

async function freePorts(size: number): Promise<Ports[]> {
  const numbers = new Set<number>();
  while (numbers.size < 3 * size) numbers.add(await freePort());
  const ports = [...numbers];
  return Array.from({ length: size }, (_, i) => {
    const [ws = 0, http = 0, raft = 0] = ports.slice(3 * i);
    return { ws, http, raft };
  });
}
