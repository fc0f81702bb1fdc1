import { DAY_MS, key, MINUTE_MS, SECOND_MS } from "../fields.js";

/** Datanodes and where they stand. */

export const NODES = {
  heartbeatIntervalMs: key(
    "hdds.heartbeat.interval",
    "time",
    "30s",
    "How often a datanode sends a heartbeat; the SCM tells it when it connects.",
    { min: 100, max: 60 * MINUTE_MS },
  ),
  healthCheckIntervalMs: key(
    "ozone.scm.heartbeat.thread.interval",
    "time",
    "3s",
    "How often the SCM looks for datanodes that went silent.",
    { min: 100, max: 60 * MINUTE_MS },
  ),
  staleIntervalMs: key(
    "ozone.scm.stale.node.interval",
    "time",
    "5m",
    "Silence after which a datanode is STALE.",
    {
      min: 500,
      max: 30 * DAY_MS,
    },
  ),
  deadIntervalMs: key(
    "ozone.scm.dead.node.interval",
    "time",
    "10m",
    "Silence after which a datanode is DEAD.",
    {
      min: SECOND_MS,
      max: 30 * DAY_MS,
    },
  ),
  useDatanodeHostName: key(
    "hdds.datanode.use.datanode.hostname",
    "bool",
    "false",
    "Address datanodes by host name, not by IP address.",
  ),
  nodeCountMax: key("strata.node.count.max", "int", "16384", "Datanodes that can be known at a time.", {
    min: 1,
    max: 65_535,
  }),
};

export const TOPOLOGY = {
  schemaFile: key(
    "ozone.scm.network.topology.schema.file",
    "str",
    "network-topology-default.xml",
    "Levels of the topology and their costs: the path of a file, or network-topology-default.xml or " +
      "network-topology-nodegroup.xml, which are built in.",
  ),
  mapping: key(
    "net.topology.node.switch.mapping.impl",
    "str",
    "org.apache.hadoop.net.ScriptBasedMapping",
    "What tells the racks of datanodes: a script or a table.",
    { choices: ["org.apache.hadoop.net.ScriptBasedMapping", "org.apache.hadoop.net.TableMapping"] },
  ),
  scriptFile: key(
    "net.topology.script.file.name",
    "dir",
    undefined,
    "Script that prints a rack such as /rack1 for each address in its arguments; without one all " +
      "datanodes are in /default-rack.",
  ),
  scriptArgumentCountMax: key(
    "net.topology.script.number.args",
    "int",
    "100",
    "Addresses that the script is given at a time.",
    { min: 1, max: 10_000 },
  ),
  tableFile: key(
    "net.topology.table.file.name",
    "dir",
    undefined,
    "Table with an address and a rack in each line; what it lacks is in /default-rack.",
  ),
};
