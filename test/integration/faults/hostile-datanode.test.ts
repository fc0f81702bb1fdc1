import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { FleetPlan } from "../../../bench/fleet/plan.js";
import { importContainers } from "../../../engine/cli/demo/workload.js";
import { SeededRandom } from "../../../engine/core/random.js";
import { openFileLimit } from "../../../engine/host/open-file-limit.js";
import type { AdminClient } from "../../../protocol/client/index.js";
import { createAdminClient } from "../../../protocol/client/index.js";
import { Datanodes } from "../../../scripts/kill9/datanodes.js";
import { DatanodePeer } from "../../support/gateway/datanode-peer.js";
import { registration, rowsFrom, uuidOf } from "../../support/gateway/datanode-world.js";
import { clientFrame, OPCODE_BINARY } from "../../support/gateway/raw-client.js";
import { LOOPBACK, ScmHome } from "../../support/process/scm-home.js";
import type { StrataProcess } from "../../support/process/strata-process.js";
import { waitFor } from "../../support/wait.js";

const CONNECTIONS = fileURLToPath(new URL("../../support/gateway/many-connections.js", import.meta.url));
const PLAN = new FleetPlan({ nodeCount: 3, containersPerNode: 100, seed: 4 });
const SEED = 31;
const HOSTILE_NUMBER = 500;
const PEER_COUNT = 150;
const SIDE_IDS_MAX = 4096;
const REPLICA_COUNT = PLAN.containerCount * 3;
/** What the native parts keep for all that is open at a time; far below what was sent. */
const GROWTH_BYTES_MAX = 200 * 1024 * 1024;
const SETTINGS = ["strata.ws.handshake.timeout=500ms", "strata.ws.connections.per.address.max=400"];

describe(`a hostile datanode hurts nobody but itself, on a whole SCM (seed ${SEED})`, () => {
  let home: ScmHome;
  let scm: StrataProcess;
  let client: AdminClient;
  let datanodes: Datanodes;
  let bytesBefore = 0;

  before(async () => {
    home = await ScmHome.create(SETTINGS);
    scm = await home.start();
    client = createAdminClient({ endpoints: [home.endpoint], clientName: "test" });
    datanodes = new Datanodes(PLAN, home.endpoint);
    await importContainers(client, PLAN, () => {});
    datanodes.start();
    await replicasAre(REPLICA_COUNT);
    bytesBefore = await residentBytes();
  });
  after(async () => {
    client.close();
    datanodes.close();
    await scm.kill();
    await home.remove();
  });

  async function residentBytes(): Promise<number> {
    const page = await fetch(`http://${LOOPBACK}:${home.httpPort}/prom`);
    const bytes = /^\w*resident_bytes (\d\S*)$/m.exec(await page.text())?.[1];
    assert.ok(bytes !== undefined, "/prom tells the memory in use");
    return Number(bytes);
  }

  async function replicasAre(count: number): Promise<void> {
    let found = -1;
    const dueMs = performance.now() + 15_000;
    while (found !== count) {
      assert.ok(performance.now() < dueMs, `${found} replicas, not ${count}`);
      found = (await client.scmInfo()).replicaCount;
    }
  }

  /** The others are served, and the SCM has not grown. */
  async function othersAreWell(): Promise<void> {
    assert.ok(scm.isAlive, scm.text);
    const { failedContainerIds } = await client.suppressContainers({ containerIds: [1], suppress: true });
    assert.deepEqual(failedContainerIds, []);
    for (let node = 0; node < PLAN.nodeCount; node++) {
      assert.ok(datanodes.isRegistered(node), `datanode ${node} has kept its connection`);
      const { node: record } = await client.getNode({ uuid: PLAN.uuid(node) });
      assert.equal(record.health, "HEALTHY");
      assert.equal(record.containerCount, PLAN.containersOfNode(node));
      assert.ok(record.lastHeartbeatAgoMs < 5_000, "its heartbeats come");
    }
    const growth = (await residentBytes()) - bytesBefore;
    assert.ok(growth < GROWTH_BYTES_MAX, `grown by ${growth} bytes`);
  }

  async function peers(upTo: "upgrade" | "hello"): Promise<DatanodePeer[]> {
    const open = Array.from({ length: PEER_COUNT }, () => DatanodePeer.open(home.wsPort, upTo));
    return await Promise.all(open);
  }

  async function allClosed(open: readonly DatanodePeer[]): Promise<void> {
    await Promise.all(open.map((peer) => peer.closed()));
    for (const peer of open) peer.socket.destroy();
  }

  test("with garbage on many connections", async () => {
    const random = new SeededRandom(SEED);
    const open = await peers("hello");
    for (const peer of open) {
      const bytes = new Uint8Array(1 + random.below(60_000));
      random.fill(bytes);
      peer.sendFrame(OPCODE_BINARY, bytes);
    }
    await allClosed(open);
    await othersAreWell();
  });

  test("with large frames that never end", async () => {
    const frame = clientFrame(OPCODE_BINARY, new Uint8Array(250_000));
    const open = await peers("upgrade");
    for (const peer of open) peer.socket.write(frame.subarray(0, 240_000));
    await othersAreWell();
    await allClosed(open);
    await othersAreWell();
  });

  test("with silence", async () => {
    const open = await peers("upgrade");
    await othersAreWell();
    await allClosed(open);
  });

  test("with rows out of order, again and again", async () => {
    for (let i = 0; i < 20; i++) {
      const peer = await DatanodePeer.open(home.wsPort, "hello");
      await peer.ask("register", nodeRegistration());
      const grant = (await peer.ask("fullReportBegin", { fromRegistration: true, rowCount: 2 })) as {
        reportId: number;
      };
      const rows = Buffer.concat([rowsFrom(90, 1), rowsFrom(80, 1)]);
      const range = { last: true, fromId: 0, toId: Number.MAX_SAFE_INTEGER };
      peer.tell("fullReportChunk", { reportId: grant.reportId, ...range, rowBytes: 32, rows, origins: [] });
      const { reason } = await peer.closed();
      assert.match(reason, /^REPORT_/);
      peer.socket.destroy();
    }
    await replicasAre(REPLICA_COUNT);
    await othersAreWell();
  });

  test("with ever new ids from 2^40 on", async () => {
    const peer = await DatanodePeer.open(home.wsPort, "hello");
    await peer.ask("register", nodeRegistration());
    for (let i = 0; i < 25; i++) {
      const rows = rowsFrom(2 ** 40 + i * 4000, 4000);
      const answer = await peer.ask("incrementalReport", { rowBytes: 32, origins: [uuidOf(1)], rows });
      assert.ok(!(answer instanceof Error), String(answer));
    }
    await replicasAre(REPLICA_COUNT + SIDE_IDS_MAX);
    await othersAreWell();
    peer.socket.destroy();
  });

  test("with thousands of connections", async () => {
    const count = Math.min(10_000, (openFileLimit() ?? 1024) - 500);
    const child = spawn(process.execPath, [CONNECTIONS, String(home.wsPort), String(count)]);
    const exited = once(child, "exit");
    let text = "";
    child.stdout.on("data", (bytes) => {
      text += String(bytes);
    });
    try {
      await waitFor("all have been answered", () => text.includes("open"), 60_000);
      await othersAreWell();
      child.stdin.write("reset\n");
      await exited;
    } finally {
      child.kill("SIGKILL");
    }
    await othersAreWell();
  });
});

/** With the layout of this release, which the peer's own registration does not have. */
function nodeRegistration(): object {
  return { ...registration(uuidOf(HOSTILE_NUMBER)), layout: { metadata: 10, software: 10 } };
}
