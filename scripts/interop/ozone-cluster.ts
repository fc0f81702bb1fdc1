import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../test/support/process/scm-home.js";
import type { Ending } from "../../test/support/process/strata-process.js";
import { soon } from "../../test/support/wait.js";
import { JavaProcess } from "./java-process.js";
import { ask, PROTOCOLS } from "./raw-connection.js";
import { HOST, type ScmServer, type ScmService, whenListening } from "./scm-service.js";
import { type Keys, writeSite } from "./site.js";
import { message } from "./wire-text.js";

const PACKAGE = "org.apache.hadoop.ozone";
const DATANODE_MAIN = `${PACKAGE}.HddsDatanodeService`;
const OM_MAIN = `${PACKAGE}.om.OzoneManagerStarter`;
const TOOLS = {
  admin: `${PACKAGE}.admin.OzoneAdmin`,
  sh: `${PACKAGE}.shell.OzoneShell`,
  freon: `${PACKAGE}.freon.Freon`,
  vapor: `${PACKAGE}.freon.Vapor`,
} as const;
type Tool = keyof typeof TOOLS;

const DATANODE_HEAP_MB = 384;
const OM_HEAP_MB = 384;
const TOOL_HEAP_MB = 384;
/** Also for keys of 300 MB on a machine that does something else. */
const TOOL_LIMIT_MS = 600_000;
const OM_INIT_LIMIT_MS = 600_000;
const LED_LIMIT_MS = 300_000;
const ANSWER_LIMIT_MS = 300_000;
const HEALTHY_LIMIT_MS = 600_000;

/** What a command has printed, and how it ended. */
export interface Told {
  readonly code: number | null;
  readonly out: string;
  /** The error stream. */
  readonly log: string;
  readonly tookMs: number;
}

/** The released programs around an SCM: datanodes, an Ozone Manager, commands. Each starts when a step first
 * needs it. */
export class OzoneCluster {
  readonly scm: ScmService;
  readonly #directory: string;
  readonly #classpath: string;
  readonly #keys: Keys;
  readonly #datanodes: RestartableProgram[] = [];
  readonly #commands = new Set<JavaProcess>();
  #om: RestartableProgram | undefined;
  #commandCount = 0;
  #omPort = 0;

  constructor(directory: string, classpath: string, scm: ScmService, keys: Keys) {
    this.#directory = directory;
    this.#classpath = classpath;
    this.scm = scm;
    this.#keys = { ...keys, ...scm.clientKeys };
  }

  /** The server that leads; waits until there is one. */
  whenLed(limitMs = LED_LIMIT_MS): Promise<ScmServer> {
    const look = async () => {
      for (const server of this.scm.servers) if (await leads(server)) return server;
      return undefined;
    };
    return soon("an SCM leads", look, limitMs);
  }

  /** The steps are about what happens after safe mode. */
  async exitSafeMode(): Promise<void> {
    const exit = message([1, 15], [2, ""], [3, 3], [20, []]);
    for (const { name, ports } of this.scm.servers) {
      const attempt = () => ask(ports.client, PROTOCOLS.location, exit).catch(() => undefined);
      await soon(`${name} answers`, attempt, ANSWER_LIMIT_MS);
    }
  }

