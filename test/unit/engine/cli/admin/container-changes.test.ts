import assert from "node:assert/strict";
import { test } from "node:test";
import type { AdminConnection } from "../../../../../engine/cli/parts.js";
import { StrataError } from "../../../../../engine/core/errors.js";
import { runCli } from "../../../../support/cli/run-cli.js";
import { containerOf, nodeOf, RATIS_THREE, replicaOf, uuidOf } from "../../../../support/records.js";

function container(
  words: readonly string[],
  connection: Partial<AdminConnection> = {},
  input: string[] = [],
) {
  return runCli(["admin", "container", ...words], { connection, input });
}

test("close is silent when it begins, and says when there was nothing to do", async () => {
  const close = (
    status: "OK" | "CONTAINER_ALREADY_CLOSED" | "CONTAINER_ALREADY_CLOSING",
    ...words: string[]
  ) =>
    container(["close", "17", ...words], {
      closeContainer: async ({ containerId }) => {
        assert.equal(containerId, 17);
        return { status };
      },
    });
  const silent = { exitCode: 0, out: "", err: "" };
  assert.deepEqual(await close("OK"), silent);
  assert.deepEqual(await close("CONTAINER_ALREADY_CLOSED"), {
    ...silent,
    out: "Container 17 is closed already.",
  });
  assert.deepEqual(await close("CONTAINER_ALREADY_CLOSING"), {
    ...silent,
    out: "Container 17 is closing already.",
  });
  const { out } = await close("OK", "--json");
  assert.deepEqual(JSON.parse(out), { containerID: 17, status: "OK" });
});

test("close says why a container is not closed", async () => {
  const error = new StrataError("CONTAINER_STATE", { containerId: 17, state: "DELETED", event: "CLOSE" });
  const { exitCode, err } = await container(["close", "17"], { closeContainer: () => Promise.reject(error) });
  assert.equal(exitCode, 1);
  assert.match(err, /container 17 in state DELETED does not allow CLOSE \(CONTAINER_STATE\)/);
});

test("delete does nothing without --yes, and says so", async () => {
  const { exitCode, out, err } = await container(["delete", "17"]);
  assert.deepEqual([exitCode, out], [2, ""]);
  assert.match(err, /container 17 was not deleted: .* say --yes/);
});

test("delete --yes tells how many datanodes know of it, or why not", async () => {
  const deleteContainer: AdminConnection["deleteContainer"] = async ({ containerId }) => {
    if (containerId === 17) return { commandCount: 3 };
    const reason = "1 of its 3 replicas are not empty";
    throw new StrataError("CONTAINER_INELIGIBLE", { containerId, change: "deleted", reason });
  };
  const done = await container(["delete", "17", "--yes"], { deleteContainer });
  assert.equal(done.out, "Container 17 is being deleted; 3 datanode(s) were told.");
  const json = await container(["delete", "17", "--yes", "--json"], { deleteContainer });
  assert.deepEqual(JSON.parse(json.out), { containerID: 17, state: "DELETING", datanodesTold: 3 });
  const refused = await container(["delete", "18", "--yes"], { deleteContainer });
  assert.equal(refused.exitCode, 1);
  assert.match(refused.err, /container 18 cannot be deleted: 1 of its 3 replicas are not empty/);
  assert.match(refused.err, /`strata admin container info` shows its replicas/);
});

const RECONCILE: Partial<AdminConnection> = {
  reconcileContainer: async ({ containerId }) => {
    if (containerId < 10) return { commandCount: 3 };
    const reason = "its type is EC, not RATIS";
    throw new StrataError("CONTAINER_INELIGIBLE", { containerId, change: "reconciled", reason });
  },
};

