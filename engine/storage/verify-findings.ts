import type { StoreFinding } from "../core/disk.js";
import { ERRORS, type ErrorCode, type StrataError } from "../core/errors.js";

/** Something that `strata verify` has found. */
export interface Finding {
  /** An error keeps the SCM from starting, or from answering what needs the row. */
  readonly severity: "error" | "warning";
  /** File, directory, row or entry. */
  readonly where: string;
  readonly what: string;
  /** What follows from it for the cluster's data. */
  readonly meaning: string;
  /** What a person does about it. */
  readonly nextStep: string;
}

const REJOIN =
  "Keep these directories for analysis. With other SCMs of its group alive, this one joins again as a new " +
  "SCM in empty directories; a lone SCM needs the directories of its last backup and `--force-new-group`.";
const RESTORE =
  "Put the missing files back into their place when they still exist (a mount, a move, a clean-up), then " +
  `verify again. Else: ${REJOIN}`;

/** By codes of what a start would end with. */
const EXPLANATIONS: Partial<Record<ErrorCode, Pick<Finding, "meaning" | "nextStep">>> = {
  LOG_CORRUPT: {
    meaning: "Entries or votes that this SCM has acknowledged may be unreadable: it must not take part.",
    nextStep: REJOIN,
  },
  LOG_BEHIND_WATERMARK: {
    meaning: "Entries that this SCM has acknowledged are gone from its disk: it must not take part.",
    nextStep: REJOIN,
  },
  STATE_CORRUPT: {
    meaning: "The stored state cannot be trusted, and the log does not reach back far enough to replace it.",
    nextStep: REJOIN,
  },
  STATE_MISSING: {
    meaning: "The log goes on from a state that is not here.",
    nextStep: RESTORE,
  },
  STORAGE_OPEN: {
    meaning: "RocksDB would refuse this store, or begin an empty one in its place.",
    nextStep: RESTORE,
  },
  STORAGE_STALLED: {
    meaning:
      "RocksDB neither opens the store nor fails: a file cannot be read, or is damaged in a way that loops.",
    nextStep: `Read all its files (\`cat\`): when that stops too, the disk is broken. ${REJOIN}`,
  },
  STORAGE_FULL: {
    meaning: "Nothing is lost, but nothing can be written either; what needed the space was not checked.",
    nextStep: "Free disk space, then verify again.",
  },
  STORAGE_IO: {
    meaning: "The disk does not return what was written to it.",
    nextStep: `Look at the system's log, check the disk and its cables, then verify again. Else: ${REJOIN}`,
  },
  STORAGE_IDS_DIFFER: {
    meaning: "Log, state and VERSION do not belong together.",
    nextStep: ERRORS.STORAGE_IDS_DIFFER.action,
  },
  STORAGE_FORMAT: {
    meaning: "Another release has written this; nothing is wrong with it.",
    nextStep: ERRORS.STORAGE_FORMAT.action,
  },
  INVARIANT_BROKEN: {
    meaning: "The state contradicts itself, although every row is as it was written.",
    nextStep: `Report this as a bug. ${REJOIN}`,
  },
  VERSION_FILE_CORRUPT: {
    meaning: "The ids of this SCM are unknown from here; the log holds them, too.",
    nextStep:
      "When nothing else is found, move it and all that is beside it to a directory elsewhere and " +
      "run `strata scm --init`: VERSION is written anew with the ids that the log holds.",
  },
  STORAGE_NOT_INITIALIZED: {
    meaning: "The ids of this SCM are unknown from here; the log holds them, too.",
    nextStep: "When nothing else is found, run `strata scm --init`: VERSION is written anew.",
  },
};

/** What a start would end with. */
export function errorFinding(where: string, error: StrataError): Finding {
  const { code, message } = error;
  const explained = EXPLANATIONS[code] ?? { meaning: "A start ends here.", nextStep: ERRORS[code].action };
  return { severity: "error", where, what: `${code}: ${message}`, ...explained };
}

/** A damaged row of a disk-resident table, which no start reads. */
export function diskRowFinding(where: string, error: StrataError): Finding {
  return {
    ...errorFinding(where, error),
    meaning: "The SCM starts without this row, but cannot answer what asks for it, such as its history.",
    nextStep:
      "Check the disk. With other SCMs of its group alive, this one joins again as a new SCM in empty " +
      "directories; a lone SCM can go on: the rest of the history is listed from a number 64 or more " +
      "after the row's key (in hexadecimal) on (`strata admin history -s N`).",
  };
}

/** What a start would cut off at the end of a store's file `where`. */
export function cutFinding(where: string, { offset, bytes, kind, reason }: StoreFinding): Finding {
  const what = `${bytes} byte(s) from byte ${offset} on: ${reason}`;
  const nextStep = "None: the next start cuts this off and keeps it in cut-off.wal.";
  switch (kind) {
    case "torn":
      return {
        severity: "warning",
        where,
        what,
        meaning: "A crash came while it was being written; nobody was told that it is there.",
        nextStep,
      };
    case "garbage":
      return {
        severity: "warning",
        where,
        what,
        meaning: "Nothing of ours is in there; a file system may leave this after a loss of power.",
        nextStep: `${nextStep} Check the disk when there was no loss of power.`,
      };
    default:
      return {
        severity: "warning",
        where,
        what,
        meaning: "Flushes of the state that were not synced yet: they are made good from the Raft log.",
        nextStep: `${nextStep} Check the disk when there was no loss of power.`,
      };
  }
}

/** A watermark of which the newer synced slot may be gone. */
export function markFinding(where: string): Finding {
  return {
    severity: "warning",
    where,
    what: "one of its two synced slots is damaged; another one is intact",
    meaning: "The watermark still holds; it may be a second older than it was.",
    nextStep: "None after a loss of power: the next start writes it anew. Else check the disk.",
  };
}

/** A state directory that the log does not name. */
export function strayFinding(where: string): Finding {
  return {
    severity: "warning",
    where,
    what: "not the state store that the log names",
    meaning: "A crash came while a snapshot was being installed, before or after the switch.",
    nextStep: "None: the next start removes it.",
  };
}
