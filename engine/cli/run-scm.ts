import type { Config } from "../config/config.js";
import type { RootLogger } from "../telemetry/logger.js";
import { EXIT, type ExitCode, endProcess, exitCodeOf, nextStepOf } from "./exit-code.js";
import type { CommandIo } from "./io.js";
import type { Parts, RunningScm } from "./parts.js";

export interface RunScmOptions {
  readonly config: Config;
  readonly logger: RootLogger;
  readonly parts: Pick<Parts, "startScm">;
  readonly io: CommandIo;
}

const SIGNALS = ["SIGTERM", "SIGINT"] as const;
/** After a failure only the audit log and the other thread's store are worth closing. */
const STOP_AFTER_FAILURE_MS = 5000;

/** Runs an SCM until a signal or a fatal error ends it. A second signal, an error that nobody caught, or a
 * stop that takes longer than `ozone.service.shutdown.timeout` end the process at once. */
export async function runScm({ config, logger, parts, io }: RunScmOptions): Promise<ExitCode> {
  const dieAtOnce = (exitCode: ExitCode): never => {
    logger.flush();
    endProcess(exitCode);
  };
  const onBug = (error: unknown): void => {
    logger.fatal("uncaught error: this is a bug", { error });
    dieAtOnce(EXIT.BUG);
  };
  const signal = firstSignal(() => {
    io.err("strata: second signal: ending at once");
    dieAtOnce(EXIT.FAILED);
  });
  process.on("uncaughtException", onBug);
  process.on("unhandledRejection", onBug);
  try {
    logger.info("configuration", {
      hash: config.hash(),
      set: Object.fromEntries(
        config
          .effective()
          .filter(({ origin }) => origin !== "default")
          .map(({ key, value }) => [key, value]),
      ),
    });
    const scm = await parts.startScm({ config, logger });
    const ended = await Promise.race([signal.received, scm.fatal]);
    const failure = ended instanceof Error ? ended : undefined;
    if (failure === undefined) logger.info("stopping", { signal: ended });
    else logger.fatal("the SCM cannot go on", { error: failure, nextStep: nextStepOf(failure) });
    const exitCode = failure === undefined ? EXIT.OK : exitCodeOf(failure);
    const limitMs = failure === undefined ? config.scm.shutdownTimeoutMs : STOP_AFTER_FAILURE_MS;
    const watchdog = setTimeout(() => {
      logger.fatal("the stop takes too long", { limitMs });
      dieAtOnce(failure === undefined ? EXIT.FAILED : exitCode);
    }, limitMs);
    await stop(scm, failure);
    clearTimeout(watchdog);
    if (failure === undefined) logger.info("stopped");
    return exitCode;
  } finally {
    process.off("uncaughtException", onBug);
    process.off("unhandledRejection", onBug);
    signal.forget();
    logger.flush();
  }
}

/** After a failure a second one while stopping tells nothing new. */
async function stop(scm: RunningScm, failure: Error | undefined): Promise<void> {
  try {
    await scm.stop();
  } catch (error) {
    if (failure === undefined) throw error;
  }
}

interface SignalWatch {
  /** The first signal's name. */
  readonly received: Promise<string>;
  /** Gives the signals back to the system's default. */
  forget(): void;
}

function firstSignal(onSecond: () => void): SignalWatch {
  let listener = (_: string): void => {};
  const received = new Promise<string>((resolve) => {
    let count = 0;
    listener = (name) => {
      count++;
      if (count === 1) resolve(name);
      else onSecond();
    };
  });
  for (const name of SIGNALS) process.on(name, listener);
  const forget = (): void => {
    for (const name of SIGNALS) process.off(name, listener);
  };
  return { received, forget };
}
