import type { Clock } from "../core/clock.js";
import type { Disk } from "../core/disk.js";
import { StrataError } from "../core/errors.js";
import { isCount, term, UINT64_MAX } from "../core/ids.js";
import type { Random } from "../core/random.js";
import { parseUuid, randomUuid, type Uuid } from "../core/uuid.js";
import { type StorageDirectories, storageState } from "./directories.js";
import { joinTicket } from "./join.js";
import { LOG_STORE_OPTIONS, type LogIdentity, readLogMeta } from "./log-meta.js";
import { FIRST_NODE_ID, makeStores } from "./new-stores.js";
import type { Floors } from "./recovered.js";
import { readVersionFile } from "./version-file.js";

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
    if (joinTicket(disk, directories) !== undefined) throw joining(directories);
    const identity = await makeStores(disk, directories, wanted, {
      primaryScmId: ({ scmId }) => scmId,
      accept: (found) => {
        requireClusterId(found.clusterId, options);
        requireFloors(found, options);
      },
      wallMs: environment.clock.wallMs(),
    });
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

/** Whether a person means `clusterId` by `given`: that of a fresh cluster has a prefix, which may be left
 * out. */
export function sameClusterId(clusterId: string, given: string): boolean {
  return given === clusterId || CLUSTER_ID_PREFIX + given === clusterId;
}

function requireClusterId(clusterId: string, { clusterId: given }: InitializeOptions): void {
  if (given === undefined || sameClusterId(clusterId, given)) return;
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

/** Its id may be in a group already. */
function joining({ root }: StorageDirectories): StrataError {
  return invalid("directory", `\`strata scm --bootstrap\` has begun in ${root}: end it, or use an empty one`);
}

function invalid(field: string, reason: string): StrataError {
  return new StrataError("INVALID_ARGUMENT", { field, reason });
}
