import type { RequestOf, ResponseOf } from "../protocol/schema/messages.js";
import type { Config } from "./config/config.js";
import type { Address } from "./config/fields.js";
import { formatAddress, formatTime } from "./config/values.js";
import type { Clock } from "./core/clock.js";
import type { Disk } from "./core/disk.js";
import { StrataError } from "./core/errors.js";
import type { Random } from "./core/random.js";
import type { Uuid } from "./core/uuid.js";
import { nodeId } from "./raft/types.js";
import { type StorageDirectories, storageState } from "./storage/directories.js";
import { sameClusterId } from "./storage/initialize.js";
import { type JoinTicket, makeJoinedStores, takeTicket } from "./storage/join.js";
import { readVersionFile } from "./storage/version-file.js";

/** One question to the group, after which the person who waits hears how it stands. */
const ATTEMPT_MS = 5000;

/** The group as an SCM asks it that wants to join. */
export interface GroupClient {
  scmInfo(): Promise<ResponseOf<"scmInfo">>;
  scmRoles(): Promise<ResponseOf<"scmRoles">>;
  addScm(request: RequestOf<"addScm">): Promise<ResponseOf<"addScm">>;
  close(): void;
}

export interface BootstrapParts {
  readonly disk: Disk;
  readonly directories: StorageDirectories;
  readonly clock: Clock;
  readonly random: Random;
  /** Asks these SCMs; each call ends within `timeoutMs`. */
  readonly connect: (endpoints: readonly Address[], timeoutMs: number) => GroupClient;
  /** Told each time that nobody has answered, with why. */
  readonly onWaiting: (text: string) => void;
}

export interface Bootstrapped {
  readonly clusterId: string;
  readonly scmId: string;
  /** False when the directories were initialised before. */
  readonly isNew: boolean;
}

/** `strata scm --bootstrap`: becomes a member of the running group, as a learner that is told everything and
 * votes when it has caught up (spec 07 §2.2). On initialised directories it only checks that they are a
 * member's of this group. May be repeated after whatever went wrong: the group knows this SCM again by the id
 * that it chose first.
 *
 * `clusterId` is the only cluster to be joined, when it is given. Throws RejectedError CLUSTER_ID_MISMATCH or
 * what the group says against it, StorageError, ConfigError when no other SCM is configured, and the last
 * error when nobody answered in `ozone.scm.info.wait.duration`. */
export async function bootstrap(
  parts: BootstrapParts,
  config: Config,
  clusterId: string | undefined,
): Promise<Bootstrapped> {
  const { disk, directories } = parts;
  if (storageState(disk, directories) === "INITIALIZED") {
    const version = readVersionFile(disk, directories.versionFile);
    requireCluster(version.clusterId, clusterId);
    if (!config.bootstrap.skipValidation) {
      await ask(parts, config, async (client) => {
        requireCluster((await client.scmInfo()).clusterId, version.clusterId);
        await requireMember(client, version.scmId);
      });
    }
    return { clusterId: version.clusterId, scmId: version.scmId, isNew: false };
  }
  disk.makeDirectory(directories.root);
  const lock = await disk.lock(directories.lock);
  try {
    const ticket = await ask(parts, config, async (client) => {
      const found = (await client.scmInfo()).clusterId;
      requireCluster(found, clusterId);
      return takeTicket(disk, directories, found, parts.random);
    });
    const request = requestOf(config, ticket);
    const added = await ask(parts, config, (client) => client.addScm(request));
    const place = { nodeId: nodeId(added.nodeId), primaryScmId: added.primaryScmId };
    await makeJoinedStores(disk, directories, ticket, place, parts.clock);
    return { ...ticket, isNew: true };
  } finally {
    await lock.release();
  }
}

/** Repeats `task` until it ends otherwise than for want of an answer. */
async function ask<T>(
  { connect, clock, onWaiting }: BootstrapParts,
  config: Config,
  task: (client: GroupClient) => Promise<T>,
): Promise<T> {
  const endpoints = othersOf(config);
  const deadlineMs = clock.monotonicMs() + config.bootstrap.infoWaitMs;
  for (;;) {
    const leftMs = deadlineMs - clock.monotonicMs();
    const client = connect(endpoints, Math.min(ATTEMPT_MS, Math.max(1, leftMs)));
    try {
      return await task(client);
    } catch (error) {
      const nextMs = deadlineMs - clock.monotonicMs();
      if (nextMs <= 0 || !mayPass(error)) throw error;
      const names = endpoints.map(formatAddress).join(", ");
      const why = error.cause instanceof Error ? error.cause.message : error.message;
      const left = formatTime(Math.ceil(nextMs / 1000) * 1000);
      onWaiting(`no SCM of ${names} has taken this one in yet: ${why}; asking for ${left} more`);
    } finally {
      client.close();
    }
  }
}

/** Errors that the client has given up on after the time of one attempt; everything else it repeats by
 * itself, or nobody can help. */
function mayPass(error: unknown): error is StrataError {
  return error instanceof StrataError && error.code === "NO_ANSWER";
}

function othersOf({ group }: Config): Address[] {
  const others = group.nodes.filter(({ name }) => name !== group.name);
  if (others.length > 0) return others.map(({ host, wsPort: port }) => ({ host, port }));
  const key = group.serviceId === "" ? "ozone.scm.service.ids" : `ozone.scm.nodes.${group.serviceId}`;
  const problems = `  ${key}: names no other SCM, and --bootstrap joins a group that runs`;
  throw new StrataError("CONFIG_INVALID", { count: 1, problems });
}

function requestOf(config: Config, { scmId, clusterId }: JoinTicket): RequestOf<"addScm"> {
  const { scm, gateway, http, group } = config;
  return {
    clusterId,
    scm: {
      nodeId: 0,
      scmId,
      name: group.name,
      host: scm.hostName,
      raftPort: scm.ratisPort,
      strataPort: gateway.wsAddress.port,
      httpPort: http.httpEnabled ? http.httpAddress.port : 0,
      clientPort: 0,
      datanodePort: 0,
      blockPort: 0,
      securityPort: 0,
    },
  };
}

/** One that was removed has nothing to start for. */
async function requireMember(client: GroupClient, scmId: Uuid): Promise<void> {
  const { peers } = await client.scmRoles();
  if (!peers.some((peer) => peer.scmId === scmId)) throw new StrataError("MEMBER_UNKNOWN", { scmId });
}

function requireCluster(found: string, expected: string | undefined): void {
  if (expected === undefined || sameClusterId(found, expected)) return;
  throw new StrataError("CLUSTER_ID_MISMATCH", { given: expected, expected: found });
}