  /** For files of a step. */
  fileAt(name: string): string {
    const folder = join(this.#directory, "files");
    mkdirSync(folder, { recursive: true });
    return join(folder, name);
  }

  /** At least `count` datanodes run, and the SCM has them. */
  async needDatanodes(count: number): Promise<void> {
    while (this.#datanodes.length < count) await this.#addDatanode();
    await this.whenHealthy(this.#datanodes.length);
  }

  get datanodes(): readonly RestartableProgram[] {
    return this.#datanodes;
  }

  /** Waits until the SCM says that `count` datanodes are healthy. */
  async whenHealthy(count: number): Promise<void> {
    const ask = async () => {
      const { out } = await this.admin("datanode", "list", "--all", "--json");
      return healthyIn(out) >= count ? true : undefined;
    };
    await soon(`${count} datanodes are healthy`, ask, HEALTHY_LIMIT_MS);
  }

  /** The Ozone Manager runs. */
  async needOm(): Promise<void> {
    if (this.#om !== undefined) return;
    this.#omPort = await freePort();
    const directory = join(this.#directory, "om");
    writeSite(directory, { ...this.#keys, ...(await this.#omKeys(directory)) }, "INFO");
    const init = this.#run(OM_MAIN, ["--init"], directory, OM_HEAP_MB);
    const { code } = await within(OM_INIT_LIMIT_MS, init);
    if (code !== 0) throw new Error(`--init of the Ozone Manager ended with ${code}; see ${init.logFile}`);
    this.#om = new RestartableProgram("om", this.#omPort, () =>
      this.#run(OM_MAIN, [], directory, OM_HEAP_MB),
    );
    await this.#om.start();
  }

  /** Runs one of the release's commands to its end. */
  async run(tool: Tool, args: readonly string[], limitMs = TOOL_LIMIT_MS): Promise<Told> {
    const command = this.spawn(tool, args);
    const startedMs = performance.now();
    const { code } = await within(limitMs, command.process);
    const tookMs = performance.now() - startedMs;
    return { code, out: command.out(), log: command.process.log, tookMs };
  }

  /** Starts one of the release's commands, with configuration of its own. */
  spawn(
    tool: Tool,
    args: readonly string[],
    ownKeys: Keys = {},
  ): { readonly process: JavaProcess; out(): string } {
    const name = `${String(++this.#commandCount).padStart(3, "0")}-${tool}`;
    const directory = join(this.#directory, "commands", name);
    const keys = {
      ...this.#keys,
      "ozone.metadata.dirs": join(directory, "meta"),
      "ozone.om.address": `${HOST}:${this.#omPort}`,
      ...ownKeys,
    };
    writeSite(directory, keys, "WARN");
    const process = this.#run(TOOLS[tool], args, directory, TOOL_HEAP_MB);
    this.#commands.add(process);
    void process.ended.then(() => this.#commands.delete(process));
    return { process, out: () => readFileSync(join(directory, "out"), "utf8") };
  }

  admin(...args: readonly string[]): Promise<Told> {
    return this.run("admin", args);
  }

  /** Runs a command that must do it. */
  async must(tool: Tool, ...args: readonly string[]): Promise<Told> {
    const told = await this.run(tool, args);
    if (told.code === 0) return told;
    throw new Error(`ozone ${tool} ${args.join(" ")} ended with ${told.code}: ${told.out}${told.log}`);
  }

  /** Ends everything, the SCM too. */
  async end(): Promise<void> {
    const programs = [...this.#datanodes, ...(this.#om === undefined ? [] : [this.#om])];
    await Promise.all([
      ...programs.map((program) => program.kill()),
      ...[...this.#commands].map((command) => command.kill()),
      this.scm.end(),
    ]);
  }

  async #addDatanode(): Promise<void> {
    const name = `dn${this.#datanodes.length + 1}`;
    const directory = join(this.#directory, name);
    const { keys, clientPort } = await datanodeKeys(directory);
    writeSite(directory, { ...this.#keys, ...keys }, "INFO");
    const datanode = new RestartableProgram(name, clientPort, () =>
      this.#run(DATANODE_MAIN, [], directory, DATANODE_HEAP_MB),
    );
    this.#datanodes.push(datanode);
    await datanode.start();
  }

  async #omKeys(directory: string): Promise<Keys> {
    return {
      "ozone.metadata.dirs": join(directory, "meta"),
      "ozone.om.db.dirs": join(directory, "db"),
      "ozone.om.address": `${HOST}:${this.#omPort}`,
      "ozone.om.http-address": `${HOST}:${await freePort()}`,
      "ozone.om.ratis.port": String(await freePort()),
      // For the S3 gateway, on a port of its own.
      "ozone.om.s3.grpc.server_enabled": "false",
      "ozone.http.basedir": join(directory, "http"),
    };
  }

  #run(mainClass: string, args: readonly string[], directory: string, heapMb: number): JavaProcess {
    return new JavaProcess({ mainClass, args, directory, heapMb, classpath: this.#classpath });
  }
}

/** A server that keeps its directory and ports from start to start. */
export class RestartableProgram {
  readonly name: string;
  readonly #port: number;
  readonly #spawn: () => JavaProcess;
  #process: JavaProcess | undefined;

  /** `port` opens when it serves. */
  constructor(name: string, port: number, spawn: () => JavaProcess) {
    this.name = name;
    this.#port = port;
    this.#spawn = spawn;
  }

  async start(): Promise<void> {
    const running = this.#spawn();
    this.#process = running;
    await whenListening(this.#port, () => running.isAlive, running.logFile);
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }

  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  /** All that its runs have put into the log. */
  get log(): string {
    return this.#process?.log ?? "";
  }
}

async function datanodeKeys(directory: string): Promise<{ keys: Keys; clientPort: number }> {
  const port = async () => String(await freePort());
  const clientPort = await freePort();
  const keys = {
    "ozone.metadata.dirs": join(directory, "meta"),
    "ozone.scm.datanode.id.dir": join(directory, "meta"),
    "hdds.datanode.dir": join(directory, "data"),
    "hdds.container.ratis.datanode.storage.dir": join(directory, "ratis"),
    "ozone.http.basedir": join(directory, "http"),
    "hdds.datanode.http-address": `${HOST}:${await port()}`,
    "hdds.datanode.client.address": `${HOST}:${clientPort}`,
    "hdds.datanode.client.port": String(clientPort),
    "hdds.datanode.replication.port": await port(),
    "hdds.container.ipc.port": await port(),
    "hdds.container.ratis.ipc.port": await port(),
    "hdds.container.ratis.admin.port": await port(),
    "hdds.container.ratis.server.port": await port(),
    "hdds.container.ratis.datastream.port": await port(),
  };
  return { keys, clientPort };
}

function healthyIn(text: string): number {
  const start = text.indexOf("[");
  if (start < 0) return 0;
  const nodes = JSON.parse(text.slice(start)) as { readonly healthState?: string }[];
  return nodes.filter(({ healthState }) => healthState === "HEALTHY").length;
}

/** Only a leader answers with a list of pipelines. */
async function leads({ ports }: ScmServer): Promise<boolean> {
  const listPipelines = message([1, 9], [2, ""], [3, 3], [14, []]);
  const answer = await ask(ports.client, PROTOCOLS.location, listPipelines).catch(() => "");
  return answer.includes("\nbody\n");
}

/** Ends a program that takes longer. */
async function within(limitMs: number, program: JavaProcess): Promise<Ending> {
  const timer = setTimeout(() => void program.kill(), limitMs);
  const ending = await program.ended;
  clearTimeout(timer);
  return ending;
}
