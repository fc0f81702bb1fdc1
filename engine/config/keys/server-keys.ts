import { GIB, KIB, key, MIB, MINUTE_MS, SECOND_MS } from "../fields.js";

/** Threads, ports and what goes over them. */

const RING = { min: MIB, max: GIB, powerOfTwo: true } as const;
/** A record has at most a quarter of its ring, and an entry of the log at most 1 MiB and a header. */
const LOG_RING = { ...RING, min: 8 * MIB } as const;

/** A record has at most a quarter of its ring, and a frame of a message 256 KiB and a header. */
const FRONT_RING = { ...RING, min: 2 * MIB } as const;

/** Keys of an endpoint of Hadoop RPC; the port in an address goes before the one of its own key (spec 07 §3
 * rule 6). */
function hadoopAddress<const K extends string>(name: K, clients: string) {
  const meaning = `Where ${clients} find this SCM; a port in it is the one that is opened.`;
  return key(name, "addr", undefined, meaning, { perNode: true, mayLackPort: true });
}
function hadoopBindHost<const K extends string>(name: K, clients: string) {
  return key(name, "host", "0.0.0.0", `Address of this machine on which the port for ${clients} is opened.`, {
    perNode: true,
  });
}
function hadoopPort<const K extends string, const D extends string>(name: K, port: D, clients: string) {
  const meaning = `Port for ${clients} (Hadoop RPC), where the address names none; 0 = any free one.`;
  return key(name, "int", port, meaning, { min: 0, max: 65_535, perNode: true });
}

export const GATEWAY = {
  wsAddress: key(
    "strata.ws.address",
    "addr",
    "0.0.0.0:9865",
    "Address for datanodes and `strata admin` (WebSocket); port 0 = any free one.",
    { perNode: true },
  ),
  connectionCountMax: key("strata.ws.connections.max", "int", "20000", "Open connections.", {
    min: 1,
    max: 1_000_000,
  }),
  connectionsPerAddressMax: key(
    "strata.ws.connections.per.address.max",
    "int",
    "10000",
    "Open connections from one IP address.",
    { min: 1, max: 1_000_000 },
  ),
  sendBufferBytesMax: key(
    "strata.ws.send.buffer.max",
    "size",
    "4MB",
    "A peer that leaves more than this unread is closed with SLOW_CONSUMER.",
    { min: 512 * KIB, max: GIB },
  ),
  idleTimeoutMs: key(
    "strata.ws.idle.timeout",
    "time",
    "2m",
    "A connection silent this long is pinged, and closed if it stays silent; whole seconds.",
    { min: 8 * SECOND_MS, max: 960 * SECOND_MS },
  ),
  handshakeTimeoutMs: key(
    "strata.ws.handshake.timeout",
    "time",
    "10s",
    "A connection must have said hello within this time.",
    { min: 100, max: 10 * MINUTE_MS },
  ),
  mutationsInFlightMax: key(
    "strata.admin.mutations.max",
    "int",
    "65536",
    "Mutations of all admin clients that wait for their commit; more are refused as OVERLOADED.",
    { min: 1, max: 1_048_576 },
  ),
};

