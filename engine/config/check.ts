/** Rules between keys. Each broken one is a problem as text that says what would be allowed; nothing is
 * changed silently (the reference clamps the node intervals, spec 11 §4). */
import { sep } from "node:path";
import { REPORT_CHUNK_BYTES_MAX } from "../../protocol/schema/datanode-messages.js";
import { type Address, type KeyDeclaration, SECOND_MS } from "./fields.js";
import { type HadoopEndpoint, hadoopEndpoints } from "./hadoop-endpoints.js";
import { type ConfigValues, SCHEMA } from "./schema.js";
import { formatSize, formatTime } from "./values.js";

/** Greatest size of a page or row in a flush. */
const FLUSH_ITEM_BYTES = 4096;

interface Rule {
  /** The keys that it relates: with one of them wrong by itself there is nothing to check. */
  readonly keys: readonly string[];
  readonly check: (values: ConfigValues) => string[];
}

const { blocks, hadoop, nodes, raft, storage, telemetry, gateway, http, scm, reports, workers } = SCHEMA;

const RULES: readonly Rule[] = [
  {
    keys: keysOf(nodes.heartbeatIntervalMs, nodes.healthCheckIntervalMs, nodes.staleIntervalMs),
    check: checkStaleInterval,
  },
  { keys: keysOf(nodes.staleIntervalMs, nodes.deadIntervalMs), check: checkDeadInterval },
  {
    keys: keysOf(storage.metadataDir, storage.stateDir, storage.raftDir, telemetry.auditFile),
    check: checkDirectories,
  },
  {
    keys: keysOf(
      gateway.wsAddress,
      http.httpEnabled,
      http.httpAddress,
      scm.ratisPort,
      hadoop.isEnabled,
      hadoop.clientAddress,
      hadoop.clientPort,
      hadoop.datanodeAddress,
      hadoop.datanodePort,
      hadoop.blockAddress,
      hadoop.blockPort,
    ),
    check: checkPorts,
  },
  {
    keys: keysOf(reports.chunksInFlightMax, reports.chunksPerNodeMax, workers.shardRingBytes),
    check: checkReports,
  },
  { keys: keysOf(gateway.connectionCountMax, gateway.connectionsPerAddressMax), check: checkConnections },
  { keys: keysOf(gateway.idleTimeoutMs), check: checkIdleTimeout },
  { keys: keysOf(raft.electionTimeoutMs), check: checkElectionTimeout },
  { keys: keysOf(blocks.allowedReplications), check: checkAllowedReplications },
  { keys: keysOf(storage.dirtyBytesMax, storage.flushItemCountMax), check: checkDirtyLimit },
];

/** Problems between values that are each right by themselves.
 * @param values complete but for keys that are not good
 * @param isGood whether a key has its value */
export function checkTogether(values: ConfigValues, isGood: (key: string) => boolean): string[] {
  return RULES.filter((rule) => rule.keys.every(isGood)).flatMap((rule) => rule.check(values));
}

function keysOf(...declarations: KeyDeclaration[]): string[] {
  return declarations.map(({ key }) => key);
}

function checkAllowedReplications({ blocks: { allowedReplications } }: ConfigValues): string[] {
  try {
    new RegExp(allowedReplications);
    return [];
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return [`ozone.replication.allowed-configs: is not a regular expression: ${reason}`];
  }
}

function checkStaleInterval({ nodes }: ConfigValues): string[] {
  const { healthCheckIntervalMs, heartbeatIntervalMs, staleIntervalMs } = nodes;
  const least = Math.max(5 * healthCheckIntervalMs, 3 * heartbeatIntervalMs);
  const greatest = 1000 * Math.min(healthCheckIntervalMs, heartbeatIntervalMs);
  if (least > greatest) {
    return [
      "hdds.heartbeat.interval and ozone.scm.heartbeat.thread.interval: lie too far apart: " +
        "no ozone.scm.stale.node.interval can be at least 5 checks and 3 heartbeats and at most 1000 of each",
    ];
  }
  if (staleIntervalMs >= least && staleIntervalMs <= greatest) return [];
  return [
    `ozone.scm.stale.node.interval: ${formatTime(staleIntervalMs)} is outside of ${formatTime(least)} … ` +
      `${formatTime(greatest)}: at least 5 × ozone.scm.heartbeat.thread.interval and 3 × ` +
      "hdds.heartbeat.interval, at most 1000 × each",
  ];
}

