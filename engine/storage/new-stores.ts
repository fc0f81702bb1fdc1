import { join } from "node:path";
import type { Disk, Store, StoreOptions } from "../core/disk.js";
import { logIndex, term } from "../core/ids.js";
import type { Uuid } from "../core/uuid.js";
import { type ConfState, NO_NODE, type NodeId, nodeId } from "../raft/types.js";
import { BASE_STATE_DIRECTORY, type StorageDirectories } from "./directories.js";
import { createMark, MARK_FILE } from "./durable-mark.js";
import { requireIdentity } from "./identity.js";
import { META_COLUMN } from "./log-format.js";
import {
  encodeHardState,
  encodeLogIdentity,
  encodeTruncation,
  LOG_STORE_OPTIONS,
  type LogIdentity,
  META_KEY,
  readLogMeta,
} from "./log-meta.js";
import type { LogPoint } from "./recovered.js";
import { readStateIdentity, STATE_STORE_OPTIONS, writeStateIdentity } from "./state-store.js";
import { METADATA_LAYOUT_VERSION, type VersionFile, writeVersionFile } from "./version-file.js";

/** Number of the SCM that founds a Raft group. */
export const FIRST_NODE_ID: NodeId = nodeId(1);

/** With whom every log of a group begins, that of an SCM that joins too: so it can take the log from its
 * first entry on, or a snapshot, and is a member when it has applied that it is one. */
const FIRST_MEMBERS: ConfState = {
  voters: [FIRST_NODE_ID],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};

/** Makes the stores of an SCM; VERSION comes last and says that all is there. Never overwrites: after a crash
 * it goes on where it stopped, with the identity that was chosen then and that `accept` looks at first.
 * Returns the identity in the stores. The caller holds the lock. */
export async function makeStores(
  disk: Disk,
  directories: StorageDirectories,
  wanted: LogIdentity,
  options: {
    readonly primaryScmId: (identity: LogIdentity) => Uuid;
    readonly accept: (found: LogIdentity) => void;
    readonly wallMs: number;
  },
): Promise<LogIdentity> {
  const identity = await makeLog(disk, directories, wanted, options.accept);
  await makeState(disk, directories, identity);
  makeVersion(disk, directories, identity, options.primaryScmId(identity), options.wallMs);
  return identity;
}

async function makeLog(
  disk: Disk,
  directories: StorageDirectories,
  wanted: LogIdentity,
  accept: (found: LogIdentity) => void,
): Promise<LogIdentity> {
  disk.makeDirectory(directories.raft);
  return await withNewStore(disk, directories.raft, LOG_STORE_OPTIONS, (store) => {
    if (store.get(META_COLUMN, META_KEY.IDENTITY) === undefined) {
      // The mark is there before the row that says that this is a log, since a log without one is damaged.
      const mark = { last: LOG_START, term: wanted.termFloor, vote: NO_NODE };
      createMark(disk, join(directories.raft, MARK_FILE), mark);
      writeLogStart(store, wanted);
      return wanted;
    }
    const { identity } = readLogMeta(store, directories.raft);
    accept(identity);
    return identity;
  });
}

const LOG_START: LogPoint = { index: logIndex(0), term: term(0), chain: 0 };

function writeLogStart(store: Store, identity: LogIdentity): void {
  const truncation = {
    epoch: 1,
    truncated: LOG_START,
    confState: FIRST_MEMBERS,
    stateDirectory: BASE_STATE_DIRECTORY,
  };
  const hardState = { term: identity.termFloor, vote: NO_NODE, commit: logIndex(0) };
  const batch = store.batch();
  batch.put(META_COLUMN, META_KEY.IDENTITY, encodeLogIdentity(identity));
  batch.put(META_COLUMN, META_KEY.HARD_STATE, encodeHardState(hardState));
  batch.put(META_COLUMN, META_KEY.TRUNCATION, encodeTruncation(truncation));
  batch.write({ sync: true });
}

async function makeState(disk: Disk, directories: StorageDirectories, identity: LogIdentity): Promise<void> {
  const path = join(directories.state, BASE_STATE_DIRECTORY);
  disk.makeDirectory(path);
  await withNewStore(disk, path, STATE_STORE_OPTIONS, (store) => {
    const found = readStateIdentity(store, path);
    if (found === undefined) writeStateIdentity(store, identity);
    else requireIdentity(path, found, identity);
  });
}

function makeVersion(
  disk: Disk,
  directories: StorageDirectories,
  { clusterId, scmId, createdMs }: LogIdentity,
  primaryScmId: Uuid,
  wallMs: number,
): void {
  disk.makeDirectory(directories.current);
  const version: VersionFile = {
    clusterId,
    scmId,
    createdMs,
    layoutVersion: METADATA_LAYOUT_VERSION,
    scmHa: true,
    primaryScmId,
  };
  writeVersionFile(disk, directories.versionFile, version, wallMs);
}

async function withNewStore<T>(
  disk: Disk,
  path: string,
  options: StoreOptions,
  use: (store: Store) => T,
): Promise<T> {
  const store = await disk.createStore(path, options);
  try {
    return use(store);
  } finally {
    await store.close();
  }
}
