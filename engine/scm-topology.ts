import { existsSync } from "node:fs";
import { resolve } from "node:path";
import {
  DEFAULT_SCHEMA,
  locationProblem,
  NODEGROUP_SCHEMA,
  type TopologySchema,
} from "./cluster/topology/schema.js";
import { schemaOf } from "./cluster/topology/schema-file.js";
import type { Config } from "./config/config.js";
import { readXmlFile } from "./config/xml.js";
import type { Clock } from "./core/clock.js";
import { StrataError } from "./core/errors.js";
import type { Scheduler } from "./core/scheduler.js";
import { RackLocations, type RackLocationsOptions } from "./gateway/rack-locations.js";
import { type OnRacks, runRackScript } from "./host/rack-script.js";
import { readRackTable } from "./host/rack-table.js";
import type { Logger } from "./telemetry/logger.js";

/** Where Hadoop's mappings put what they do not know (spec 03 §12.2 rule 2). */
const DEFAULT_RACK = "/default-rack";
/** Reading the table costs the same for one host and for many. */
const TABLE_BATCH_MAX = 65_536;

const BUILT_IN: ReadonlyMap<string, TopologySchema> = new Map([
  ["network-topology-default.xml", DEFAULT_SCHEMA],
  ["network-topology-nodegroup.xml", NODEGROUP_SCHEMA],
]);

/** The schema of the configuration: a file on disk, else a built-in one of that name.
 * @throws StrataError TOPOLOGY_SCHEMA */
export function topologySchemaOf({ schemaFile: file }: Config["topology"]): TopologySchema {
  if (/\.ya?ml$/i.test(file)) throw invalid(file, "YAML is not read here: write the same levels as XML");
  const path = resolve(file);
  const builtIn = BUILT_IN.get(file);
  if (!existsSync(path)) {
    if (builtIn !== undefined) return builtIn;
    throw invalid(file, `there is no file ${path}: give an absolute path, or the name of a built-in schema`);
  }
  const elements = readXmlFile(path);
  const schema = typeof elements === "string" ? [elements] : schemaOf(elements);
  if ("levels" in schema) return schema;
  throw invalid(path, schema.join("\n  "));
}

function invalid(file: string, problems: string): StrataError {
  return new StrataError("TOPOLOGY_SCHEMA", { file, problems: `  ${problems}` });
}

/** What tells where hosts are, by the mapping of the configuration. */
export function rackLocationsOf(
  { topology, nodes }: Pick<Config, "topology" | "nodes">,
  schema: TopologySchema,
  parts: { readonly clock: Clock; readonly scheduler: Scheduler; readonly logger: Logger },
): RackLocations {
  const { clock, scheduler, logger } = parts;
  return new RackLocations({
    ...mappingOf(topology),
    isRack: (location) => locationProblem(schema, location) === undefined,
    byHostName: nodes.useDatanodeHostName,
    clock,
    scheduler,
    onFailed: (hosts, error) =>
      logger.warn("racks cannot be found: datanodes stay where they said they are", {
        hosts: hosts.slice(0, 10),
        hostCount: hosts.length,
        mapping: topology.scriptFile ?? topology.tableFile,
        reason: error.message,
      }),
  });
}

function mappingOf(topology: Config["topology"]): Pick<RackLocationsOptions, "ask" | "batchMax"> {
  const { mapping, scriptFile, scriptArgumentCountMax, tableFile } = topology;
  const path = mapping.endsWith(".TableMapping") ? tableFile : scriptFile;
  const batchMax = path !== undefined && path === scriptFile ? scriptArgumentCountMax : TABLE_BATCH_MAX;
  const ask = (hosts: readonly string[], onRacks: OnRacks): void => {
    if (path === undefined) onRacks(hosts.map(() => DEFAULT_RACK));
    else if (mapping.endsWith(".TableMapping")) readRackTable(path, DEFAULT_RACK, hosts, onRacks);
    else runRackScript(path, hosts, onRacks);
  };
  return { ask, batchMax };
}
