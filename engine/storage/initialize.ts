import { join } from "node:path";
import type { Clock } from "../core/clock.js";
import type { Disk, Store, StoreOptions } from "../core/disk.js";
import { StrataError } from "../core/errors.js";
import { isCount, logIndex, term, UINT64_MAX } from "../core/ids.js";
import type { Random } from "../core/random.js";
import { parseUuid, randomUuid, type Uuid } from "../core/uuid.js";
import { NO_NODE, type NodeId, nodeId } from "../raft/types.js";
import { BASE_STATE_DIRECTORY, type StorageDirectories, storageState } from "./directories.js";
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
import type { Floors, LogPoint } from "./recovered.js";
import { readStateIdentity, STATE_STORE_OPTIONS, writeStateIdentity } from "./state-store.js";
import {
  METADATA_LAYOUT_VERSION,
  readVersionFile,
  type VersionFile,
  writeVersionFile,
} from "./version-file.js";

/** Number of the SCM that founds a Raft group. */
const FIRST_NODE_ID: NodeId = nodeId(1);

const CLUSTER_ID_PREFIX = "CID-";

/** Options of `strata scm --init`. */
export interface InitializeOptions {
  /** A UUID, or `CID-` and one; made when there is none. */
  readonly clusterId?: string;
  /** Highest local id and Raft term of the cluster that is taken over: both or neither. */
  readonly localIdFloor?: bigint;
  readonly termFloor?: number;
}

export interface Initialized {
  readonly clusterId: string;
  readonly scmId: Uuid;
  /** False when the directories were initialised before. */
  readonly isNew: boolean;
}

/** What chooses the ids of a new cluster. */
export interface InitializeEnvironment {
  readonly clock: Clock;
  readonly random: Random;
}

/** Makes the directories of a new cluster's first SCM; on initialised ones it only tells their ids. Never
 * overwrites: after a crash it goes on where it stopped, with the ids that were chosen then. VERSION comes
 * last and says that all is there.
 *
 * Throws RejectedError INVALID_ARGUMENT, or CLUSTER_ID_MISMATCH for another cluster id than the present one;
 * StorageError STORAGE_LOCKED while an SCM runs, unless there is nothing to do. */
export async function initialize(
  disk: Disk,
  directories: StorageDirectories,
  environment: InitializeEnvironment,
  options: InitializeOptions = {},
): Promise<Initialized> {
  checkFloors(options);
  if (storageState(disk, directories) === "INITIALIZED") {
    const { clusterId, scmId } = readVersionFile(disk, directories.versionFile);
    requireClusterId(clusterId, options);
    if (options.localIdFloor !== undefined) await requireStoredFloors(disk, directories, options);
    return { clusterId, scmId, isNew: false };
  }
  const wanted = newIdentity(environment, options);
  disk.makeDirectory(directories.root);
  const lock = await disk.lock(directories.lock);
  try {
    const identity = await initializeLog(disk, directories, wanted, options);
    await initializeState(disk, directories, identity);
    initializeVersion(disk, directories, identity, environment.clock.wallMs());
    return { clusterId: identity.clusterId, scmId: identity.scmId, isNew: true };
  } finally {
    await lock.release();
  }
}

function checkFloors({ localIdFloor, termFloor }: InitializeOptions): void {
  if ((localIdFloor === undefined) !== (termFloor === undefined)) {
    throw invalid("floors", "give both the local id floor and the term floor, or neither");
  }
  if (termFloor !== undefined && !isCount(termFloor)) throw invalid("term floor", `${termFloor} is no term`);
  if (localIdFloor !== undefined && (localIdFloor < 0n || localIdFloor > UINT64_MAX)) {
    throw invalid("local id floor", `${localIdFloor} exceeds 64 bits`);
  }
}

function newIdentity({ clock, random }: InitializeEnvironment, options: InitializeOptions): LogIdentity {
  const createdMs = clock.wallMs();
  return {
    clusterId: newClusterId(random, options.clusterId),
    scmId: randomUuid(random),
    nodeId: FIRST_NODE_ID,
    localIdFloor: options.localIdFloor ?? firstLocalId(createdMs),
    termFloor: term(options.termFloor ?? 0),
    given: options.localIdFloor !== undefined,
    createdMs,
  };
}

