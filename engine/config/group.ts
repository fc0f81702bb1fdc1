import type { Address, KeyDeclaration } from "./fields.js";
import type { LocalNode } from "./identity.js";
import { type ConfigValues, SCHEMA } from "./schema.js";
import type { Settings } from "./settings.js";
import { parseList } from "./values.js";

/** An SCM as the configuration knows it. */
export interface GroupNode {
  /** Its id in `ozone.scm.nodes.<service>`; empty without a service. */
  readonly name: string;
  /** As it was written: names are resolved when somebody connects, so that name servers may change. */
  readonly host: string;
  readonly raftPort: number;
  /** Where datanodes and administrators connect (WebSocket). */
  readonly wsPort: number;
}

/** The SCMs of this SCM's service in the order of `ozone.scm.nodes.<service>` (spec 07 §3); without a service
 * this one alone. */
export interface GroupConfig {
  /** Empty without a service. */
  readonly serviceId: string;
  /** Which of the nodes this SCM is. */
  readonly name: string;
  readonly nodes: readonly GroupNode[];
}

/** What is set, and how a key is read: undefined when it has no value or a wrong one, which is a problem
 * then. */
export interface KeyReader {
  readonly settings: Settings;
  read(declaration: KeyDeclaration): unknown;
}

/** The other nodes of this SCM's service. To be read before the values of `local` take the place of the plain
 * ones, which hold for all nodes that have none of their own. */
export function readOthers(reader: KeyReader, { serviceId, nodeId }: LocalNode): GroupNode[] {
  return nodesOf(reader.settings, serviceId)
    .filter((name) => name !== nodeId)
    .map((name) => readNode(reader, serviceId, name));
}

/** @param values of this SCM
 * @param others without it */
export function groupOf(
  { settings }: KeyReader,
  local: LocalNode | undefined,
  values: ConfigValues,
  others: readonly GroupNode[],
): GroupConfig {
  const { serviceId, nodeId: name } = local ?? { serviceId: "", nodeId: "" };
  const { hostName: host, ratisPort: raftPort } = values.scm;
  const own = { name, host, raftPort, wsPort: values.gateway.wsAddress.port };
  const names = local === undefined ? [name] : nodesOf(settings, serviceId);
  const nodes = names.map((node) => others.find((other) => other.name === node) ?? own);
  return { serviceId, name, nodes };
}

/** Where the SCMs of the configured service answer administrators; empty without a service. */
export function readEndpoints(reader: KeyReader): Address[] {
  const { settings } = reader;
  const services = servicesOf(settings);
  if (services.length > 1) {
    settings.problems.push(`${SCHEMA.scm.defaultServiceId.key}: must name one of ${services.join(", ")}`);
  }
  return services.slice(0, 1).flatMap((serviceId) => {
    return nodesOf(settings, serviceId).map((name) => {
      const { host, wsPort: port } = readNode(reader, serviceId, name);
      const bound = readOwn(reader, SCHEMA.gateway.wsAddress, serviceId, name) as Address | undefined;
      return { host: bound === undefined || isWildcard(bound.host) ? host : bound.host, port };
    });
  });
}

/** Services of which one may be meant. */
export function servicesOf(settings: Settings): readonly string[] {
  const chosen = settings.get(SCHEMA.scm.defaultServiceId.key)?.text;
  return chosen === undefined ? parseList(settings.get(SCHEMA.scm.serviceIds.key)?.text ?? "") : [chosen];
}

export function nodesOf(settings: Settings, serviceId: string): readonly string[] {
  return parseList(settings.get(`ozone.scm.nodes.${serviceId}`)?.text ?? "");
}

/** Whether who binds to it is reached by any address of the machine. */
export function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

/** The node's own key, else the plain one, else the default (spec 07 §3 rule 6). */
function readNode(reader: KeyReader, serviceId: string, name: string): GroupNode {
  const { scm, gateway } = SCHEMA;
  const value = (key: KeyDeclaration) => readOwn(reader, key, serviceId, name) ?? reader.read(key);
  const address = value(gateway.wsAddress) as Address | undefined;
  return {
    name,
    host: (value(scm.hostName) as string | undefined) ?? "",
    raftPort: (value(scm.ratisPort) as number | undefined) ?? 0,
    wsPort: address?.port ?? 0,
  };
}

function readOwn(reader: KeyReader, plain: KeyDeclaration, serviceId: string, name: string): unknown {
  const key = `${plain.key}.${serviceId}.${name}`;
  return reader.settings.get(key) === undefined ? undefined : reader.read({ ...plain, key });
}
