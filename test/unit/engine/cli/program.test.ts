import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { DemoOptions } from "../../../../engine/cli/demo.js";
import type { Directories, InitOptions, Parts } from "../../../../engine/cli/parts.js";
import { AssertionError } from "../../../../engine/core/assert.js";
import { ERRORS, type ErrorCode, StrataError } from "../../../../engine/core/errors.js";
import { term } from "../../../../engine/core/ids.js";
import { nodeId } from "../../../../engine/raft/types.js";
import type { NewGroupOptions } from "../../../../engine/scm-new-group.js";
import { RemoteError } from "../../../../protocol/codec/errors.js";
import { runCli } from "../../../support/cli/run-cli.js";
import { memberOf } from "../../../support/cluster/builders.js";

const folder = mkdtempSync(join(tmpdir(), "strata-cli-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const METADATA = `-Dozone.metadata.dirs=${folder}`;

const COMMANDS = [
  [],
  ["scm"],
  ["demo"],
  ["verify"],
  ["admin"],
  ["admin", "scm"],
  ["admin", "scm", "roles"],
  ["admin", "datanode"],
  ["admin", "datanode", "list"],
  ["admin", "datanode", "info"],
  ["admin", "datanode", "usageinfo"],
  ["admin", "container"],
  ["admin", "container", "list"],
  ["admin", "container", "info"],
  ["admin", "container", "import"],
  ["admin", "container", "suppress"],
];

test("every command has help, with an example where it does something", async () => {
  for (const words of COMMANDS) {
    const { exitCode, out, err } = await runCli([...words, "--help"]);
    assert.equal(exitCode, 0, words.join(" "));
    assert.match(out, new RegExp(`^Usage: ${["strata", ...words].join(" ")} `));
    assert.equal(err, "");
    if (!["admin", "scm,admin", "admin,scm", "admin,datanode", "admin,container"].includes(words.join(","))) {
      assert.match(out, /Examples?:\n {2}strata /, words.join(" "));
    }
  }
});

test("the program's help documents the exit codes", async () => {
  const { out } = await runCli(["--help"]);
  for (const code of [0, 1, 2, 69, 70, 74, 78]) assert.match(out, new RegExp(`^ {2}${code} {2}`, "m"));
});

test("the version is that of the package", async () => {
  const { exitCode, out } = await runCli(["--version"]);
  assert.equal(exitCode, 0);
  assert.match(out, /^\d+\.\d+\.\d+$/);
});

test("wrong usage ends with 2 and says what is wrong", async () => {
  const rows: [string[], RegExp][] = [
    [[], /Usage: strata/],
    [["nonsense"], /unknown command 'nonsense'/],
    [["admin"], /Usage: strata admin/],
    [["admin", "datanode", "lst"], /unknown command 'lst'/],
    [["scm", "--nonsense"], /unknown option '--nonsense'/],
    [["scm", "--clusterid", "x"], /goes with --init or --bootstrap/],
    [["scm", "--bootstrap", "--term-floor", "1"], /go with --init/],
    [["scm", "--init", "--bootstrap"], /use one of them/],
    [["scm", "--init", "--force-new-group"], /use it alone/],
    [["scm", "--yes", "CID-1"], /go with --force-new-group/],
    [["scm", "--bootstrap", "--accept-loss"], /go with --force-new-group/],
    [["scm", "--init", "--clusterid", "x"], /must be a UUID/],
    [["scm", "--init", "--term-floor", "-1"], /Must be a whole number from 0/],
    [["scm", "--init", "--local-id-floor", "18446744073709551616"], /below 2\^64/],
    [["verify"], /missing required argument 'dir'/],
    [["demo", "--nodes", "0"], /Must be a whole number from 3 to 5000/],
    [["admin", "scm", "roles", "--scm", "a:b:c"], /must be host:port/],
    [["admin", "datanode", "info", "x"], /Must be a UUID/],
    [["admin", "datanode", "usageinfo"], /name one of --node-id/],
    [["admin", "datanode", "usageinfo", "-m", "--ip", "1.2.3.4"], /--ip and --most-used exclude each other/],
    [["admin", "datanode", "list", "--node-state", "SICK"], /Allowed are HEALTHY, STALE, DEAD/],
    [["admin", "container", "info"], /missing required argument 'id'/],
    [["admin", "container", "info", "1", "0.5", "abc"], /Invalid container IDs: 0.5 abc/],
    [["admin", "container", "list", "-r", "FOUR"], /--replication FOUR is not one of type RATIS/],
    [["admin", "container", "list", "--suppressed", "yes"], /Must be true or false/],
  ];
  for (const [words, message] of rows) {
    const { exitCode, out, err } = await runCli(words);
    assert.equal(exitCode, 2, words.join(" "));
    assert.match(err, message);
    assert.equal(out, "");
  }
});

test("a wrong configuration ends with 78 and tells all problems", async () => {
  const { exitCode, err } = await runCli(["scm", "-D", "strata.nonsense=1", "-Dozone.scm.ratis.port=x"]);
  assert.equal(exitCode, 78);
  assert.match(err, /3 problem\(s\)/);
  assert.match(err, /strata\.nonsense/);
  assert.match(err, /ozone\.metadata\.dirs: must be set/);
});

test("each class of error has its exit code, and its line of what to do", async () => {
  const rows: [ErrorCode, number][] = [
    ["STORAGE_LOCKED", 74],
    ["STATE_CORRUPT", 74],
    ["NOT_READY", 69],
    ["NOT_LEADER", 69],
    ["INVALID_ARGUMENT", 1],
    ["FRAME_VERSION", 1],
  ];
  for (const [code, expected] of rows) {
    const verify = () => Promise.reject(new StrataError(code, { path: "/data" }));
    const { exitCode, err } = await runCli(["verify", folder], { parts: { verify } });
    assert.equal(exitCode, expected, code);
    assert.match(err, new RegExp(`\\(${code}\\)`));
    assert.ok(err.includes(ERRORS[code].action), code);
  }
  const bug = await runCli(["verify", folder], {
    parts: { verify: () => Promise.reject(new AssertionError("no")) },
  });
  assert.equal(bug.exitCode, 70);
  assert.match(bug.err, /this is a bug: .*no/);
});

test("an error that the SCM answered is shown like one of ours", async () => {
  const error = new RemoteError({
    code: ERRORS.OVERLOADED.wire,
    name: "OVERLOADED",
    message: "too much work in flight: x",
    retryAfterMs: 0,
    term: 1,
  });
  const { exitCode, err } = await runCli(["admin", "scm", "roles"], {
    connection: { scmRoles: () => Promise.reject(error) },
  });
  assert.equal(exitCode, 69);
  assert.match(err, /too much work in flight: x \(OVERLOADED\)/);
});

test("--print-config shows every key with its origin, and what is not used", async () => {
  const { exitCode, out } = await runCli(["scm", "--print-config", METADATA, "-Dozone.om.x=1"]);
  assert.equal(exitCode, 0);
  const lines = out.split("\n");
  assert.ok(lines.includes(`ozone.metadata.dirs=${folder}  # -D`));
  assert.ok(lines.includes("ozone.om.x=1  # -D, not used by this release"));
  assert.ok(lines.includes("hdds.heartbeat.interval=30s  # default"));
});

test("--init hands over the ids and floors and prints what was made", async () => {
  const clusterId = "CID-3f2b8f0e-0000-4000-8000-000000000001";
  const seen: InitOptions[] = [];
  const initialize = async (_: unknown, options: InitOptions) => {
    seen.push(options);
    return { clusterId, scmId: "s", created: seen.length === 1 };
  };
  const floors = ["--local-id-floor", "18446744073709551615", "--term-floor", "7"];
  const words = ["scm", "--init", METADATA, "--clusterid", clusterId, ...floors];
  const first = await runCli(words, { parts: { initialize } });
  assert.deepEqual(seen, [{ clusterId, localIdFloor: 2n ** 64n - 1n, termFloor: 7 }]);
  assert.deepEqual([first.exitCode, first.out, first.err], [0, `clusterId=${clusterId}\nscmId=s`, ""]);
  const second = await runCli(["scm", "--init", METADATA], { parts: { initialize } });
  assert.equal(second.exitCode, 0);
  assert.match(second.err, /is initialised already, left as it is/);
});

test("--init tells what it cut off", async () => {
  const initialize: Parts["initialize"] = async (_, __, onNotice) => {
    const finding = { file: "7.log", offset: 9, bytes: 3, kind: "torn", reason: "torn" } as const;
    onNotice({ kind: "cut", finding, path: "/m/raft", keptIn: "/m/raft/cut-off.wal" });
    return { clusterId: "c", scmId: "s", created: true };
  };
  const { err } = await runCli(["scm", "--init", METADATA], { parts: { initialize } });
  assert.match(err, /warning: 3 byte\(s\) of \/m\/raft\/7\.log from byte 9 on .* \/m\/raft\/cut-off\.wal/);
});

test("--init does nothing on a machine that is not the primordial one", async () => {
  const { exitCode, out, err } = await runCli([
    "scm",
    "--init",
    METADATA,
    "-Dozone.scm.primordial.node.id=elsewhere",
  ]);
  assert.deepEqual([exitCode, out], [0, ""]);
  assert.match(err, /nothing done: ozone.scm.primordial.node.id is elsewhere/);
});

const SERVICE = [
  "-Dozone.scm.service.ids=s",
  "-Dozone.scm.nodes.s=a,b",
  "-Dozone.scm.address.s.a=scm-a",
  "-Dozone.scm.address.s.b=scm-b",
  "-Dozone.scm.node.id=b",
];

test("--bootstrap says why it waits, and prints the ids of the cluster that it has joined", async () => {
  const wanted: (string | undefined)[] = [];
  const bootstrap: Parts["bootstrap"] = async (config, clusterId, { onWaiting }) => {
    wanted.push(clusterId, ...config.group.nodes.map(({ host }) => host));
    onWaiting("no SCM of scm-a:9865 has taken this one in yet");
    return { clusterId: "CID-1", scmId: "s1", created: wanted.length < 4 };
  };
  const join = (...words: string[]) =>
    runCli(["scm", "--bootstrap", METADATA, ...SERVICE, ...words], { parts: { bootstrap } });
  const first = await join();
  assert.deepEqual([first.exitCode, first.out], [0, "clusterId=CID-1\nscmId=s1"]);
  assert.equal(first.err, "strata: no SCM of scm-a:9865 has taken this one in yet");
  const cluster = "0c1d2e3f-0000-4000-8000-000000000001";
  assert.match((await join("--clusterid", cluster)).err, /is initialised already, left as it is/);
  assert.deepEqual(wanted, [undefined, "scm-a", "scm-b", cluster, "scm-a", "scm-b"]);
});

test("--force-new-group says what it would do, and ends with 1 until the cluster is named", async () => {
  const member = { ...memberOf(2), isRemoved: false };
  const wanted: NewGroupOptions[] = [];
  const forceNewGroup: Parts["forceNewGroup"] = async (_, options) => {
    wanted.push(options);
    return {
      isDone: options.clusterId !== undefined,
      clusterId: "CID-1",
      scmId: "s1",
      nodeId: nodeId(1),
      lastIndex: 90,
      uncommittedCount: 3,
      operationMs: Date.UTC(2026, 0, 1),
      nowMs: Date.UTC(2026, 0, 2),
      removed: [
        { nodeId: nodeId(2), row: member },
        { nodeId: nodeId(3), row: undefined },
      ],
      oldTerm: term(7),
      newTerm: term(1007),
      loss: new StrataError("LOG_BEHIND_WATERMARK", { lastIndex: 90, watermark: 95 }),
    };
  };
  const words = ["scm", "--force-new-group", METADATA];
  const dry = await runCli(words, { parts: { forceNewGroup } });
  assert.equal(dry.exitCode, 1);
  assert.deepEqual(dry.out.split("\n"), [
    "cluster: CID-1",
    "this SCM: 1 s1",
    "entries kept: all up to 90, 3 of them not known to be committed",
    "last operation: 2026-01-01T00:00:00.000Z, 24 h ago",
    "term: 1007, after 7",
    "lost: the log ends at 90, but 95 was acknowledged",
    `to be removed: 2 ${member.scmId} scm2 at scm2.example.org:9894`,
    "to be removed: 3",
  ]);
  assert.match(dry.err, /^strata: nothing was changed\./);
  assert.match(dry.err, /--force-new-group --yes CID-1 --accept-loss$/);
  const done = await runCli([...words, "--yes", "CID-1", "--accept-loss"], { parts: { forceNewGroup } });
  assert.equal(done.exitCode, 0);
  assert.match(done.out, /^removed: 3\nThis SCM is a group of its own now/m);
  assert.deepEqual(wanted, [
    { clusterId: undefined, acceptsLoss: false },
    { clusterId: "CID-1", acceptsLoss: true },
  ]);
});

test("--bootstrap does nothing on the primordial machine, by node id or by host name", async () => {
  for (const primordial of ["b", "scm-b"]) {
    const own = `-Dozone.scm.primordial.node.id=${primordial}`;
    const { exitCode, out, err } = await runCli(["scm", "--bootstrap", METADATA, ...SERVICE, own]);
    assert.deepEqual([exitCode, out], [0, ""]);
    assert.match(err, /nothing done: ozone.scm.primordial.node.id is this SCM/);
  }
});

const SUMMARY = {
  clusterId: "CID-1",
  scmId: "s",
  term: 3,
  firstIndex: 1,
  lastIndex: 9,
  lastTerm: 3,
  appliedIndex: 8,
  tailEntryCount: 1,
  rowCount: 4,
  stateHash: "00",
};

test("verify shows what a sound SCM holds", async () => {
  const seen: Directories[] = [];
  const verify: Parts["verify"] = async (directories) => {
    seen.push(directories);
    return { findings: [], summary: SUMMARY };
  };
  const { exitCode, out } = await runCli(["verify", folder, "-Dozone.scm.db.dirs=/fast"], {
    parts: { verify },
  });
  assert.equal(exitCode, 0);
  assert.match(out, /clusterId: CID-1\n(.*\n)*rowCount: 4\n(.*\n)*no errors$/);
  assert.deepEqual(seen, [{ metadataDir: folder, stateDir: "/fast", raftDir: join(folder, "scm/raft") }]);
});

test("verify ends with 74 when there is an error, not for a warning", async () => {
  const finding = { where: "state", what: "page 7 is torn", meaning: "It is lost.", nextStep: "Restore it." };
  const verifying =
    (severity: "error" | "warning"): Parts["verify"] =>
    async () => ({
      findings: [{ severity, ...finding }],
      summary: severity === "error" ? undefined : SUMMARY,
    });
  const bad = await runCli(["verify", folder], { parts: { verify: verifying("error") } });
  assert.equal(bad.exitCode, 74);
  assert.equal(
    bad.out,
    "error: state: page 7 is torn\n  meaning: It is lost.\n  next: Restore it.\n1 error(s)",
  );
  const warned = await runCli(["verify", folder, "--json"], { parts: { verify: verifying("warning") } });
  assert.equal(warned.exitCode, 0);
  assert.deepEqual(JSON.parse(warned.out), {
    findings: [{ severity: "warning", ...finding }],
    summary: SUMMARY,
  });
});

test("demo takes its options", async () => {
  let seen: DemoOptions | undefined;
  const runDemo = async (options: DemoOptions) => {
    seen = options;
    return 0 as const;
  };
  const words = ["demo", "--fresh", "--nodes", "7", "--seconds", "2", "--containers-per-node", "9", "-Da=b"];
  assert.equal((await runCli(words, { parts: { runDemo } })).exitCode, 0);
  assert.deepEqual(seen, {
    configDir: undefined,
    overrides: ["a=b"],
    fresh: true,
    nodeCount: 7,
    seconds: 2,
    containersPerNode: 9,
  });
});
