import { existsSync } from "node:fs";
import { join } from "node:path";
import { JavaProcess, type JavaProgram } from "./java-process.js";
import {
  freePorts,
  groupClientKeys,
  HOST,
  type ScmPorts,
  type ScmServer,
  type ScmService,
  singleClientKeys,
  whenListening,
} from "./scm-service.js";
import { type Keys, writeSite } from "./site.js";

const MAIN = "org.apache.hadoop.hdds.scm.server.StorageContainerManagerStarter";

/** How the Java of the SCM is set up. */
export type JavaSettings = Pick<JavaProgram, "heapMb" | "jvmOptions">;
const SMALL: JavaSettings = { heapMb: 768 };

/** The released SCM. The steps pass with it: that proves the steps, and shows what it answers. */
export async function createReferenceService(
  directory: string,
  classpath: string,
  names: readonly string[],
  keys: Keys,
  java = SMALL,
): Promise<ScmService> {
  const places: { name: string; ports: ScmPorts }[] = [];
  for (const name of names) places.push({ name, ports: await freePorts() });
  const [first] = places;
  if (first === undefined) throw new Error("an SCM needs a name");
  const isGroup = places.length > 1;
  const clientKeys = isGroup ? groupClientKeys(places) : singleClientKeys(first.ports);
  const peerKeys = Object.assign(
    {},
    ...places.map(({ name, ports }) => serverPortKeys(ports, isGroup ? `.s.${name}` : "")),
  );
  const servers = places.map(({ name, ports }) => {
    const home = join(directory, `scm-${name}`);
    const ownKeys = isGroup
      ? { "ozone.scm.node.id": name, "ozone.scm.primordial.node.id": first.name }
      : { "ozone.scm.datanode.address": `${HOST}:${ports.datanode}` };
    const own = { ...keys, ...clientKeys, ...peerKeys, ...ownKeys, ...directoryKeys(home) };
    return new ReferenceServer(name, ports, home, { ...java, classpath }, own);
  });
  return {
    clientKeys,
    servers,
    start: async () => {
      for (const server of servers) {
        await server.initialize(server === servers[0] ? "--init" : "--bootstrap");
        await server.start();
      }
    },
    end: async () => {
      await Promise.all(servers.map((server) => server.kill()));
    },
  };
}

/** Each server of a group must know those of all. */
function serverPortKeys(ports: ScmPorts, suffix: string): Keys {
  return {
    [`ozone.scm.ratis.port${suffix}`]: String(ports.raft),
    [`ozone.scm.grpc.port${suffix}`]: String(ports.grpc),
    [`ozone.scm.http-address${suffix}`]: `${HOST}:${ports.http}`,
  };
}

function directoryKeys(home: string): Keys {
  return {
    "ozone.metadata.dirs": join(home, "meta"),
    "ozone.scm.db.dirs": join(home, "db"),
    "ozone.scm.ha.ratis.storage.dir": join(home, "ratis"),
    "ozone.http.basedir": join(home, "http"),
  };
}

class ReferenceServer implements ScmServer {
  readonly name: string;
  readonly ports: ScmPorts;
  readonly logFile: string;
  readonly #home: string;
  readonly #java: JavaSettings & Pick<JavaProgram, "classpath">;
  #process: JavaProcess | undefined;

  constructor(
    name: string,
    ports: ScmPorts,
    home: string,
    java: JavaSettings & Pick<JavaProgram, "classpath">,
    keys: Keys,
  ) {
    this.name = name;
    this.ports = ports;
    this.#home = home;
    this.#java = java;
    this.logFile = join(home, "log");
    writeSite(home, keys, "INFO");
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  async initialize(how: string): Promise<void> {
    if (existsSync(join(this.#home, "db/scm"))) return;
    const { code } = await this.#run(how).ended;
    if (code !== 0) throw new Error(`${how} of the reference ended with ${code}; see ${this.logFile}`);
  }

  async start(): Promise<void> {
    const scm = this.#run();
    this.#process = scm;
    await whenListening(this.ports.client, () => scm.isAlive, this.logFile);
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }

  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  #run(...args: string[]): JavaProcess {
    return new JavaProcess({ ...this.#java, mainClass: MAIN, args, directory: this.#home });
  }
}
