import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type ConfigSources, loadClientConfig, loadConfig } from "../../../../engine/config/load.js";
import { StrataError } from "../../../../engine/core/errors.js";

const folder = mkdtempSync(join(tmpdir(), "strata-config-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const host = { hostName: "scm-a.example.com", addresses: ["10.1.2.3"], coreCount: 4 };
const base: ConfigSources = { env: {}, host };
const METADATA = "ozone.metadata.dirs=/data";

function load(...overrides: string[]) {
  return loadConfig({ ...base, overrides: [METADATA, ...overrides] });
}

type Property = readonly [name: string, value: string, final?: boolean];

/** A directory whose `ozone-site.xml` holds these properties, one a line from line 2. */
function siteDirectory(...properties: Property[]): string {
  const lines = properties.map(
    ([name, value, final]) =>
      `<property><name>${name}</name><value>${value}</value>${final ? "<final>true</final>" : ""}</property>`,
  );
  const directory = mkdtempSync(join(folder, "conf-"));
  writeFileSync(
    join(directory, "ozone-site.xml"),
    `<configuration>\n${lines.join("\n")}\n</configuration>\n`,
  );
  return directory;
}

function problemsOf(sources: ConfigSources): string[] {
  try {
    loadConfig({ ...base, ...sources });
  } catch (error) {
    assert(error instanceof StrataError);
    assert.equal(error.code, "CONFIG_INVALID");
    const lines = String(error.details["problems"]).split("\n");
    assert.equal(error.details["count"], lines.length);
    return lines.map((line) => line.trim());
  }
  return [];
}

function problems(...overrides: string[]): string[] {
  return problemsOf({ overrides: [METADATA, ...overrides] });
}

test("without file and overrides the reference's defaults hold", () => {
  const { nodes, storage, http, scm } = load();
  assert.equal(nodes.heartbeatIntervalMs, 30_000);
  assert.equal(nodes.healthCheckIntervalMs, 3000);
  assert.equal(nodes.staleIntervalMs, 300_000);
  assert.equal(nodes.deadIntervalMs, 600_000);
  assert.deepEqual(http.httpAddress, { host: "0.0.0.0", port: 9876 });
  assert.equal(scm.ratisPort, 9894);
  assert.equal(scm.hostName, "scm-a.example.com");
  assert.equal(storage.stateDir, "/data/scm/state");
  assert.equal(storage.raftDir, "/data/scm/raft");
});

test("overrides win over the file, the file over defaults, later overrides over earlier ones", () => {
  const configDir = siteDirectory(["ozone.metadata.dirs", "/file"], ["hdds.heartbeat.interval", "10s"]);
  const fromFile = loadConfig({ ...base, configDir });
  assert.equal(fromFile.storage.metadataDir, "/file");
  assert.equal(fromFile.nodes.heartbeatIntervalMs, 10_000);
  const overrides = ["hdds.heartbeat.interval=20s", "hdds.heartbeat.interval=25s"];
  assert.equal(loadConfig({ ...base, configDir, overrides }).nodes.heartbeatIntervalMs, 25_000);
});

test("OZONE_CONF_DIR names the directory unless one is given", () => {
  const fromEnv = siteDirectory(["ozone.metadata.dirs", "/env"]);
  const given = siteDirectory(["ozone.metadata.dirs", "/given"]);
  const env = { OZONE_CONF_DIR: fromEnv };
  assert.equal(loadConfig({ host, env }).storage.metadataDir, "/env");
  assert.equal(loadConfig({ host, env, configDir: given }).storage.metadataDir, "/given");
});

test("an empty value counts as not set", () => {
  assert.equal(load("hdds.heartbeat.interval=").nodes.heartbeatIntervalMs, 30_000);
  assert.deepEqual(problemsOf({ overrides: ["ozone.metadata.dirs="] }), ["ozone.metadata.dirs: must be set"]);
});

test("a final property of the file cannot be overridden", () => {
  const configDir = siteDirectory(["ozone.metadata.dirs", "/data", true]);
  assert.deepEqual(problemsOf({ configDir, overrides: ["ozone.metadata.dirs=/x"] }), [
    "ozone.metadata.dirs (-D): is final in ozone-site.xml line 2 and cannot be set again",
  ]);
});

test("other keys, the environment and the system expand in values", () => {
  const env = { BASE: "/base" };
  const overrides = ["ozone.metadata.dirs=${env.BASE}/${my.part}", "my.part=${user.dir}x"];
  const { storage } = loadConfig({ env, host, overrides });
  assert.equal(storage.metadataDir, `/base${process.cwd()}x`);
  assert.equal(storage.stateDir, `${storage.metadataDir}/scm/state`);
  assert.equal(load("my.n=7", "ozone.scm.ratis.port=98${my.n}0").scm.ratisPort, 9870);
});

test("variables that are not set, or never end, are problems", () => {
  assert.deepEqual(problems("ozone.scm.ratis.port=${no.such}"), [
    "ozone.scm.ratis.port = ${no.such} (-D): names ${no.such}, which is not set",
  ]);
  assert.deepEqual(problems("a.x=${a.y}", "a.y=${a.x}", "ozone.scm.ratis.port=${a.x}"), [
    "ozone.scm.ratis.port = ${a.x} (-D): needs more than 20 replacements of ${…}",
  ]);
  const chain = Array.from({ length: 19 }, (_, i) => `a.v${i}=\${a.v${i + 1}}`);
  assert.equal(load(...chain, "a.v19=9000", "ozone.scm.ratis.port=${a.v0}").scm.ratisPort, 9000);
});

test("a deprecated name works with a warning", () => {
  const config = load("dfs.datanode.use.datanode.hostname=true");
  assert.equal(config.nodes.useDatanodeHostName, true);
  assert.deepEqual(config.warnings, [
    "dfs.datanode.use.datanode.hostname (-D) is an old name: use hdds.datanode.use.datanode.hostname",
  ]);
});

test("old and present name with different values in one source contradict each other", () => {
  const [old, present] = ["dfs.datanode.use.datanode.hostname", "hdds.datanode.use.datanode.hostname"];
  assert.match(problems(`${old}=true`, `${present}=false`)[0] ?? "", /set to different values under its old/);
  assert.deepEqual(problems(`${old}=true`, `${present}=true`), []);
  const configDir = siteDirectory(["ozone.metadata.dirs", "/data"], [old, "true"]);
  const overridden = loadConfig({ ...base, configDir, overrides: [`${present}=false`] });
  assert.equal(overridden.nodes.useDatanodeHostName, false);
});

test("a time without unit warns", () => {
  const config = load("ozone.scm.heartbeat.thread.interval=2000");
  assert.equal(config.nodes.healthCheckIntervalMs, 2000);
  assert.deepEqual(config.warnings, [
    "ozone.scm.heartbeat.thread.interval = 2000 (-D) has no unit: taken as 2000ms",
  ]);
});

test("an unknown strata key is refused with the nearest known one, however far", () => {
  assert.deepEqual(problems("strata.ws.adress=a:1"), [
    "strata.ws.adress (-D): is not known; the nearest known key is strata.ws.address",
  ]);
  assert.equal(problems("strata.something.else.entirely=1").length, 1);
});

test("a near-miss of a known key is refused, other keys are kept as unused", () => {
  const configDir = siteDirectory(
    ["ozone.metadata.dirs", "/data"],
    ["ozone.scm.stale.node.intervall", "1m"],
    ["ozone.om.db.dirs", "/om"],
    ["ozone.scm.https-address", "0.0.0.0:9877"],
  );
  assert.deepEqual(problemsOf({ configDir }), [
    "ozone.scm.stale.node.intervall (ozone-site.xml line 3): is not known; " +
      "the nearest known key is ozone.scm.stale.node.interval",
  ]);
  const entry = load("ozone.om.db.dirs=/om")
    .effective()
    .find(({ key }) => key === "ozone.om.db.dirs");
  assert.deepEqual(entry, {
    key: "ozone.om.db.dirs",
    value: "/om",
    origin: "-D",
    used: false,
    redacted: false,
  });
});

test("all problems are told at once", () => {
  const configDir = siteDirectory(["ozone.scm.ratis.port", "x"], ["hdds.hearbeat.interval", "1s"]);
  writeFileSync(join(configDir, "other"), "");
  const found = problemsOf({
    configDir,
    overrides: ["nonsense", "strata.shard.count=9", "ozone.scm.dead.node.interval=1m", "ozone.scm.names=a,b"],
  });
  assert.deepEqual(
    found.map((line) => line.split(/[ :]/, 1)[0]),
    [
      "-D",
      "hdds.hearbeat.interval",
      "ozone.scm.ratis.port",
      "ozone.metadata.dirs",
      "strata.shard.count",
      "ozone.scm.dead.node.interval",
    ],
  );
});

test("a broken file is told with its path and does not hide other problems", () => {
  const directory = mkdtempSync(join(folder, "broken-"));
  writeFileSync(join(directory, "ozone-site.xml"), "<configuration>\n<property>");
  const found = problemsOf({ configDir: directory, overrides: ["ozone.scm.ratis.port=-1"] });
  assert.match(found[0] ?? "", /ozone-site\.xml: line 2: is not well-formed XML/);
  assert.match(found[1] ?? "", /^ozone\.scm\.ratis\.port = -1 \(-D\): is less than 0/);
  assert.match(problemsOf({ configDir: "/nonexistent" })[0] ?? "", /cannot be read/);
});

test("stale and dead intervals outside of their range are refused, not clamped", () => {
  assert.match(problems("ozone.scm.stale.node.interval=89s")[0] ?? "", /89s is outside of 90s … 50m/);
  assert.deepEqual(problems("ozone.scm.stale.node.interval=90s"), []);
  assert.match(problems("ozone.scm.stale.node.interval=51m")[0] ?? "", /outside of 90s … 50m/);
  assert.match(problems("ozone.scm.dead.node.interval=599s")[0] ?? "", /599s is outside of 10m … 5000m/);
  assert.match(
    problems("hdds.heartbeat.interval=10m", "ozone.scm.heartbeat.thread.interval=100ms")[0] ?? "",
    /lie too far apart/,
  );
});

test("directories must not hold each other, nor a store the audit file", () => {
  assert.match(problems("ozone.scm.db.dirs=/data")[0] ?? "", /must not be or hold ozone.metadata.dirs/);
  const [inner] = problems("ozone.scm.db.dirs=/fast", "ozone.scm.ha.ratis.storage.dir=/fast/raft");
  assert.match(inner ?? "", /one must not hold the other/);
  assert.match(problems("strata.audit.file=/data/scm/raft/audit.log")[0] ?? "", /must not lie in a store's/);
  assert.deepEqual(problems("ozone.scm.db.dirs=/fast", "ozone.scm.ha.ratis.storage.dir=/faster"), []);
});

test("two listeners cannot share a port, unless it is 0", () => {
  assert.deepEqual(problems("ozone.scm.http-address=0.0.0.0:9865"), [
    "strata.ws.address and ozone.scm.http-address: both use port 9865",
  ]);
  assert.deepEqual(problems("strata.ws.address=127.0.0.1:0", "ozone.scm.http-address=127.0.0.1:0"), []);
  assert.deepEqual(problems("ozone.scm.http-address=0.0.0.0:9865", "ozone.scm.http.enabled=false"), []);
});

test("limits that depend on each other are checked together", () => {
  assert.match(problems("strata.report.chunks.max=2")[0] ?? "", /per.node.max: exceeds/);
  assert.match(problems("strata.report.chunks.max=64")[0] ?? "", /shard.size: 8MB is less than 16MB/);
  assert.match(problems("strata.ws.connections.max=10")[0] ?? "", /per.address.max: exceeds/);
  assert.match(problems("strata.ws.idle.timeout=9500ms")[0] ?? "", /9500ms is not in whole seconds/);
  assert.match(
    problems("strata.state.flush.items.max=40000")[0] ?? "",
    /strata.state.dirty.max: 256MB is less/,
  );
});

test("a ring to the log thread that no entry fits is refused", () => {
  assert.deepEqual(problems("strata.ring.log.size=4MB"), [
    "strata.ring.log.size = 4MB (-D): is less than 8MB, the least value allowed",
  ]);
});

test("a shard count of 0 becomes the cores less three, from 1 to 8", () => {
  const shardCount = (coreCount: number, ...overrides: string[]) =>
    loadConfig({ env: {}, host: { ...host, coreCount }, overrides: [METADATA, ...overrides] }).workers
      .shardCount;
  assert.deepEqual(
    [1, 2, 4, 5, 8, 64].map((cores) => shardCount(cores)),
    [1, 1, 1, 2, 5, 8],
  );
  assert.equal(shardCount(64, "strata.shard.count=5"), 5);
});

const SERVICE = ["ozone.scm.service.ids=svc", "ozone.scm.nodes.svc=scm1", "ozone.scm.address.svc.scm1=scm-a"];

test("names with service and node of this machine replace the plain ones, and say so", () => {
  const config = load(...SERVICE, "ozone.scm.ratis.port=9000", "ozone.scm.ratis.port.svc.scm1=9001");
  assert.equal(config.scm.ratisPort, 9001);
  assert.equal(config.scm.hostName, "scm-a");
  const entry = config.effective().find(({ key }) => key === "ozone.scm.ratis.port");
  assert.equal(entry?.origin, "-D as ozone.scm.ratis.port.svc.scm1");
});

test("the own node is found by node id, host name or address of an interface", () => {
  const port = "ozone.scm.ratis.port.svc.scm1=9001";
  const nodes = ["ozone.scm.service.ids=svc", "ozone.scm.nodes.svc=scm1"];
  for (const address of ["scm-a", "SCM-A.example.com", "localhost", "10.1.2.3"]) {
    assert.equal(load(...nodes, `ozone.scm.address.svc.scm1=${address}`, port).scm.ratisPort, 9001, address);
  }
  const elsewhere = [...nodes, "ozone.scm.address.svc.scm1=other.example.com"];
  assert.match(problems(...elsewhere)[0] ?? "", /none of the nodes of svc is this machine/);
  assert.equal(load(...elsewhere, "ozone.scm.node.id=scm1", port).scm.ratisPort, 9001);
});

test("a service without nodes, an address that is missing, and a node listed twice are refused", () => {
  assert.deepEqual(problems("ozone.scm.service.ids=svc"), [
    "ozone.scm.nodes.svc: must list the nodes of the service",
  ]);
  assert.deepEqual(problems("ozone.scm.service.ids=svc", "ozone.scm.nodes.svc=scm1"), [
    "ozone.scm.address.svc.scm1: must be set",
  ]);
  assert.match(problems(...SERVICE, "ozone.scm.nodes.svc=scm1,scm1")[0] ?? "", /names a node twice/);
});

const THREE = [
  "ozone.scm.service.ids=svc",
  "ozone.scm.nodes.svc=a,b,c",
  ...["a", "b", "c"].map((name) => `ozone.scm.address.svc.${name}=${name}.example.com`),
];

test("without a service the group is this SCM alone, by its plain keys", () => {
  const { group } = load("ozone.scm.ratis.port=9000", "strata.ws.address=0.0.0.0:99");
  assert.deepEqual(group, {
    serviceId: "",
    name: "",
    nodes: [{ name: "", host: "scm-a.example.com", raftPort: 9000, wsPort: 99 }],
  });
});

test("each node has its own port, else the plain one, else the default", () => {
  const { group, scm } = load(
    ...THREE,
    "ozone.scm.node.id=b",
    "ozone.scm.ratis.port.svc.a=9001",
    "ozone.scm.ratis.port.svc.b=9002",
    "strata.ws.address=0.0.0.0:99",
    "strata.ws.address.svc.c=10.0.0.3",
  );
  assert.deepEqual(group, {
    serviceId: "svc",
    name: "b",
    nodes: [
      { name: "a", host: "a.example.com", raftPort: 9001, wsPort: 99 },
      { name: "b", host: "b.example.com", raftPort: 9002, wsPort: 99 },
      { name: "c", host: "c.example.com", raftPort: 9894, wsPort: 9865 },
    ],
  });
  assert.deepEqual([scm.hostName, scm.ratisPort], ["b.example.com", 9002]);
  const plain = load(...THREE, "ozone.scm.node.id=b", "ozone.scm.ratis.port=7");
  assert.deepEqual(
    plain.group.nodes.map(({ raftPort }) => raftPort),
    [7, 7, 7],
  );
});

test("of several services the default one counts, or the one that has this machine", () => {
  const services = [
    "ozone.scm.service.ids=x,y",
    "ozone.scm.nodes.x=n1",
    "ozone.scm.nodes.y=n2",
    "ozone.scm.address.x.n1=far-away",
    "ozone.scm.address.y.n2=10.1.2.3",
  ];
  assert.deepEqual([load(...services).group.serviceId, load(...services).group.name], ["y", "n2"]);
  const other = load(...services, "ozone.scm.default.service.id=x", "ozone.scm.node.id=n1");
  assert.deepEqual([other.group.serviceId, other.group.name], ["x", "n1"]);
});

test("what is wrong with another node's keys is said, and a plain key's fault only once", () => {
  const wrong = problems(...THREE, "ozone.scm.node.id=a", "ozone.scm.ratis.port.svc.b=x");
  assert.deepEqual(wrong, ["ozone.scm.ratis.port.svc.b = x (-D): must be a whole number (decimal or 0x…)"]);
  assert.equal(problems(...THREE, "ozone.scm.node.id=a", "ozone.scm.ratis.port=99999").length, 1);
  const ambiguous = THREE.map((line) => line.replace(/[abc].example.com$/, "localhost"));
  assert.match(problems(...ambiguous)[0] ?? "", /a, b, c are all this machine; name one of them/);
});

test("a client gets all SCMs of the service in their order", () => {
  const endpoints = (...more: string[]) =>
    loadClientConfig({ ...base, overrides: [...THREE, ...more] }).endpoints.map(({ host, port }) => [
      host,
      port,
    ]);
  assert.deepEqual(endpoints("strata.ws.address=0.0.0.0:99", "strata.ws.address.svc.b=127.0.0.1:7"), [
    ["a.example.com", 99],
    ["127.0.0.1", 7],
    ["c.example.com", 99],
  ]);
  assert.throws(() => endpoints("ozone.scm.service.ids=svc,other"), /must name one of svc, other/);
});

test("an election timeout lies between 100 ms and a minute, in steps of 10 ms", () => {
  const key = "ozone.scm.ha.ratis.leader.election.timeout";
  assert.equal(load().raft.electionTimeoutMs, 1000);
  assert.equal(load(`${key}=250ms`).raft.electionTimeoutMs, 250);
  assert.match(problems(`${key}=99ms`)[0] ?? "", /less than 100ms/);
  assert.match(problems(`${key}=61s`)[0] ?? "", /more than 1m/);
  assert.match(problems(`${key}=1005ms`)[0] ?? "", /1005ms is no multiple of 10ms/);
});

test("secrets are shown nowhere", () => {
  const config = load("hdds.prometheus.endpoint.token=abc", "ozone.some.password=abc");
  assert.equal(config.http.prometheusToken, "abc");
  for (const key of ["hdds.prometheus.endpoint.token", "ozone.some.password"]) {
    const entry = config.effective().find((candidate) => candidate.key === key);
    assert.deepEqual([entry?.value, entry?.redacted], ["******", true]);
  }
  assert.equal(JSON.stringify(config.effective()).includes("abc"), false);
});

test("the configuration is frozen through and through", () => {
  const config = load();
  assert.throws(() => Object.assign(config.nodes, { heartbeatIntervalMs: 1 }), TypeError);
  assert.throws(() => Object.assign(config.gateway.wsAddress, { port: 1 }), TypeError);
  assert.throws(() => Object.assign(config.effective()[0] ?? {}, { value: "" }), TypeError);
});

test("the hash tells settings apart but not machines", () => {
  const hash = load().hash();
  assert.match(hash, /^[0-9a-f]{16}$/);
  assert.equal(loadConfig({ ...base, overrides: ["ozone.metadata.dirs=/elsewhere"] }).hash(), hash);
  assert.equal(load("strata.ws.address=127.0.0.1:0", "hdds.heartbeat.interval=30000ms").hash(), hash);
  assert.notEqual(load("hdds.heartbeat.interval=31s").hash(), hash);
});

test("a client finds the SCM by its address, else by its names, else on this machine", () => {
  const endpoint = (...overrides: string[]) => loadClientConfig({ ...base, overrides }).endpoints[0];
  assert.deepEqual(endpoint(), { host: "127.0.0.1", port: 9865 });
  assert.deepEqual(endpoint("ozone.scm.names=scm-b:9861,scm-c"), { host: "scm-b", port: 9865 });
  assert.deepEqual(endpoint("ozone.scm.address=scm-d"), { host: "scm-d", port: 9865 });
  assert.deepEqual(endpoint("strata.ws.address=10.0.0.1:99"), { host: "10.0.0.1", port: 99 });
});

test("a client is not stopped by mistakes in the server's keys", () => {
  const overrides = ["ozone.scm.stale.node.interval=1s", "strata.nonsense=1"];
  assert.equal(loadClientConfig({ ...base, overrides }).containerListCountMax, 4096);
  assert.throws(() => loadClientConfig({ ...base, overrides: ["strata.ws.address=:"] }), StrataError);
});

test("placement is chosen by the reference's classes, and by no others", () => {
  const algorithms = "org.apache.hadoop.hdds.scm.container.placement.algorithms";
  const { placement } = load();
  assert.equal(placement.containerPolicy, `${algorithms}.SCMContainerPlacementRackAware`);
  assert.equal(placement.ecPolicy, `${algorithms}.SCMContainerPlacementRackScatter`);
  assert.equal(placement.pipelinePolicy, "org.apache.hadoop.hdds.scm.pipeline.PipelinePlacementPolicy");
  const random = `ozone.scm.container.placement.impl=${algorithms}.SCMContainerPlacementRandom`;
  assert.equal(load(random).placement.containerPolicy, `${algorithms}.SCMContainerPlacementRandom`);
  for (const key of ["container.placement.impl", "container.placement.ec.impl", "pipeline.placement.impl"]) {
    const [problem = ""] = problemsOf({ overrides: [METADATA, `ozone.scm.${key}=com.example.Mine`] });
    assert.match(problem, new RegExp(`^ozone\\.scm\\.${key}.*must be one of org\\.apache\\.hadoop`));
  }
});