test("reconcile triggers each container, and fails when one of them was refused", async () => {
  const { exitCode, out, err } = await container(["reconcile", "1", "17", "2"], RECONCILE);
  assert.equal(exitCode, 1);
  assert.deepEqual(out.split("\n"), [
    "Reconciliation of container 1 begins on 3 datanode(s).",
    "How its replicas are: strata admin container reconcile --status 1",
    "Reconciliation of container 2 begins on 3 datanode(s).",
    "How its replicas are: strata admin container reconcile --status 2",
  ]);
  assert.match(err, /container 17 cannot be reconciled: its type is EC, not RATIS \(CONTAINER_INELIGIBLE\)/);
});

test("reconcile takes ids from standard input and prints JSON", async () => {
  const { exitCode, out } = await container(["reconcile", "-", "--json"], RECONCILE, ["3", "4"]);
  assert.equal(exitCode, 0);
  assert.deepEqual(JSON.parse(out), [
    { containerID: 3, datanodesTold: 3 },
    { containerID: 4, datanodesTold: 3 },
  ]);
});

test("an SCM that does not answer ends reconcile", async () => {
  const asked: number[] = [];
  const reconcileContainer: AdminConnection["reconcileContainer"] = async ({ containerId }) => {
    asked.push(containerId);
    throw new StrataError("REQUEST_TIMEOUT", { timeoutMs: 1 });
  };
  const { exitCode } = await container(["reconcile", "1", "2"], { reconcileContainer });
  assert.deepEqual([exitCode, asked], [69, [1]]);
});

const STATUS: Partial<AdminConnection> = {
  getContainer: async ({ containerId }) => {
    if (containerId === 4) throw new StrataError("CONTAINER_NOT_FOUND", { containerId });
    const replication = containerId === 3 ? { ...RATIS_THREE, type: "EC" as const } : RATIS_THREE;
    return { container: containerOf(containerId, { replication }), health: 0 };
  },
  getContainerReplicas: async ({ containerId }) => ({
    replicas: [
      replicaOf(containerId, 1),
      replicaOf(containerId, 2, { dataChecksum: containerId === 2 ? 1n : 255n, state: "UNHEALTHY" }),
    ],
  }),
  getNode: async ({ uuid }) => {
    if (uuid !== uuidOf(1)) throw new StrataError("NO_SUCH_DATANODE", { uuid });
    return { node: nodeOf(1) };
  },
};

test("reconcile --status shows the checksums of the replicas, and whether they match", async () => {
  const { exitCode, out } = await container(["reconcile", "--status", "1", "2"], STATUS);
  assert.equal(exitCode, 0);
  const [first, second] = JSON.parse(out);
  assert.deepEqual(first, {
    containerID: 1,
    state: "CLOSED",
    replicationConfig: {
      replicationFactor: "THREE",
      requiredNodes: 3,
      minimumNodes: 1,
      replicationType: "RATIS",
    },
    replicasMatch: true,
    replicas: [
      { datanode: { hostname: "dn1.example.com", uuid: uuidOf(1) }, state: "CLOSED", dataChecksum: "ff" },
      { datanode: { uuid: uuidOf(2) }, state: "UNHEALTHY", dataChecksum: "ff" },
    ],
  });
  assert.deepEqual([second.containerID, second.replicasMatch], [2, false]);
});

test("reconcile --status goes on after a container of another type or one that does not exist", async () => {
  const { exitCode, out, err } = await container(["reconcile", "--status", "3", "4", "1"], STATUS);
  assert.equal(exitCode, 1);
  assert.deepEqual(
    JSON.parse(out).map(({ containerID }: { containerID: number }) => containerID),
    [1],
  );
  assert.match(err, /Container 3 is of type EC: only those of type RATIS are reconciled/);
  assert.match(err, /container 4 does not exist/);
});

const REPORT: Awaited<ReturnType<AdminConnection["containerReport"]>> = {
  timeMs: 0,
  sampleCountMax: 100,
  states: [
    { state: "OPEN", containerCount: 4 },
    { state: "CLOSED", containerCount: 9 },
  ],
  suppressedCount: 2,
  healths: [],
};