function checkDeadInterval({ nodes: { staleIntervalMs, deadIntervalMs } }: ConfigValues): string[] {
  const [least, greatest] = [2 * staleIntervalMs, 1000 * staleIntervalMs];
  if (deadIntervalMs >= least && deadIntervalMs <= greatest) return [];
  return [
    `ozone.scm.dead.node.interval: ${formatTime(deadIntervalMs)} is outside of ` +
      `${formatTime(least)} … ${formatTime(greatest)}: 2 to 1000 × ozone.scm.stale.node.interval`,
  ];
}

function checkDirectories({ storage, telemetry }: ConfigValues): string[] {
  const { metadataDir, stateDir, raftDir } = storage;
  const problems: string[] = [];
  const stores = [
    ["ozone.scm.db.dirs", stateDir],
    ["ozone.scm.ha.ratis.storage.dir", raftDir],
  ] as const;
  for (const [key, path] of stores) {
    if (isInside(metadataDir, path))
      problems.push(`${key}: must not be or hold ozone.metadata.dirs (${path})`);
    if (isInside(telemetry.auditFile, path)) {
      problems.push(`strata.audit.file: must not lie in a store's directory (${key})`);
    }
  }
  if (isInside(stateDir, raftDir) || isInside(raftDir, stateDir)) {
    problems.push("ozone.scm.db.dirs and ozone.scm.ha.ratis.storage.dir: one must not hold the other");
  }
  return problems;
}

function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

function checkPorts({ gateway, http, scm, hadoop }: ConfigValues): string[] {
  const listeners: readonly (readonly [string, Address])[] = [
    ["strata.ws.address", gateway.wsAddress],
    ...(http.httpEnabled ? [["ozone.scm.http-address", http.httpAddress] as const] : []),
    ["ozone.scm.ratis.port", { host: "0.0.0.0", port: scm.ratisPort }],
    ...(hadoop.isEnabled ? Object.values(hadoopEndpoints(hadoop)).map(listenerOf) : []),
  ];
  const problems: string[] = [];
  for (const [i, [key, address]] of listeners.entries()) {
    for (const [other, { port }] of listeners.slice(i + 1)) {
      if (port !== 0 && port === address.port) problems.push(`${key} and ${other}: both use port ${port}`);
    }
  }
  return problems;
}

function listenerOf({ portKey, host, port }: HadoopEndpoint): readonly [string, Address] {
  return [portKey, { host, port }];
}

function checkReports({ reports, workers }: ConfigValues): string[] {
  const problems: string[] = [];
  if (reports.chunksPerNodeMax > reports.chunksInFlightMax) {
    problems.push("strata.report.chunks.per.node.max: exceeds strata.report.chunks.max");
  }
  // Half of the ring: the other half stays for incremental reports, which need no credit (stack-limits §7).
  const ringBytesMin = 2 * reports.chunksInFlightMax * REPORT_CHUNK_BYTES_MAX;
  if (workers.shardRingBytes < ringBytesMin) {
    problems.push(
      `strata.ring.shard.size: ${formatSize(workers.shardRingBytes)} is less than ` +
        `${formatSize(ringBytesMin)}, twice what strata.report.chunks.max = ${reports.chunksInFlightMax} ` +
        "chunks can hold",
    );
  }
  return problems;
}

function checkConnections({ gateway }: ConfigValues): string[] {
  if (gateway.connectionsPerAddressMax <= gateway.connectionCountMax) return [];
  return ["strata.ws.connections.per.address.max: exceeds strata.ws.connections.max"];
}

function checkIdleTimeout({ gateway: { idleTimeoutMs } }: ConfigValues): string[] {
  if (idleTimeoutMs % SECOND_MS === 0) return [];
  return [`strata.ws.idle.timeout: ${formatTime(idleTimeoutMs)} is not in whole seconds`];
}

/** A tenth of it is one tick. */
function checkElectionTimeout({ raft: { electionTimeoutMs } }: ConfigValues): string[] {
  if (electionTimeoutMs % 10 === 0) return [];
  const shown = formatTime(electionTimeoutMs);
  return [`ozone.scm.ha.ratis.leader.election.timeout: ${shown} is no multiple of 10ms`];
}

function checkDirtyLimit({ storage: { dirtyBytesMax, flushItemCountMax } }: ConfigValues): string[] {
  const least = 2 * flushItemCountMax * FLUSH_ITEM_BYTES;
  if (dirtyBytesMax >= least) return [];
  return [
    `strata.state.dirty.max: ${formatSize(dirtyBytesMax)} is less than ${formatSize(least)}, ` +
      `two flushes of strata.state.flush.items.max = ${flushItemCountMax}`,
  ];
}
