import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { waitFor } from "../../support/wait.js";

/** The whole way of an operator, with the real program on a real disk. */

const MAIN = fileURLToPath(new URL("../../../engine/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "strata-commands-"));
const metadata = join(folder, "metadata");
const children: ChildProcess[] = [];
after(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

const CLUSTER = "CID-3f2b8f0e-0000-4000-8000-000000000001";
const SETTINGS = [
  `-Dozone.metadata.dirs=${metadata}`,
  "-Dstrata.ws.address=127.0.0.1:0",
  "-Dozone.scm.http-address=127.0.0.1:0",
  "-Dstrata.raft.bind.host=127.0.0.1",
  "-Dozone.scm.ratis.port=0",
];

function strata(...words: string[]): { exitCode: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...words], {
    encoding: "utf8",
    env: {},
    timeout: 60_000,
  });
  return { exitCode: status, out: stdout.trim(), err: stderr.trim() };
}

interface RunningScm {
  readonly child: ChildProcess;
  readonly wsPort: number;
  readonly httpPort: number;
}

/** Starts the SCM and waits until it listens. */
async function startScm(): Promise<RunningScm> {
  const child = spawn(process.execPath, [MAIN, "scm", ...SETTINGS], { stdio: "pipe", env: {} });
  children.push(child);
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => {
    log += String(chunk);
  });
  const entries = () =>
    log
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const listening = () => entries().find(({ step }) => step === "listening");
  await waitFor("the SCM listens", () => listening() !== undefined || child.exitCode !== null, 60_000);
  const wsPort = Number(/:(\d+)$/.exec(String(listening()?.["detail"]))?.[1]);
  const httpPort = Number(entries().find(({ msg }) => msg === "web pages")?.["port"]);
  assert.ok(wsPort > 0 && httpPort > 0, log);
  return { child, wsPort, httpPort };
}

const LINES = [
  {
    type: "pipeline",
    pipelineId: "00000000-0000-4000-8000-000000000064",
    replication: "RATIS/ONE",
    state: "OPEN",
    members: [
      {
        uuid: "00000000-0000-4000-8000-000000000001",
        ipAddress: "10.0.0.1",
        hostName: "dn1",
        ports: { RATIS: 9858 },
      },
    ],
    creationTimeMs: 1_700_000_000_000,
  },
  ...[1, 2, 70_000].map((containerId) => ({
    type: "container",
    containerId,
    state: "CLOSED",
    replication: "RATIS/ONE",
    pipelineId: "00000000-0000-4000-8000-000000000064",
    owner: "om1",
    stateEnterTimeMs: 1_700_000_000_000,
  })),
];

interface HistoryShape {
  readonly operation: string;
  readonly outcome: string;
  readonly details: string;
}