test("report counts by state, and says that no health is known yet", async () => {
  const { exitCode, out, err } = await container(["report"], { containerReport: async () => REPORT });
  assert.equal(exitCode, 0);
  assert.match(err, /has not ended a pass .* no health is known yet/);
  assert.deepEqual(out.split("\n"), [
    "Container Summary Report",
    "========================",
    "",
    "Container State Summary",
    "=======================",
    "OPEN: 4",
    "CLOSED: 9",
    "Suppressed: 2",
    "",
    "Container Health Summary",
    "========================",
    "Not available yet.",
  ]);
});

test("report shows states of health with samples when there was a pass", async () => {
  const containerReport: AdminConnection["containerReport"] = async () => ({
    ...REPORT,
    timeMs: 1_700_000_000_000,
    healths: [
      { health: "HEALTHY", containerCount: 7, sample: [] },
      { health: "MISSING", containerCount: 2, sample: [5, 6] },
    ],
  });
  const text = await container(["report"], { containerReport });
  assert.equal(text.err, "");
  assert.match(text.out, /^Container Summary Report generated at 2023-11-14T22:13:20.000Z\n=+\n/);
  assert.match(text.out, /HEALTHY: 7\nMISSING: 2\n\nFirst 100 MISSING containers:\n#5, #6$/);
  const json = await container(["report", "--json"], { containerReport });
  assert.deepEqual(JSON.parse(json.out), {
    sampleLimit: 100,
    reportTimeStamp: 1_700_000_000_000,
    stats: { OPEN: 4, CLOSED: 9, HEALTHY: 7, MISSING: 2 },
    samples: { MISSING: [5, 6] },
    suppressed: 2,
  });
});

test("report --suppress and --unsuppress set and clear the flag, and name ids that failed", async () => {
  const flags: boolean[] = [];
  const suppressContainers: AdminConnection["suppressContainers"] = async ({ containerIds, suppress }) => {
    flags.push(suppress);
    return { failedContainerIds: containerIds.filter((id) => id === 2) };
  };
  const some = await container(["report", "--suppress", "1", "2"], { suppressContainers });
  assert.deepEqual([some.exitCode, some.err], [1, "Failed to suppress container 2."]);
  assert.equal(some.out, "Suppressed container: 1\nSuppressed 1 container(s) successfully.");
  const all = await container(["report", "--unsuppress", "-"], { suppressContainers }, ["7"]);
  assert.deepEqual([all.exitCode, all.err], [0, ""]);
  assert.deepEqual(flags, [true, false]);
});

test("report refuses options and ids that do not go together", async () => {
  const wrong: readonly (readonly [RegExp, ...string[]])[] = [
    [/'--suppress' cannot be used with option '--unsuppress'/, "--suppress", "--unsuppress", "1"],
    [/takes container ids with --suppress or --unsuppress only/, "1"],
    [/needs container ids/, "--suppress"],
    [/Invalid container IDs: x/, "--suppress", "1", "x"],
  ];
  for (const [message, ...words] of wrong) {
    const { exitCode, err } = await container(["report", ...words]);
    assert.equal(exitCode, 2, words.join(" "));
    assert.match(err, message);
  }
});

test("what is no container id is refused before the SCM is asked", async () => {
  for (const id of ["0", "-1", "x", "1.5", "9007199254740992", ""]) {
    for (const words of [
      ["close", id],
      ["delete", "--yes", id],
      ["reconcile", id],
      ["info", id],
    ]) {
      const { exitCode, out } = await container(words);
      assert.deepEqual([exitCode, out], [2, ""], words.join(" "));
    }
  }
});

test("ids that are the same number are one container", async () => {
  const asked: number[] = [];
  const reconcileContainer: AdminConnection["reconcileContainer"] = async ({ containerId }) => {
    asked.push(containerId);
    return { commandCount: 1 };
  };
  await container(["reconcile", "7", "07", "7"], { reconcileContainer });
  assert.deepEqual(asked, [7]);
});
