import { nodesOf, servicesOf } from "./group.js";
import type { Settings } from "./settings.js";

/** What this machine is called. */
export interface HostFacts {
  readonly hostName: string;
  /** Addresses of its network interfaces, loopback too. */
  readonly addresses: readonly string[];
  /** Processor cores that the process may use. */
  readonly coreCount: number;
}

/** This SCM in a service of several (spec 07 §3). */
export interface LocalNode {
  readonly serviceId: string;
  readonly nodeId: string;
}

/** Finds out which node of which service this machine is, so that names with `.<service>.<node>` can be
 * resolved; undefined when no service is configured. Problems go to `settings.problems`. */
export function findLocalNode(settings: Settings, host: HostFacts): LocalNode | undefined {
  const services = servicesOf(settings);
  const wanted = settings.get("ozone.scm.node.id")?.text;
  const found: LocalNode[] = [];
  const problemsBefore = settings.problems.length;
  for (const serviceId of services) {
    const nodeIds = nodesOf(settings, serviceId);
    checkService(settings, serviceId, nodeIds);
    for (const nodeId of nodeIds) {
      const address = settings.get(`ozone.scm.address.${serviceId}.${nodeId}`)?.text;
      const isLocal =
        wanted === undefined ? address !== undefined && isOwn(address, host) : nodeId === wanted;
      if (isLocal) found.push({ serviceId, nodeId });
    }
  }
  if (services.length === 0 || settings.problems.length > problemsBefore) return undefined;
  if (found.length === 1) return found[0];
  const names = found.map((node) => node.nodeId).join(", ");
  const reason =
    found.length === 0
      ? `none of the nodes of ${services.join(", ")} is this machine (${host.hostName}); name one`
      : `${names} are all this machine; name one of them`;
  settings.problems.push(`ozone.scm.node.id: ${reason}`);
  return undefined;
}

function checkService(settings: Settings, serviceId: string, nodeIds: readonly string[]): void {
  const key = `ozone.scm.nodes.${serviceId}`;
  if (nodeIds.length === 0) settings.problems.push(`${key}: must list the nodes of the service`);
  if (new Set(nodeIds).size < nodeIds.length) settings.problems.push(`${key}: names a node twice`);
  for (const nodeId of nodeIds) {
    const address = `ozone.scm.address.${serviceId}.${nodeId}`;
    if (settings.get(address) === undefined) settings.problems.push(`${address}: must be set`);
  }
}

/** Compares as text, without asking a name server: full name, first label, or an address of an interface. */
function isOwn(address: string, { hostName, addresses }: HostFacts): boolean {
  const name = address.toLowerCase();
  const own = hostName.toLowerCase();
  if (name === own || name === "localhost" || addresses.includes(name)) return true;
  const isShort = !name.includes(".") || !own.includes(".");
  return isShort && name.split(".")[0] === own.split(".")[0];
}
