import { rmSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { ERRORS, type ErrorCode } from "../../../engine/core/errors.js";
import { storageDirectories } from "../../../engine/storage/directories.js";
import { MARK_FILE } from "../../../engine/storage/durable-mark.js";
import { StrataProcess } from "../process/strata-process.js";
import { waitFor } from "../wait.js";
import { edit, FLIP, zeroFrom } from "./damage.js";
import type { CaseContext, FaultCase } from "./fault-case.js";
import type { Outcome } from "./inspection.js";
import { copyTree, type Source, stateOf } from "./sources.js";
import { newestOf } from "./store-files.js";
import type { WholeScm } from "./whole-scm.js";

/** `strata`'s exit code for a disk, or what is on it. */
const EXIT_STORAGE = 74;
const END_LIMIT_MS = 120_000;

/** What an operator sees of a damaged SCM: `strata scm` and `strata verify` end with 74, name the code and
 * say what to do. */
export function commandCases(): FaultCase[] {
  const middleOf = (path: string): number => Math.floor(statSync(path).size / 2);
  const flip = (path: string): void => FLIP.byte(path, middleOf(path));
  // A start does not read the blocks that lie behind newer rows.
  const flipEverywhere = (path: string): void =>
    edit(path, (bytes) => {
      for (let at = 0; at < bytes.length; at += 100) bytes[at] = ~(bytes[at] as number);
    });
  const damages: Readonly<Record<string, (copy: Pick<Source, "directories">) => void>> = {
    "VERSION-deleted": ({ directories }) => rmSync(directories.versionFile),
    "VERSION-cut": ({ directories }) => truncateSync(directories.versionFile, 50),
    "mark-deleted": ({ directories }) => rmSync(join(directories.raft, MARK_FILE)),
    "mark-zeroed": ({ directories }) => zeroFrom(join(directories.raft, MARK_FILE), 0),
    "raft-deleted": ({ directories }) => rmSync(directories.raft, { recursive: true }),
    "state-deleted": ({ directories }) => rmSync(directories.state, { recursive: true }),
    "log-WAL-flipped": ({ directories }) => flip(newestOf(directories.raft, "wal")),
    "log-WAL-deleted": ({ directories }) => rmSync(newestOf(directories.raft, "wal")),
    "log-WAL-cut": ({ directories }) => {
      const wal = newestOf(directories.raft, "wal");
      truncateSync(wal, middleOf(wal));
    },
    "log-SST-flipped": ({ directories }) => flipEverywhere(newestOf(directories.raft, "sst")),
    "log-CURRENT-deleted": ({ directories }) => rmSync(newestOf(directories.raft, "current")),
    "log-MANIFEST-flipped": ({ directories }) => flip(newestOf(directories.raft, "manifest")),
    "state-SST-flipped": ({ directories }) => flipEverywhere(newestOf(stateOf(directories), "sst")),
    "state-SST-deleted": ({ directories }) => rmSync(newestOf(stateOf(directories), "sst")),
    "state-CURRENT-deleted": ({ directories }) => rmSync(newestOf(stateOf(directories), "current")),
    "state-MANIFEST-flipped": ({ directories }) => flip(newestOf(stateOf(directories), "manifest")),
  };
  return Object.entries(damages).map(([name, damage]) => ({
    kind: "commands",
    name: `commands-${name}`,
    run: async (context: CaseContext) =>
      await context.withWholeScm(async (scm) => {
        const metadataDir = join(context.directory, "data");
        copyTree(scm.home.metadataDir, metadataDir);
        damage({ directories: storageDirectories({ metadataDir }) });
        return await requireRefusal(scm, metadataDir);
      }),
  }));
}

async function requireRefusal({ home }: WholeScm, metadataDir: string): Promise<Outcome> {
  const setting = `-Dozone.metadata.dirs=${metadataDir}`;
  const verified = await textOfRefusal(["verify", metadataDir]);
  const started = await textOfRefusal(["scm", ...home.options(), setting]);
  const forced = await endOf(["scm", "--force-new-group", ...home.options(), setting]);
  const found = /^strata: .*\(([A-Z_]+)\)$/m.exec(started)?.[1];
  if (found === undefined || !Object.hasOwn(ERRORS, found)) throw new Error(`no code: ${started}`);
  const code = found as ErrorCode;
  if (!started.includes(`strata: ${ERRORS[code].action}`)) throw new Error(`no next step: ${started}`);
  if (/^\s+at /m.test(started)) throw new Error(`a stack: ${started}`);
  // Not initialised is an answer of its own.
  const isExplained = verified.includes(`: ${code}: `) || verified.includes(`(${code})`);
  if (!isExplained) throw new Error(`start says ${code}, verify: ${verified}`);
  // It may go on without what was lost at the end, when that is said, but not from before the state.
  const isTold =
    forced.code === EXIT_STORAGE
      ? forced.text.includes(`(${code})`) || forced.text.includes("a state does not go back")
      : /^lost: /m.test(forced.text);
  if (!isTold) throw new Error(`start says ${code}, --force-new-group: ${forced.text}`);
  return { kind: "refused", code };
}

/** Runs a command of `strata` that must end by itself, with 74. */
async function textOfRefusal(words: readonly string[]): Promise<string> {
  const { code, text } = await endOf(words);
  if (code !== EXIT_STORAGE) throw new Error(`strata ${words[0]} ends with ${code}: ${text}`);
  return text;
}

async function endOf(
  words: readonly string[],
): Promise<{ readonly code: number | null; readonly text: string }> {
  const command = new StrataProcess(words);
  try {
    await waitFor(`HANG: strata ${words[0]} ends`, () => !command.isAlive, END_LIMIT_MS);
    const { code } = await command.ended;
    return { code, text: command.text };
  } finally {
    if (command.isAlive) await command.kill();
  }
}
