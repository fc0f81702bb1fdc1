import { join } from "node:path";
import type { Clock } from "../core/clock.js";
import type { Disk } from "../core/disk.js";
import { StrataError } from "../core/errors.js";
import { term } from "../core/ids.js";
import type { Random } from "../core/random.js";
import { parseUuid, randomUuid, type Uuid } from "../core/uuid.js";
import type { NodeId } from "../raft/types.js";
import type { StorageDirectories } from "./directories.js";
import { requireIdentity } from "./identity.js";
import { makeStores } from "./new-stores.js";

/** Beside the stores, while there are none. */
const JOIN_DIRECTORY = "joining";
const TICKET_FILE = "ids.json";

/** What an SCM remembers of its first request to join: whatever becomes of the answer, it asks again under
 * the same id, and so never becomes two members. */
export interface JoinTicket {
  readonly scmId: Uuid;
  readonly clusterId: string;
}

/** Its place in a group, as the leader has given it. */
export interface JoinedGroup {
  readonly nodeId: NodeId;
  readonly primaryScmId: Uuid;
}

/** The ticket in uninitialised directories, undefined when none was written. Throws CorruptionError
 * VERSION_FILE_CORRUPT. */
export function joinTicket(disk: Disk, directories: StorageDirectories): JoinTicket | undefined {
  const path = ticketPath(directories);
  const bytes = disk.readFile(path);
  if (bytes === undefined) return undefined;
  try {
    const { scmId, clusterId } = JSON.parse(Buffer.from(bytes).toString("utf8")) as Record<string, unknown>;
    const parsed = typeof scmId === "string" ? parseUuid(scmId) : undefined;
    if (parsed !== undefined && typeof clusterId === "string") return { scmId: parsed, clusterId };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new StrataError("VERSION_FILE_CORRUPT", {
    path,
    reason: "does not hold the ids of an SCM that joins",
  });
}

/** Chooses the id under which this SCM asks to join `clusterId`, and keeps it; the one of an earlier attempt
 * when there was one. The caller holds the lock. Throws RejectedError CLUSTER_ID_MISMATCH when that one was
 * made to another cluster, StorageError STORAGE_IDS_DIFFER when the directories are another SCM's. */
export function takeTicket(
  disk: Disk,
  directories: StorageDirectories,
  clusterId: string,
  random: Random,
): JoinTicket {
  const found = joinTicket(disk, directories);
  if (found !== undefined) {
    if (found.clusterId === clusterId) return found;
    throw new StrataError("CLUSTER_ID_MISMATCH", { given: clusterId, expected: found.clusterId });
  }
  if (disk.list(directories.raft).length > 0) {
    const details = { path: directories.raft, found: "an `--init` that has not ended", expected: "nothing" };
    throw new StrataError("STORAGE_IDS_DIFFER", details);
  }
  const ticket = { scmId: randomUuid(random), clusterId };
  disk.makeDirectory(join(directories.root, JOIN_DIRECTORY));
  disk.writeFile(ticketPath(directories), Buffer.from(`${JSON.stringify(ticket)}\n`));
  return ticket;
}

/** Makes the stores of an SCM that the group has taken in: an empty log, which the leader fills. The caller
 * holds the lock. */
export async function makeJoinedStores(
  disk: Disk,
  directories: StorageDirectories,
  { scmId, clusterId }: JoinTicket,
  { nodeId, primaryScmId }: JoinedGroup,
  clock: Clock,
): Promise<void> {
  const createdMs = clock.wallMs();
  // Ids and terms come with the log: the floors are those of whoever founded the cluster.
  const floors = { localIdFloor: 0n, termFloor: term(0), given: false };
  const identity = { clusterId, scmId, nodeId, ...floors, createdMs };
  await makeStores(disk, directories, identity, {
    primaryScmId: () => primaryScmId,
    accept: (found) => requireIdentity(directories.raft, found, identity),
    wallMs: createdMs,
  });
  disk.removeDirectory(join(directories.root, JOIN_DIRECTORY));
}

function ticketPath({ root }: StorageDirectories): string {
  return join(root, JOIN_DIRECTORY, TICKET_FILE);
}