/** A given id is taken as it is, with or without the prefix of those that are made here (spec 07 §1): that
 * of a cluster that is taken over has it, and its datanodes talk to no other cluster. */
function newClusterId(random: Random, given: string | undefined): string {
  if (given === undefined) return CLUSTER_ID_PREFIX + randomUuid(random);
  const uuid = given.startsWith(CLUSTER_ID_PREFIX) ? given.slice(CLUSTER_ID_PREFIX.length) : given;
  if (parseUuid(uuid) === undefined) throw invalid("cluster id", `${given} is no UUID`);
  return given;
}

/** 1 January of the next year in ms × 65,536 (spec 07 §12.4): above everything that clocks have given out. */
function firstLocalId(nowMs: number): bigint {
  return BigInt(Date.UTC(new Date(nowMs).getUTCFullYear() + 1, 0, 1)) * 65_536n;
}

async function initializeLog(
  disk: Disk,
  directories: StorageDirectories,
  wanted: LogIdentity,
  options: InitializeOptions,
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
    requireClusterId(identity.clusterId, options);
    requireFloors(identity, options);
    return identity;
  });
}

const LOG_START: LogPoint = { index: logIndex(0), term: term(0), chain: 0 };

function writeLogStart(store: Store, identity: LogIdentity): void {
  const confState = {
    voters: [identity.nodeId],
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
    autoLeave: false,
  };
  const truncation = { epoch: 1, truncated: LOG_START, confState, stateDirectory: BASE_STATE_DIRECTORY };
  const hardState = { term: identity.termFloor, vote: NO_NODE, commit: logIndex(0) };
  const batch = store.batch();
  batch.put(META_COLUMN, META_KEY.IDENTITY, encodeLogIdentity(identity));
  batch.put(META_COLUMN, META_KEY.HARD_STATE, encodeHardState(hardState));
  batch.put(META_COLUMN, META_KEY.TRUNCATION, encodeTruncation(truncation));
  batch.write({ sync: true });
}

async function initializeState(
  disk: Disk,
  directories: StorageDirectories,
  identity: LogIdentity,
): Promise<void> {
  const path = join(directories.state, BASE_STATE_DIRECTORY);
  disk.makeDirectory(path);
  await withNewStore(disk, path, STATE_STORE_OPTIONS, (store) => {
    const found = readStateIdentity(store, path);
    if (found === undefined) writeStateIdentity(store, identity);
    else requireIdentity(path, found, identity);
  });
}

function initializeVersion(
  disk: Disk,
  directories: StorageDirectories,
  { clusterId, scmId, createdMs }: LogIdentity,
  wallMs: number,
): void {
  disk.makeDirectory(directories.current);
  const version: VersionFile = {
    clusterId,
    scmId,
    createdMs,
    layoutVersion: METADATA_LAYOUT_VERSION,
    scmHa: true,
    primaryScmId: scmId,
  };
  writeVersionFile(disk, directories.versionFile, version, wallMs);
}

function requireClusterId(clusterId: string, { clusterId: given }: InitializeOptions): void {
  if (given === undefined || given === clusterId || CLUSTER_ID_PREFIX + given === clusterId) return;
  throw new StrataError("CLUSTER_ID_MISMATCH", { given, expected: clusterId });
}

async function requireStoredFloors(
  disk: Disk,
  directories: StorageDirectories,
  options: InitializeOptions,
): Promise<void> {
  const lock = await disk.lock(directories.lock);
  try {
    const store = await disk.openStore(directories.raft, LOG_STORE_OPTIONS);
    try {
      requireFloors(readLogMeta(store, directories.raft).identity, options);
    } finally {
      await store.close();
    }
  } finally {
    await lock.release();
  }
}

/** Ids may have been given out since: floors are fixed once. */
function requireFloors(floors: Floors, { localIdFloor, termFloor }: InitializeOptions): void {
  if (localIdFloor === undefined) return;
  if (floors.given && floors.localIdFloor === localIdFloor && floors.termFloor === termFloor) return;
  const found = floors.given ? `${floors.localIdFloor} and ${floors.termFloor}` : "none";
  throw invalid("floors", `the directories were initialised with ${found}; initialise fresh ones`);
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

function invalid(field: string, reason: string): StrataError {
  return new StrataError("INVALID_ARGUMENT", { field, reason });
}
