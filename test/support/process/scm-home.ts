import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SeededRandom } from "../../../engine/core/random.js";
import {
  type CommandEnding,
  type Ending,
  runCommand,
  StrataProcess,
  type StrataProcessOptions,
} from "./strata-process.js";

export const LOOPBACK = "127.0.0.1";

/** A temporary directory that an SCM lives in, with ports that stay the same from start to start. */
export class ScmHome {
  readonly directory: string;
  readonly wsPort: number;
  readonly httpPort: number;
  readonly raftPort: number;
  readonly logFile: string;
  readonly #settings: readonly string[];
  readonly #started: StrataProcess[] = [];

  private constructor(
    directory: string,
    ports: readonly [number, number, number],
    settings: readonly string[],
  ) {
    this.directory = directory;
    this.logFile = join(directory, "scm.log");
    [this.wsPort, this.httpPort, this.raftPort] = ports;
    this.#settings = settings;
  }

  /** An initialised one that takes imports, in `parent`. `settings` are `key=value`. */
  static async create(settings: readonly string[] = [], parent = tmpdir()): Promise<ScmHome> {
    const home = await ScmHome.createEmpty(settings, parent);
    const { code, text } = await home.run("scm", "--init", "--local-id-floor", "1000", "--term-floor", "5");
    if (code !== 0) throw new Error(`--init ended with ${code}: ${text}`);
    return home;
  }

  static async createEmpty(settings: readonly string[] = [], parent = tmpdir()): Promise<ScmHome> {
    const ports = [await freePort(), await freePort(), await freePort()] as const;
    return new ScmHome(mkdtempSync(join(parent, "strata-home-")), ports, settings);
  }

  /** For clients. */
  get endpoint(): string {
    return `ws://${LOOPBACK}:${this.wsPort}`;
  }

  get metadataDir(): string {
    return join(this.directory, "data");
  }

  /** `-D` of every command that works on this directory. */
  options(settings: readonly string[] = []): string[] {
    return [
      `ozone.metadata.dirs=${this.metadataDir}`,
      `strata.ws.address=${LOOPBACK}:${this.wsPort}`,
      `ozone.scm.http-address=${LOOPBACK}:${this.httpPort}`,
      `strata.raft.bind.host=${LOOPBACK}`,
      `ozone.scm.ratis.port=${this.raftPort}`,
      // All datanodes are on this machine, and imported pipelines have the names that they give themselves.
      "hdds.datanode.use.datanode.hostname=true",
      ...this.#settings,
      ...settings,
    ].map((setting) => `-D${setting}`);
  }

  /** Runs a command of `strata` that starts no SCM on this directory. */
  run(...words: readonly string[]): Promise<CommandEnding> {
    return runCommand([...words, ...this.options()]);
  }

  /** Starts the SCM's process; it serves when `serving` resolves. */
  spawn(settings: readonly string[] = [], options: StrataProcessOptions = {}): StrataProcess {
    const words = ["scm", ...this.options(settings)];
    const scm = new StrataProcess(words, { logFile: this.logFile, ...options });
    this.#started.push(scm);
    return scm;
  }

  /** A process that serves. */
  async start(settings: readonly string[] = [], options: StrataProcessOptions = {}): Promise<StrataProcess> {
    const scm = this.spawn(settings, options);
    await serving(scm);
    return scm;
  }

  /** A start that ends by itself. */
  async startRefused(): Promise<Ending & { readonly text: string }> {
    const scm = this.spawn();
    return { ...(await scm.ended), text: scm.text };
  }

  verify(): Promise<CommandEnding> {
    return runCommand(["verify", this.metadataDir]);
  }

  /** Ends what still runs on it, as after a test that failed, and removes it: not before the last that a
   * process has printed is in its log. */
  async remove(): Promise<void> {
    await Promise.all(this.#started.map((scm) => scm.kill()));
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** Waits until the SCM has opened its port. Throws when it ends before. */
export async function serving(scm: StrataProcess): Promise<void> {
  await scm.said(/"step":"listening"/);
}

/** Below the ports that systems give to outgoing connections (32768 on Linux, 49152 elsewhere): a client
 * that dials the port of a killed SCM could otherwise get that very port as its own, connect to itself,
 * and keep the SCM from coming back. */
const PORTS = { from: 12_000, below: 32_000 } as const;
let ports: SeededRandom | undefined;

/** A port of the loopback interface that nobody listens on. */
export async function freePort(): Promise<number> {
  ports ??= new SeededRandom(process.pid * 7919 + (Date.now() % 1_000_000));
  for (;;) {
    const port = PORTS.from + ports.below(PORTS.below - PORTS.from);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ host: LOOPBACK, port }, () => probe.close(() => resolve(true)));
  });
}
