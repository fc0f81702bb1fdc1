import { ScmGroup, type ScmMember } from "../../test/support/process/scm-group.js";
import { ScmHome } from "../../test/support/process/scm-home.js";
import type { StrataProcess } from "../../test/support/process/strata-process.js";
import {
  freePorts,
  groupClientKeys,
  HOST,
  portKeys,
  type ScmPorts,
  type ScmServer,
  type ScmService,
  singleClientKeys,
} from "./scm-service.js";
import type { Keys } from "./site.js";

const STOP_LIMIT_MS = 60_000;

/** One `strata` with its gateway for the released programs. */
export async function createStrataService(
  directory: string,
  names: readonly string[],
  keys: Keys,
): Promise<ScmService> {
  const settings = Object.entries({ ...keys, "strata.hadoop.enabled": "true" }).map(
    ([key, value]) => `${key}=${value}`,
  );
  return names.length === 1
    ? await createSingle(directory, settings)
    : await createGroup(directory, names, settings);
}

async function createSingle(directory: string, settings: readonly string[]): Promise<ScmService> {
  const ports = await freePorts();
  const own = {
    "ozone.scm.client.address": `${HOST}:${ports.client}`,
    "ozone.scm.block.client.address": `${HOST}:${ports.block}`,
    "ozone.scm.datanode.address": `${HOST}:${ports.datanode}`,
  };
  const home = await ScmHome.createEmpty([...settings, ...settingsOf(own)], directory);
  const server = new Server("strata", { ...ports, raft: home.raftPort, http: home.httpPort }, home.logFile, {
    start: () => home.start(),
  });
  return {
    clientKeys: singleClientKeys(ports),
    servers: [server],
    start: async () => {
      const { code, text } = await home.run("scm", "--init");
      if (code !== 0) throw new Error(`--init ended with ${code}: ${text}`);
      await server.start();
    },
    end: () => server.kill(),
  };
}

async function createGroup(
  directory: string,
  names: readonly string[],
  settings: readonly string[],
): Promise<ScmService> {
  const ports = new Map<string, ScmPorts>();
  for (const name of names) ports.set(name, await freePorts());
  const own = [...ports].flatMap(([name, each]) => settingsOf(portKeys(each, `.s.${name}`)));
  const group = await ScmGroup.create({ names, settings: [...settings, ...own], parent: directory });
  const servers = group.members.map((member) => groupServer(member, ports.get(member.name)));
  return {
    clientKeys: groupClientKeys(servers),
    servers,
    start: () => group.start(),
    end: () => group.kill(),
  };
}

function groupServer(member: ScmMember, ports: ScmPorts | undefined): Server {
  if (ports === undefined) throw new Error(`${member.name} has no ports`);
  const all = { ...ports, raft: member.raftPort, http: member.httpPort };
  return new Server(member.name, all, member.logFile, {
    start: () => member.start(),
    process: () => (member.isAlive ? member.process : undefined),
  });
}

function settingsOf(keys: Keys): string[] {
  return Object.entries(keys).map(([key, value]) => `${key}=${value}`);
}

interface Starter {
  start(): Promise<StrataProcess>;
  /** Who else starts it keeps the process. */
  process?(): StrataProcess | undefined;
}

class Server implements ScmServer {
  readonly name: string;
  readonly ports: ScmPorts;
  readonly logFile: string;
  readonly #starter: Starter;
  #started: StrataProcess | undefined;

  constructor(name: string, ports: ScmPorts, logFile: string, starter: Starter) {
    this.name = name;
    this.ports = ports;
    this.logFile = logFile;
    this.#starter = starter;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  async start(): Promise<void> {
    this.#started = await this.#starter.start();
  }

  async stop(): Promise<void> {
    const scm = this.#process;
    if (scm?.isAlive !== true) return;
    scm.signal("SIGTERM");
    const timer = setTimeout(() => scm.signal("SIGKILL"), STOP_LIMIT_MS);
    await scm.ended;
    clearTimeout(timer);
  }

  async kill(): Promise<void> {
    if (this.#process?.isAlive === true) await this.#process.kill();
  }

  get #process(): StrataProcess | undefined {
    return this.#starter.process?.() ?? this.#started;
  }
}
