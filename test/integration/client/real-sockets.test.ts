import { deepEqual, equal, rejects } from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Uuid } from "../../../engine/core/uuid.js";
import { createTransport } from "../../../engine/gateway/create-transport.js";
import {
  BufferReportSource,
  createAdminClient,
  createDatanodeClient,
  defaultEnvironment,
  readReportRows,
  reportRows,
} from "../../../protocol/client/index.js";
import { FakeScm } from "../../support/fake-scm.js";
import { waitFor } from "../../support/wait.js";

const NO_ROLES = { peers: [], term: 1, configVersion: 0, isJoint: false };

const UUID = "0f6d2f3e-9c1a-4a86-8a4e-3f2d0b7a9c11" as Uuid;
const ROW_COUNT = 10_000;
const { clock, scheduler } = defaultEnvironment();
const scm = new FakeScm(clock);
let endpoint = "";

before(async () => {
  const { transport } = createTransport(clock, scheduler);
  const port = await scm.listen(transport, "127.0.0.1", 0);
  endpoint = `ws://127.0.0.1:${port}`;
});

after(() => scm.close());

test("an administrator's client asks, mutates and reconnects over real sockets", async () => {
  scm.on("openSession", (request) => request.answer({ sessionId: 8 }));
  scm.on("scmRoles", (request) => request.answer(NO_ROLES));
  let lossCount = 0;
  scm.on("suppressContainers", (request) => {
    if (lossCount++ === 0) request.connection.close(1001, "once");
    else request.answer({ failedContainerIds: request.body.containerIds });
  });
  const client = createAdminClient({ endpoints: [endpoint], clientName: "test 1.0" });
  deepEqual(await client.scmRoles(), NO_ROLES);
  const request = { containerIds: [3, 2 ** 53 - 1], suppress: true };
  deepEqual(await client.suppressContainers(request), { failedContainerIds: request.containerIds });
  deepEqual(
    scm.requestsOf("suppressContainers").map(({ body }) => body.sequence),
    [1, 1],
  );
  client.close();
  await rejects(client.scmRoles(), { code: "CONNECTION_LOST" });
});

test("a datanode's client registers, beats and reports over real sockets", async () => {
  scm.on("register", ({ body, answer }) => {
    const { uuid, hostName, ipAddress } = body.details;
    answer({ uuid, clusterId: "CID-test", hostName, ipAddress, networkName: uuid, networkLocation: "/r" });
  });
  scm.on("heartbeat", (request) => request.answer({ term: 3, fullReportWanted: true, commands: [] }));
  scm.on("fullReportBegin", (request) => request.answer({ reportId: 1, chunksInFlightMax: 2 }));
  const ids: number[] = [];
  scm.on("fullReportChunk", (request) => {
    const { rows, rowBytes } = request.body;
    for (const row of readReportRows(rows, rowBytes, [UUID])) ids.push(row.containerId);
    request.answer({});
  });
  const rows = Array.from({ length: ROW_COUNT }, (_, i) => ({
    containerId: i + 1,
    usedBytes: i,
    sequenceId: i,
    keyCount: i,
    originNodeId: UUID,
    state: "CLOSED" as const,
    isEmpty: false,
    replicaIndex: 0,
  }));
  let reportedCount = 0;
  const errors: unknown[] = [];
  const client = createDatanodeClient(
    { endpoints: [endpoint], clientName: "dn 1.0" },
    {
      onFullReportWanted: () => {
        client.sendFullReport(new BufferReportSource(reportRows(rows)), false).then(
          ({ rowCount }) => {
            reportedCount = rowCount;
          },
          (error) => errors.push(error),
        );
      },
    },
    {
      registration: () => ({
        details: { uuid: UUID, ipAddress: "127.0.0.1", hostName: "localhost", ports: [] },
        report: { storageReports: [], metadataStorageReports: [] },
        pipelineReports: [],
        layout: { metadata: 9, software: 9 },
      }),
      heartbeat: () => ({ persistedOpState: "IN_SERVICE", persistedOpStateExpiry: 0 }),
      heartbeatIntervalMs: 20,
    },
  );
  client.start();
  await waitFor("the report arrived", () => reportedCount === ROW_COUNT);
  deepEqual(
    ids.slice(0, ROW_COUNT),
    rows.map(({ containerId }) => containerId),
  );
  equal(client.isRegistered, true);
  deepEqual(errors, []);
  client.close();
  await waitFor("the connection is closed", () => scm.closeCodes.length >= 3);
});

test("an endpoint where nobody listens ends a call at its timeout", async () => {
  const client = createAdminClient({
    endpoints: ["ws://127.0.0.1:1"],
    clientName: "test 1.0",
    timeoutMs: 300,
  });
  await rejects(client.scmInfo(), { code: "NO_ANSWER" });
  client.close();
});