test("initialise, start, import, look, suppress, stop, verify, start again", async () => {
  assert.equal(strata("scm", ...SETTINGS).exitCode, 74, "an SCM that is not initialised does not start");

  const floors = ["--local-id-floor", "1000", "--term-floor", "7"];
  const made = strata("scm", "--init", "--clusterid", CLUSTER, ...floors, ...SETTINGS);
  assert.equal(made.exitCode, 0, made.err);
  assert.match(made.out, new RegExp(`^clusterId=${CLUSTER}\nscmId=[0-9a-f-]{36}$`));
  const again = strata("scm", "--init", ...SETTINGS);
  assert.deepEqual([again.exitCode, again.out], [0, made.out]);
  const other = CLUSTER.replace(/1$/, "2");
  const refused = strata("scm", "--init", "--clusterid", other, ...SETTINGS);
  assert.deepEqual([refused.exitCode, refused.out], [1, ""]);

  const { child, wsPort, httpPort } = await startScm();
  const target = ["--scm", `127.0.0.1:${wsPort}`];

  const second = strata("scm", ...SETTINGS);
  assert.equal(second.exitCode, 74);
  assert.match(second.err, /STORAGE_LOCKED/);
  assert.equal(strata("verify", metadata).exitCode, 74);

  const roles = JSON.parse(strata("admin", "scm", "roles", "--json", ...target).out);
  const [role] = Object.values(roles) as Record<string, string>[];
  assert.equal(role?.["raftPeerRole"], "LEADER");
  assert.ok(made.out.endsWith(role?.["ID"] ?? "?"));

  const file = join(folder, "import.jsonl");
  writeFileSync(file, LINES.map((line) => JSON.stringify(line)).join("\n"));
  const imported = strata("admin", "container", "import", file, ...target);
  assert.equal(imported.exitCode, 0, imported.err);
  assert.equal(imported.out, "Imported 3 container(s) and 1 pipeline(s); 0 were there already.");
  const repeated = JSON.parse(strata("admin", "container", "import", file, "--json", ...target).out);
  assert.deepEqual(repeated, { pipelines: 0, containers: 0, existing: 4 });

  assert.equal(strata("admin", "container", "suppress", "2", ...target).exitCode, 0);
  assert.equal(strata("admin", "container", "suppress", "9", ...target).exitCode, 1);
  const list = (...words: string[]) => {
    const { out } = strata("admin", "container", "list", ...words, ...target);
    return (JSON.parse(out) as { containerID: number }[]).map(({ containerID }) => containerID);
  };
  assert.deepEqual(list(), [1, 2, 70_000]);
  assert.deepEqual(list("--suppressed", "true"), [2]);
  const info = strata("admin", "container", "info", "70000", ...target);
  assert.match(info.out, /Container id: 70000\nPipeline id: 00000000-.*64\n/);
  assert.deepEqual(JSON.parse(strata("admin", "datanode", "list", "--json", ...target).out), []);

  const history = JSON.parse(strata("admin", "history", "--json", ...target).out) as HistoryShape[];
  const mutations = [
    `seedCluster DONE ${CLUSTER}`,
    "setMember DONE 1",
    "importBatch DONE",
    "importBatch DONE",
    "suppressContainers DONE suppress 2",
    "suppressContainers DONE suppress 9",
  ];
  assert.deepEqual(
    history.map(({ operation, outcome, details }) =>
      // The ids and the port of the member are other ones each time.
      `${operation} ${outcome} ${operation === "setMember" ? details.split(" ")[0] : details}`.trim(),
    ),
    mutations,
  );

  const conf = await (await fetch(`http://127.0.0.1:${httpPort}/conf`)).text();
  assert.ok(conf.includes(metadata));
  assert.equal((await fetch(`http://127.0.0.1:${httpPort}/readyz`)).status, 200);

  const stopped = performance.now();
  child.kill("SIGTERM");
  const [exitCode] = (await once(child, "close")) as [number | null];
  assert.equal(exitCode, 0);
  assert.ok(performance.now() - stopped < 5000, "it stops within 5 s");

  const audit = readFileSync(join(metadata, "audit.log"), "utf8").trim().split("\n");
  const operations = audit.map((line) => JSON.parse(line).operation as string);
  assert.equal(operations.filter((name) => name === "IMPORT").length, 2);
  assert.equal(operations.filter((name) => name === "SUPPRESS_CONTAINER").length, 2);

  const verified = strata("verify", metadata);
  assert.equal(verified.exitCode, 0, verified.err);
  assert.match(verified.out, new RegExp(`clusterId: ${CLUSTER}\n`));

  const restarted = await startScm();
  const after = ["--scm", `127.0.0.1:${restarted.wsPort}`];
  const suppressed = strata("admin", "container", "list", "--suppressed", "true", ...after);
  assert.equal(JSON.parse(suppressed.out)[0].containerID, 2);
  const later = JSON.parse(strata("admin", "history", "--json", ...after).out) as HistoryShape[];
  // It got another port, which is written down too.
  assert.deepEqual(later.slice(0, history.length), history);
  restarted.child.kill("SIGINT");
  assert.equal(((await once(restarted.child, "close")) as [number | null])[0], 0);
});

test("an SCM that cannot be reached is exit code 69 within the timeout", () => {
  const { exitCode, err } = strata("admin", "scm", "roles", "--scm", "127.0.0.1:1", "--timeout", "1");
  assert.equal(exitCode, 69, err);
  assert.match(err, /no answer within 1000 ms \(NO_ANSWER\)\n.*ECONNREFUSED/);
  assert.doesNotMatch(err, /carried out/, "a read changes nothing");
});