export const HADOOP = {
  isEnabled: key(
    "strata.hadoop.enabled",
    "bool",
    "false",
    "Whether unmodified Ozone datanodes, Ozone Managers and `ozone admin` are served (Hadoop RPC).",
  ),
  isSecurityEnabled: key(
    "ozone.security.enabled",
    "bool",
    "false",
    "Kerberos, which this release does not speak: it refuses to serve Hadoop RPC then.",
  ),
  clientAddress: hadoopAddress("ozone.scm.client.address", "administrators and Ozone Managers"),
  clientBindHost: hadoopBindHost("ozone.scm.client.bind.host", "administrators and Ozone Managers"),
  clientPort: hadoopPort("ozone.scm.client.port", "9860", "administrators and Ozone Managers"),
  datanodeAddress: hadoopAddress("ozone.scm.datanode.address", "datanodes"),
  datanodeBindHost: hadoopBindHost("ozone.scm.datanode.bind.host", "datanodes"),
  datanodePort: hadoopPort("ozone.scm.datanode.port", "9861", "datanodes"),
  blockAddress: hadoopAddress("ozone.scm.block.client.address", "Ozone Managers that ask for blocks"),
  blockBindHost: hadoopBindHost("ozone.scm.block.client.bind.host", "Ozone Managers that ask for blocks"),
  blockPort: hadoopPort("ozone.scm.block.client.port", "9863", "Ozone Managers that ask for blocks"),
  connectionCountMax: key(
    "strata.hadoop.connections.max",
    "int",
    "20000",
    "Open connections of Hadoop RPC on all its ports.",
    { min: 1, max: 1_000_000 },
  ),
  frameBytesMax: key(
    "ipc.maximum.data.length",
    "size",
    "128MB",
    "Longest request of Hadoop RPC; who sends a longer one is cut off.",
    { min: MIB, max: GIB },
  ),
  clientFrameBytesMax: key(
    "strata.hadoop.client.request.max",
    "size",
    "16MB",
    "Longest request on the port for administrators, who send nothing that is large; " +
      "`ipc.maximum.data.length` where that is less.",
    { min: MIB, max: GIB },
  ),
  blockFrameBytesMax: key(
    "strata.hadoop.block.request.max",
    "size",
    "40MB",
    "Longest request on the port for blocks, where Ozone Managers send deletions of keys of up to 32 MB; " +
      "`ipc.maximum.data.length` where that is less.",
    { min: MIB, max: GIB },
  ),
  bufferedBytesMax: key(
    "strata.hadoop.buffer.max",
    "size",
    "512MB",
    "Memory for requests of Hadoop RPC that have not come whole; more are not read meanwhile.",
    { min: 16 * MIB, max: 64 * GIB },
  ),
  heldReportBytesMax: key(
    "strata.hadoop.held.reports.max",
    "size",
    "512MB",
    "Memory for reports of datanodes over Hadoop RPC that wait for credit, an eighth of it at most for one " +
      "report; a datanode whose report finds no room is asked for it again later.",
    { min: 16 * MIB, max: 64 * GIB },
  ),
  ringBytes: key(
    "strata.ring.front.size",
    "size",
    "8MB",
    "Ring to and from the thread that serves Hadoop RPC.",
    FRONT_RING,
  ),
  ipcPackage: key(
    "strata.hadoop.ipc.package",
    "str",
    "ipc_",
    "Package of the exception classes of Hadoop RPC: ipc_ for clients of Ozone 2.2 and later, ipc for " +
      "older ones.",
    { choices: ["ipc_", "ipc"] },
  ),
};

export const REPORTS = {
  chunksInFlightMax: key(
    "strata.report.chunks.max",
    "int",
    "32",
    "Chunks of full reports that all datanodes together may have on the way.",
    { min: 1, max: 8192 },
  ),
  chunksPerNodeMax: key(
    "strata.report.chunks.per.node.max",
    "int",
    "4",
    "Chunks of a full report that one datanode may have on the way.",
    { min: 1, max: 256 },
  ),
};

export const WORKERS = {
  shardCount: key(
    "strata.shard.count",
    "int",
    "0",
    "Threads for the replica tables; 0 = processor cores − 3, at least 1, at most 8.",
    { min: 0, max: 8 },
  ),
  shardRingBytes: key("strata.ring.shard.size", "size", "8MB", "Ring to and from each shard thread.", RING),
  logRingBytes: key("strata.ring.log.size", "size", "8MB", "Ring to and from the log thread.", LOG_RING),
  stateRingBytes: key("strata.ring.state.size", "size", "8MB", "Ring to and from the state thread.", RING),
};

export const HTTP = {
  httpEnabled: key("ozone.scm.http.enabled", "bool", "true", "Whether the web server runs."),
  httpAddress: key("ozone.scm.http-address", "addr", "0.0.0.0:9876", "Web address; port 0 = any free one.", {
    perNode: true,
  }),
  httpBindHost: key(
    "ozone.scm.http-bind-host",
    "host",
    undefined,
    "Host to bind instead of the one in `ozone.scm.http-address`.",
    { perNode: true },
  ),
  prometheusEnabled: key("hdds.prometheus.endpoint.enabled", "bool", "true", "Whether /prom answers."),
  prometheusToken: key(
    "hdds.prometheus.endpoint.token",
    "str",
    undefined,
    "Bearer token that /prom asks for; not set = none.",
    { secret: true },
  ),
};

export const TELEMETRY = {
  logLevel: key("strata.log.level", "str", "info", "Least severe level that is logged.", {
    choices: ["trace", "debug", "info", "warn", "error", "fatal", "silent"],
  }),
  auditFile: key(
    "strata.audit.file",
    "dir",
    "${ozone.metadata.dirs}/audit.log",
    "File of the audit records, one JSON object a line.",
  ),
  auditBufferBytesMax: key(
    "strata.audit.buffer.max",
    "size",
    "4MB",
    "Audit records not yet written; mutations wait while it is full.",
    { min: 64 * KIB, max: GIB },
  ),
};

export const CLIENT = {
  containerListCountMax: key(
    "ozone.scm.container.list.max.count",
    "int",
    "4096",
    "Greatest --count of `strata admin container list`, and containers of a page that the SCM answers.",
    { min: 1, max: 1_000_000 },
  ),
};
