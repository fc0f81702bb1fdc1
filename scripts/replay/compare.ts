import type { NodeRecord, ReplicaRecord, StorageReport } from "../../protocol/schema/records.js";
import type { ShownReplica } from "./container-rules.js";
import { type ModelNode, portsText } from "./model.js";
import { type JsonObject, number, object, size, string, uuidText } from "./trace.js";

/** Collects what differs (one line each), and counts of what agrees, of what differs by a rule in which
 * Strata is meant to differ, and of what nobody compares yet. */
export class Differences {
  readonly lines: string[] = [];
  readonly agreed = new Map<string, number>();
  readonly differentByRule = new Map<string, number>();
  readonly notComparedYet = new Map<string, number>();

  add(where: string, what: string, ours: unknown, theirs: unknown): void {
    this.lines.push(`${where}: ${what}: ours ${show(ours)}, trace ${show(theirs)}`);
  }

  equal(where: string, what: string, ours: unknown, theirs: unknown): void {
    if (ours !== theirs) this.add(where, what, ours, theirs);
  }

  agree(what: string): void {
    addTo(this.agreed, what, 1);
  }

  byRule(rule: string): void {
    addTo(this.differentByRule, rule, 1);
  }

  leaveOut(what: string, count = 1): void {
    addTo(this.notComparedYet, what, count);
  }
}

export function addTo(counts: Map<string, number>, what: string, count: number): void {
  counts.set(what, (counts.get(what) ?? 0) + count);
}

/** One node of the table against the model. `healths` are the states that one check interval of tolerance
 * allows. */
export function compareNode(
  differences: Differences,
  where: string,
  ours: NodeRecord | undefined,
  theirs: ModelNode,
  healths: ReadonlySet<string>,
): void {
  if (ours === undefined) {
    differences.add(where, `node ${theirs.uuid}`, "absent", "present");
    return;
  }
  const at = `${where}: node ${theirs.uuid}`;
  differences.equal(at, "ip", ours.details.ipAddress, theirs.ipAddress);
  differences.equal(at, "host", ours.details.hostName, theirs.hostName);
  differences.equal(at, "ports", ourPorts(ours), theirs.ports);
  if (!healths.has(ours.health)) differences.add(at, "health", ours.health, [...healths].join(" or "));
  differences.equal(at, "operational state", ours.operationalState, theirs.operationalState);
  differences.equal(at, "metadata layout", ours.layout.metadata, theirs.metadataLayout);
  differences.equal(at, "software layout", ours.layout.software, theirs.softwareLayout);
  compareStorage(differences, at, ours, theirs.storage);
}

function compareStorage(
  differences: Differences,
  at: string,
  ours: NodeRecord,
  theirs: readonly JsonObject[],
): void {
  const volumes = ours.report?.storageReports ?? [];
  differences.equal(at, "volumes", volumes.length, theirs.length);
  theirs.forEach((volume, position) => {
    const mine = volumes[position];
    if (mine === undefined) return;
    const label = `volume ${string(volume["storageUuid"])}`;
    differences.equal(at, `${label} id`, mine.storageUuid, string(volume["storageUuid"]));
    differences.equal(at, `${label} location`, mine.storageLocation, string(volume["storageLocation"]));
    differences.equal(at, `${label} failed`, mine.failed, volume["failed"] === true);
    for (const name of [
      "capacity",
      "scmUsed",
      "remaining",
      "committed",
      "freeSpaceToSpare",
      "reserved",
    ] as const) {
      differences.equal(at, `${label} ${name}`, mine[name], size(volume[name]));
    }
    differences.equal(at, `${label} fsCapacity`, mine.fsCapacity ?? 0, size(volume["fsCapacity"]));
    differences.equal(at, `${label} fsAvailable`, mine.fsAvailable ?? 0, size(volume["fsAvailable"]));
  });
}

