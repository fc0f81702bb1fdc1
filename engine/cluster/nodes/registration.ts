import type { DatanodeDetails } from "../../../protocol/schema/records.js";
import { normalized } from "../topology/location.js";
import type { NodeManagerOptions, PeerAddress, RegistrationCase } from "./node-types.js";

const DEFAULT_RACK = "/default-rack";

/** The details as the SCM records them (spec 01 §3.2 steps 2 and 3): address as the transport saw it, names
 * of the topology. Every other field stays as it came. */
export function recordedDetails(
  details: DatanodeDetails,
  peer: PeerAddress | undefined,
  { useDatanodeHostname, topology }: Pick<NodeManagerOptions, "useDatanodeHostname" | "topology">,
): DatanodeDetails {
  const ipAddress = peer?.ipAddress ?? details.ipAddress;
  const hostName = useDatanodeHostname ? details.hostName : (peer?.hostName ?? details.hostName);
  return {
    ...details,
    ipAddress,
    hostName,
    networkName: details.uuid,
    networkLocation: normalized(peer?.networkLocation ?? details.networkLocation ?? DEFAULT_RACK),
    level: topology.schema.levels.length,
  };
}

/** Which row of the table of spec 01 §3.2 applies to a known node; the first match wins. */
export function caseOf(known: DatanodeDetails, now: DatanodeDetails): Exclude<RegistrationCase, "new"> {
  if (known.ipAddress !== now.ipAddress || known.hostName !== now.hostName) return "moved";
  if (known.version !== now.version) return "upgraded";
  return hasSamePorts(known, now) ? "same" : "ports";
}

/** Port sets are equal when their maps from name to number are. */
export function hasSamePorts(a: DatanodeDetails, b: DatanodeDetails): boolean {
  const ports = new Map(a.ports.map(({ name, value }) => [name, value]));
  const others = new Map(b.ports.map(({ name, value }) => [name, value]));
  if (ports.size !== others.size) return false;
  return [...ports].every(([name, value]) => others.get(name) === value);
}
