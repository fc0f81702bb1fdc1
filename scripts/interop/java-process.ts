import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { endWithUs } from "../../test/support/process/end-with-us.js";
import type { Ending } from "../../test/support/process/strata-process.js";

/** The modules that the release's start script opens. */
const OPENED_MODULES = [
  "--add-opens=java.base/java.lang=ALL-UNNAMED",
  "--add-opens=java.base/java.lang.reflect=ALL-UNNAMED",
  "--add-opens=java.base/java.nio=ALL-UNNAMED",
  "--add-opens=java.management/com.sun.jmx.mbeanserver=ALL-UNNAMED",
  "--add-exports=java.management/com.sun.jmx.mbeanserver=ALL-UNNAMED",
];
/** Small and quick to start: there are up to eight of them at once. */
const SMALL = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-XX:-UsePerfData"];
/** What they print must not depend on the machine. */
const NEUTRAL = ["-Duser.timezone=UTC", "-Duser.language=en", "-Duser.country=US"];
const STOP_LIMIT_MS = 60_000;

export interface JavaProgram {
  readonly mainClass: string;
  readonly args: readonly string[];
  /** Holds `ozone-site.xml` and `log4j.properties`; also the working directory. */
  readonly directory: string;
  readonly classpath: string;
  readonly heapMb: number;
  /** In the place of those for many small programs. */
  readonly jvmOptions?: readonly string[];
}

/** One run of a released program. It does not outlive this process. */
export class JavaProcess {
  readonly ended: Promise<Ending>;
  readonly logFile: string;
  readonly #child: ChildProcess;
  #ending: Ending | undefined;

  /** What it prints is added to files in its directory: `out` and `log`, the latter for the error stream. */
  constructor(program: JavaProgram) {
    const { mainClass, args, directory, classpath, heapMb, jvmOptions = SMALL } = program;
    const temporary = join(directory, "tmp");
    mkdirSync(temporary, { recursive: true });
    this.logFile = join(directory, "log");
    const out = openSync(join(directory, "out"), "w");
    const log = openSync(this.logFile, "a");
    const options = [
      `-Xmx${heapMb}m`,
      ...jvmOptions,
      ...NEUTRAL,
      ...OPENED_MODULES,
      `-Djava.io.tmpdir=${temporary}`,
      "-Dorg.apache.ratis.thirdparty.io.netty.allocator.useCacheForAllThreads=false",
      `-Dlog4j.configuration=file:${join(directory, "log4j.properties")}`,
      "-cp",
      `${directory}:${classpath}`,
    ];
    this.#child = spawn("java", [...options, mainClass, ...args], {
      cwd: directory,
      stdio: ["ignore", out, log],
    });
    closeSync(out);
    closeSync(log);
    endWithUs(this.#child);
    this.ended = new Promise((resolve, reject) => {
      this.#child.once("error", reject);
      this.#child.once("close", (code, signal) => {
        this.#ending = { code, signal };
        resolve(this.#ending);
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isAlive(): boolean {
    return this.#ending === undefined;
  }

  /** All that its runs have put into the log. */
  get log(): string {
    return readFileSync(this.logFile, "utf8");
  }

  /** Ends it in order, and by force when that takes too long. */
  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_LIMIT_MS);
    await this.ended;
    clearTimeout(timer);
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended;
  }
}
