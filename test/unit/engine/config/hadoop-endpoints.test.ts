import assert from "node:assert/strict";
import { test } from "node:test";
import { hadoopEndpoints } from "../../../../engine/config/hadoop-endpoints.js";
import { loadConfig } from "../../../../engine/config/load.js";

const HOST = { hostName: "scm-a.example.com", addresses: ["10.0.0.1"], coreCount: 4 };
const DIRECTORY = "ozone.metadata.dirs=/data";
const THREE = [
  "ozone.scm.service.ids=svc",
  "ozone.scm.nodes.svc=a,b,c",
  ...["a", "b", "c"].map((name) => `ozone.scm.address.svc.${name}=${name}.example.com`),
  "ozone.scm.node.id=b",
];

function load(...overrides: readonly string[]) {
  return loadConfig({ overrides: [DIRECTORY, ...overrides], env: {}, host: HOST });
}

/** Host and port of the client, datanode and block port, as text. */
function places(...overrides: readonly string[]): string[] {
  const { client, datanode, block } = hadoopEndpoints(load(...overrides).hadoop);
  return [client, datanode, block].map(({ host, port }) => `${host}:${port}`);
}

test("without any key it is the reference's ports, on all addresses, and not served", () => {
  assert.deepEqual(places(), ["0.0.0.0:9860", "0.0.0.0:9861", "0.0.0.0:9863"]);
  assert.equal(load().hadoop.isEnabled, false);
});

test("a port in the address goes before the port's own key, an address without one does not", () => {
  assert.deepEqual(
    places(
      "ozone.scm.client.address=scm.example.com:7001",
      "ozone.scm.client.port=1",
      "ozone.scm.datanode.address=scm.example.com",
      "ozone.scm.datanode.port=7002",
      "ozone.scm.block.client.bind.host=10.0.0.1",
    ),
    ["0.0.0.0:7001", "0.0.0.0:7002", "10.0.0.1:9863"],
  );
});

test("each node of a service has keys of its own, else the plain ones", () => {
  assert.deepEqual(
    places(
      ...THREE,
      "ozone.scm.client.port.svc.a=8001",
      "ozone.scm.client.port.svc.b=8002",
      "ozone.scm.datanode.address.svc.b=b.example.com:8003",
      "ozone.scm.block.client.port=8004",
      "ozone.scm.block.client.bind.host.svc.b=10.0.0.2",
    ),
    ["0.0.0.0:8002", "0.0.0.0:8003", "10.0.0.2:8004"],
  );
});

test("two ports that are the same are a problem, as long as they are served", () => {
  const same = ["ozone.scm.client.port=9865"];
  assert.doesNotThrow(() => load(...same));
  assert.throws(
    () => load("strata.hadoop.enabled=true", ...same),
    /strata\.ws\.address and ozone\.scm\.client\.port: both use port 9865/,
  );
  assert.throws(
    () => load("strata.hadoop.enabled=true", "ozone.scm.datanode.port=9863"),
    /both use port 9863/,
  );
});

test("a name by which clients would not know the SCM is warned of, where there are several", () => {
  const enabled = "strata.hadoop.enabled=true";
  const warnings = (...overrides: readonly string[]) => load(enabled, ...THREE, ...overrides).warnings;
  const client = "ozone.scm.client.address.svc.b";
  const block = "ozone.scm.block.client.address";
  assert.deepEqual(warnings(), []);
  assert.deepEqual(warnings(`${client}=b.example.com:9860`, `${block}=0.0.0.0`), []);
  const both = warnings(`${client}=10.0.0.1:9860`, `${block}.svc.b=scm-b`);
  const follow = "clients that know this SCM so do not follow redirects, which name it b.example.com";
  assert.deepEqual(both, [
    `ozone.scm.client.address = 10.0.0.1: ${follow}`,
    `ozone.scm.block.client.address = scm-b: ${follow}`,
  ]);
  const [colons = "", ...others] = warnings("ozone.scm.address.svc.b=fe80::1");
  assert.match(colons, /^ozone\.scm\.address = fe80::1: .*IPv4 only/);
  assert.deepEqual(others, []);
  assert.deepEqual(load(...THREE, `${client}=10.0.0.1:9860`).warnings, []);
  assert.deepEqual(load(enabled, "ozone.scm.client.address=10.0.0.1").warnings, []);
});