/** The replicas of one container against the model or an answer. */
export function compareReplicas(
  differences: Differences,
  where: string,
  containerId: number,
  ours: readonly ReplicaRecord[],
  theirs: ReadonlyMap<string, ShownReplica>,
): void {
  const at = `${where}: container ${containerId}`;
  const mine = new Map(ours.map((replica) => [replica.datanode as string, replica]));
  for (const node of new Set([...mine.keys(), ...theirs.keys()])) {
    const [a, b] = [mine.get(node), theirs.get(node)];
    if (a === undefined || b === undefined) {
      differences.add(at, `replica on ${node}`, a === undefined ? "absent" : a.state, b?.state ?? "absent");
      continue;
    }
    const on = `${at} on ${node}`;
    differences.equal(on, "state", a.state, b.state);
    differences.equal(on, "index", a.replicaIndex, b.replicaIndex);
    differences.equal(on, "sequence id", a.sequenceId, b.sequenceId);
    differences.equal(on, "used", a.usedBytes, b.usedBytes);
    differences.equal(on, "keys", a.keyCount, b.keyCount);
    differences.equal(on, "origin", a.originNodeId, b.origin);
    if (b.isEmpty !== undefined) differences.equal(on, "empty", a.isEmpty, b.isEmpty);
    differences.equal(on, "checksum", a.dataChecksum, b.dataChecksum);
  }
}

/** One node of the trace's answer to QueryNode. */
export function compareNodeAnswer(
  differences: Differences,
  where: string,
  ours: NodeRecord | undefined,
  answer: JsonObject,
  healths: ReadonlySet<string>,
): void {
  const details = object(answer["nodeID"]);
  const uuid = uuidText(details);
  if (ours === undefined) {
    differences.add(where, `node ${uuid}`, "absent", "present");
    return;
  }
  const at = `${where}: node ${uuid}`;
  differences.equal(at, "ip", ours.details.ipAddress, string(details["ipAddress"]));
  differences.equal(at, "host", ours.details.hostName, string(details["hostName"]));
  differences.equal(at, "ports", ourPorts(ours), portsText(details));
  const health = firstText(answer["nodeStates"]);
  if (ours.health !== health && !(healths.has(health) && healths.has(ours.health))) {
    differences.add(at, "health", ours.health, health);
  }
  differences.equal(
    at,
    "operational state",
    ours.operationalState,
    firstText(answer["nodeOperationalStates"]),
  );
  const volumes = ours.report?.storageReports ?? [];
  differences.equal(at, "volumes", volumes.length, number(answer["totalVolumeCount"]));
  const healthy = volumes.filter((volume) => !volume.failed).length;
  differences.equal(at, "healthy volumes", healthy, number(answer["healthyVolumeCount"]));
}

/** What DatanodeUsageInfo sums over volumes: name in a difference, field of the answer, a volume's part. The
 * file system of a failed volume does not count. */
const USAGE_FIGURES: readonly (readonly [string, string, (volume: StorageReport) => number])[] = [
  ["capacity", "capacity", (v) => v.capacity],
  ["used", "used", (v) => v.scmUsed],
  ["remaining", "remaining", (v) => v.remaining],
  ["committed", "committed", (v) => v.committed],
  ["free space to spare", "freeSpaceToSpare", (v) => v.freeSpaceToSpare],
  ["reserved", "reserved", (v) => v.reserved],
  ["fs capacity", "fsCapacity", (v) => (v.failed ? 0 : (v.fsCapacity ?? 0))],
  ["fs available", "fsAvailable", (v) => (v.failed ? 0 : (v.fsAvailable ?? 0))],
];

/** One node of the trace's answer to DatanodeUsageInfo. */
export function compareUsageAnswer(
  differences: Differences,
  where: string,
  ours: NodeRecord | undefined,
  answer: JsonObject,
): void {
  const uuid = uuidText(object(answer["node"]));
  if (ours === undefined) {
    differences.add(where, `node ${uuid}`, "absent", "present");
    return;
  }
  const at = `${where}: usage of ${uuid}`;
  const volumes = ours.report?.storageReports ?? [];
  for (const [name, field, pick] of USAGE_FIGURES) {
    const total = volumes.reduce((sum, volume) => sum + pick(volume), 0);
    differences.equal(at, name, total, size(answer[field]));
  }
  differences.equal(at, "containers", ours.containerCount, number(answer["containerCount"]));
}

function ourPorts(node: NodeRecord): string {
  return node.details.ports
    .map((port) => `${port.name}=${port.value}`)
    .sort()
    .join(" ");
}

function firstText(value: JsonObject[string]): string {
  return Array.isArray(value) ? string(value[0]) : "";
}

function show(value: unknown): string {
  return typeof value === "string" ? value : String(value);
}
