import { connect } from "node:net";
import { freePort, LOOPBACK } from "../../test/support/process/scm-home.js";
import { soon } from "../../test/support/wait.js";
import type { Keys } from "./site.js";

/** Programs are configured with the very host that `strata` is: a client follows the hint to a leader only
 * when both are equal as text (spec 12 §3.3). */
export const HOST = LOOPBACK;
const SERVICE = "s";
const START_LIMIT_MS = 600_000;

/** An SCM that can be started, ended and started again on the same directory and ports. */
export interface ScmServer {
  readonly name: string;
  readonly ports: ScmPorts;
  readonly logFile: string;
  /** Of the process that was started last. */
  readonly pid: number;
  /** Ends it where it stands. */
  kill(): Promise<void>;
  /** Ends it in order. */
  stop(): Promise<void>;
  /** Starts it; it serves when this resolves. */
  start(): Promise<void>;
}

/** What the released programs are pointed at: one SCM, or a group of three. */
export interface ScmService {
  /** With which the programs find it. */
  readonly clientKeys: Keys;
  readonly servers: readonly ScmServer[];
  /** Makes and starts all servers. */
  start(): Promise<void>;
  /** Ends all servers. */
  end(): Promise<void>;
}

export interface ScmPorts {
  readonly client: number;
  readonly block: number;
  readonly datanode: number;
  readonly security: number;
  readonly raft: number;
  readonly grpc: number;
  readonly http: number;
}

export async function freePorts(): Promise<ScmPorts> {
  return {
    client: await freePort(),
    block: await freePort(),
    datanode: await freePort(),
    security: await freePort(),
    raft: await freePort(),
    grpc: await freePort(),
    http: await freePort(),
  };
}

/** Of clients of a single SCM. */
export function singleClientKeys(ports: ScmPorts): Keys {
  return {
    "ozone.scm.names": HOST,
    "ozone.scm.client.address": `${HOST}:${ports.client}`,
    "ozone.scm.block.client.address": `${HOST}:${ports.block}`,
    "ozone.scm.security.service.address": `${HOST}:${ports.security}`,
    "ozone.scm.datanode.port": String(ports.datanode),
  };
}

/** Of clients of a group. */
export function groupClientKeys(servers: readonly { name: string; ports: ScmPorts }[]): Keys {
  const keys: Record<string, string> = {
    "ozone.scm.service.ids": SERVICE,
    [`ozone.scm.nodes.${SERVICE}`]: servers.map(({ name }) => name).join(","),
  };
  for (const { name, ports } of servers) {
    const suffix = `${SERVICE}.${name}`;
    keys[`ozone.scm.address.${suffix}`] = HOST;
    Object.assign(keys, portKeys(ports, `.${suffix}`));
  }
  return keys;
}

/** Of a server's own ports for the released programs. */
export function portKeys(ports: ScmPorts, suffix = ""): Keys {
  return {
    [`ozone.scm.client.port${suffix}`]: String(ports.client),
    [`ozone.scm.block.client.port${suffix}`]: String(ports.block),
    [`ozone.scm.datanode.port${suffix}`]: String(ports.datanode),
    [`ozone.scm.security.service.port${suffix}`]: String(ports.security),
  };
}

/** Waits until somebody listens on `port`. Throws when `isAlive` says that nobody will. */
export async function whenListening(port: number, isAlive: () => boolean, logFile: string): Promise<void> {
  await soon(
    `port ${port} is open (see ${logFile})`,
    async () => {
      if (!isAlive()) throw new Error(`ended before its port was open; see ${logFile}`);
      return (await isOpen(port)) ? true : undefined;
    },
    START_LIMIT_MS,
  );
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: HOST, port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
