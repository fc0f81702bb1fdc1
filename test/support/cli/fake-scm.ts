/** A process that runs `strata scm` on an SCM that only pretends: what its first argument says is how it
 * behaves. It prints `started` when it runs. The other arguments are the command's. */
import { processIo } from "../../../engine/cli/io.js";
import type { Parts, RunningScm } from "../../../engine/cli/parts.js";
import { run } from "../../../engine/cli/program.js";
import { StrataError } from "../../../engine/core/errors.js";

const NEVER = new Promise<never>(() => {});

const BEHAVIOURS: Readonly<Record<string, () => Promise<RunningScm>>> = {
  sound: async () => ({ fatal: NEVER, stop: async () => console.log("stopped") }),
  stuck: async () => ({ fatal: NEVER, stop: () => NEVER }),
  locked: () => Promise.reject(new StrataError("STORAGE_LOCKED", { path: "/data" })),
  fatal: async () => {
    const fatal = Promise.resolve(new StrataError("STORAGE_IO", { path: "/data", reason: "EIO" }));
    return { fatal, stop: () => Promise.reject(new Error("the disk is gone")) };
  },
  dead: async () => ({ fatal: Promise.resolve(new Error("a thread ended")), stop: async () => {} }),
  throwing: async () => {
    setImmediate(() => {
      throw new TypeError("no");
    });
    return { fatal: NEVER, stop: () => NEVER };
  },
  rejecting: async () => {
    setImmediate(() => void Promise.reject(new TypeError("no")));
    return { fatal: NEVER, stop: () => NEVER };
  },
};

// A real SCM has sockets that keep the process alive.
setInterval(() => {}, 60_000);

const [behaviour = "", ...words] = process.argv.slice(2);
const refuse = (): never => {
  throw new Error("not expected");
};
const parts: Parts = {
  startScm: async () => {
    const scm = await (BEHAVIOURS[behaviour] ?? refuse)();
    console.log("started");
    return scm;
  },
  initialize: refuse,
  bootstrap: refuse,
  forceNewGroup: refuse,
  verify: refuse,
  runDemo: refuse,
  connectAdmin: refuse,
};
// As in main.ts: an SCM that was stopped may have left timers or handles behind.
const io = processIo();
const exitCode = await run(["scm", ...words], io, parts);
await io.flush();
process.exit(exitCode);
