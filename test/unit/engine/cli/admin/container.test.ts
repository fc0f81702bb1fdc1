import assert from "node:assert/strict";
import { test } from "node:test";
import type { AdminConnection } from "../../../../../engine/cli/parts.js";
import { StrataError } from "../../../../../engine/core/errors.js";
import type { RequestOf } from "../../../../../protocol/schema/messages.js";
import type { ContainerRecord } from "../../../../../protocol/schema/records.js";
import { runCli } from "../../../../support/cli/run-cli.js";
import {
  containerOf,
  nodeOf,
  pipelineOf,
  RATIS_THREE,
  replicaOf,
  uuidOf,
} from "../../../../support/records.js";

/** An SCM with these containers that answers at most three a page. */
function scmWith(containers: readonly ContainerRecord[]) {
  const requests: RequestOf<"listContainers">[] = [];
  const listContainers: AdminConnection["listContainers"] = async (request) => {
    requests.push(request);
    const rest = containers.filter(({ containerId }) => containerId >= request.startContainerId);
    const page = rest.slice(0, Math.min(3, request.countMax));
    return {
      containers: page,
      nextContainerId: rest[page.length]?.containerId ?? 0,
      totalCount: containers.length,
      ...(request.state === undefined ? { matchCount: rest.length } : {}),
    };
  };
  return { connection: { listContainers }, requests };
}

function idsOf(out: string): number[] {
  return (JSON.parse(out) as { containerID: number }[]).map(({ containerID }) => containerID);
}

const TEN = Array.from({ length: 10 }, (_, i) => containerOf(i + 1));

test("list is a JSON array over pages, and says when there is more", async () => {
  const { connection, requests } = scmWith(TEN);
  const some = await runCli(["admin", "container", "list", "-c", "4", "-s", "2"], { connection });
  assert.deepEqual(idsOf(some.out), [2, 3, 4, 5]);
  assert.equal(some.err, "Displaying 4 out of 9 containers. Container list has more containers.");
  assert.deepEqual(
    requests.map(({ startContainerId, countMax }) => [startContainerId, countMax]),
    [
      [2, 4],
      [5, 1],
    ],
  );
  const all = await runCli(["admin", "container", "list", "--all"], { connection });
  assert.deepEqual([idsOf(all.out).length, all.err], [10, ""]);
});

test("how many match is said when the SCM knows it", async () => {
  const { connection } = scmWith(TEN);
  const { err } = await runCli(["admin", "container", "list", "-c", "4", "--state", "CLOSED"], {
    connection,
  });
  assert.equal(err, "Displaying 4 containers. Container list has more containers.");
});

test("an empty list is an empty array", async () => {
  const { out } = await runCli(["admin", "container", "list"], scmWith([]));
  assert.deepEqual(JSON.parse(out), []);
});

test("a count above the limit of the configuration is capped with a warning", async () => {
  const { connection } = scmWith(TEN);
  const words = ["admin", "container", "list", "-c", "9", "-Dozone.scm.container.list.max.count=2"];
  const { out, err } = await runCli(words, { connection });
  assert.deepEqual(idsOf(out), [1, 2]);
  assert.match(err, /--count 9: only 2 are shown, the limit of ozone.scm.container.list.max.count/);
});

test("list gives its filters to the SCM; a replication without type means RATIS", async () => {
  const { connection, requests } = scmWith([]);
  const ask = (...words: string[]) => runCli(["admin", "container", "list", ...words], { connection });
  await ask("--state", "closed", "--suppressed", "false", "-r", "THREE");
  await ask("-t", "STAND_ALONE", "--factor", "ONE");
  await ask("-t", "EC");
  await ask("-t", "EC", "-r", "RS-3-2-1024k");
  assert.deepEqual(
    requests.map(({ startContainerId: _, countMax: __, ...filter }) => filter),
    [
      { state: "CLOSED", suppressed: false, replicationType: "RATIS", replication: RATIS_THREE },
      {
        replicationType: "STAND_ALONE",
        replication: { ...RATIS_THREE, type: "STAND_ALONE", factor: 1 },
      },
      { replicationType: "EC" },
      {
        replicationType: "EC",
        replication: {
          type: "EC",
          factor: 5,
          ecData: 3,
          ecParity: 2,
          ecChunkBytes: 1_048_576,
          ecCodec: "rs",
        },
      },
    ],
  );
});

test("list refuses what is no filter", async () => {
  const wrong: readonly (readonly [RegExp, ...string[]])[] = [
    [/--replication TWO is not one of type RATIS/, "-r", "TWO"],
    [/--replication THREE is not one of type EC/, "-t", "EC", "-r", "THREE"],
    [/--replication rs-3-2-1024k is not one of type RATIS/, "-r", "rs-3-2-1024k"],
    [/Allowed are OPEN, CLOSING/, "--state", "GONE"],
    [/Must be true or false/, "--suppressed", "maybe"],
    [/Must be a whole number/, "-c", "-1"],
    [/Must be a whole number from 1/, "-c", "0"],
    [/Must be a whole number/, "-s", "x"],
  ];
  for (const [message, ...words] of wrong) {
    const { exitCode, out, err } = await runCli(["admin", "container", "list", ...words], scmWith([]));
    assert.deepEqual([exitCode, out], [2, ""], words.join(" "));
    assert.match(err, message);
  }
});

test("an element of the list has the reference's fields", async () => {
  const { connection } = scmWith([
    containerOf(7, { state: "OPEN", pipelineId: uuidOf(1), suppressed: true }),
  ]);
  const { out } = await runCli(["admin", "container", "list"], { connection });
  assert.deepEqual(JSON.parse(out), [
    {
      state: "OPEN",
      stateEnterTime: "2023-11-14T22:13:20.000Z",
      replicationConfig: {
        replicationFactor: "THREE",
        requiredNodes: 3,
        minimumNodes: 1,
        replicationType: "RATIS",
      },
      pipelineID: { id: uuidOf(1) },
      usedBytes: 5,
      numberOfKeys: 2,
      owner: "om1",
      containerID: 7,
      deleteTransactionId: 0,
      sequenceId: 9,
      open: true,
      deleted: false,
      suppressed: true,
    },
  ]);
});

const INFO: Partial<AdminConnection> = {
  getContainer: async ({ containerId }) => {
    if (containerId > 2) throw new StrataError("CONTAINER_NOT_FOUND", { containerId });
    const container = containerOf(containerId, { pipelineId: uuidOf(100) });
    const answer = { container, health: 0 };
    return containerId === 1 ? { ...answer, pipeline: pipelineOf(100, [1, 2]) } : answer;
  },
  getContainerReplicas: async ({ containerId }) => {
    return {
      replicas: [
        replicaOf(containerId, 9, { replicaIndex: 2 }),
        replicaOf(containerId, 1, { replicaIndex: 1 }),
      ],
    };
  },
  getNode: async ({ uuid }) => {
    if (uuid !== uuidOf(1)) throw new StrataError("NO_SUCH_DATANODE", { uuid });
    return { node: nodeOf(1) };
  },
};

test("info shows container, pipeline, datanodes and replicas by index", async () => {
  const { exitCode, out } = await runCli(["admin", "container", "info", "1"], { connection: INFO });
  assert.equal(exitCode, 0);
  assert.deepEqual(out.split("\n"), [
    "Container id: 1",
    `Pipeline id: ${uuidOf(100)}`,
    `Write PipelineId: ${uuidOf(100)}`,
    "Write Pipeline State: OPEN",
    "Container State: CLOSED",
    "Used Bytes: 5",
    "Number of Keys: 2",
    "Sequence Id: 9",
    `Datanodes: [${uuidOf(1)}/dn1.example.com,`,
    `${uuidOf(2)}/dn2.example.com]`,
    `Replicas: [State: CLOSED; ReplicaIndex: 1; SequenceId: 9; Origin: ${uuidOf(1)}; ` +
      `Location: ${uuidOf(1)}/dn1.example.com; Keys: 2; Bytes: 5; DataChecksum: ff,`,
    `State: CLOSED; ReplicaIndex: 2; SequenceId: 9; Origin: ${uuidOf(9)}; ` +
      `Location: ${uuidOf(9)}; Keys: 2; Bytes: 5; DataChecksum: ff]`,
  ]);
});

test("info of a container whose pipeline is gone says so", async () => {
  const { out } = await runCli(["admin", "container", "info", "2"], { connection: INFO });
  assert.match(out, /Pipeline id: none\nWrite PipelineId: 0.*\nWrite Pipeline State: NONEXISTENT/);
});

test("info shows those of several that exist, and fails for the others", async () => {
  const { exitCode, out, err } = await runCli(["admin", "container", "info", "1", "3", "2", "--json"], {
    connection: INFO,
  });
  assert.equal(exitCode, 1);
  assert.match(err, /container 3 does not exist/);
  const shapes = JSON.parse(out) as Record<string, unknown>[];
  assert.deepEqual(
    shapes.map((shape) => Object.keys(shape)),
    [
      ["containerInfo", "pipeline", "replicas", "writePipelineID"],
      ["containerInfo", "replicas", "writePipelineID"],
    ],
  );
});

test("info of one container in JSON is an object; ids come from standard input too", async () => {
  const words = ["admin", "container", "info", "-", "--json"];
  const { out } = await runCli(words, { connection: INFO, input: ["1", "", " 1 "] });
  const { containerInfo, pipeline, replicas } = JSON.parse(out);
  assert.deepEqual(
    [containerInfo.containerID, pipeline.nodes.length, replicas[1].dataChecksum],
    [1, 2, "ff"],
  );
  assert.equal(pipeline.leaderNode.hostName, "dn1.example.com");
  assert.deepEqual(pipeline.replicationConfig.replicationFactor, RATIS_THREE.factor === 3 ? "THREE" : "");
});

test("info of any other number of ids in JSON is an array, also when nothing is found", async () => {
  const info = (...input: string[]) =>
    runCli(["admin", "container", "info", "-", "--json"], { connection: INFO, input });
  for (const input of [[], ["8", "9"]]) assert.deepEqual(JSON.parse((await info(...input)).out), []);
  assert.equal((await info("9")).out, "");
});

test("info of many asks once for each datanode, also for one that the SCM does not know", async () => {
  const asked: string[] = [];
  const getNode: AdminConnection["getNode"] = (request) => {
    asked.push(request.uuid);
    return (INFO.getNode as AdminConnection["getNode"])(request);
  };
  const connection = { ...INFO, getNode };
  const { out } = await runCli(["admin", "container", "info", "-"], { connection, input: ["1", "2"] });
  assert.deepEqual(asked.sort(), [uuidOf(1), uuidOf(9)]);
  assert.equal(out.match(/Location: [^;]*dn1.example.com;/g)?.length, 2);
});

test("info marks stale replicas", async () => {
  const getContainerReplicas: AdminConnection["getContainerReplicas"] = async ({ containerId }) => ({
    replicas: [replicaOf(containerId, 1, { isStale: true, replicaIndex: 1 }), replicaOf(containerId, 9)],
  });
  const connection = { ...INFO, getContainerReplicas };
  const { out } = await runCli(["admin", "container", "info", "1"], { connection });
  assert.deepEqual(out.match(/State: CLOSED[^;\n]*;/g), ["State: CLOSED;", "State: CLOSED (stale);"]);
  const json = await runCli(["admin", "container", "info", "1", "--json"], { connection });
  assert.deepEqual(
    JSON.parse(json.out).replicas.map(({ stale }: { stale?: boolean }) => stale),
    [true, undefined],
  );
});

test("suppress sends requests of at most 1024 ids and names those that failed", async () => {
  const sizes: number[] = [];
  const connection: Partial<AdminConnection> = {
    suppressContainers: async ({ containerIds, suppress }) => {
      sizes.push(containerIds.length);
      assert.equal(suppress, true);
      return { failedContainerIds: containerIds.filter((id) => id === 2) };
    },
  };
  const input = Array.from({ length: 1500 }, (_, i) => String(i + 1));
  const { exitCode, out, err } = await runCli(["admin", "container", "suppress", "-"], { connection, input });
  assert.deepEqual(sizes, [1024, 476]);
  assert.equal(exitCode, 1);
  assert.equal(err, "Failed to suppress container 2.");
  assert.match(out, /^Suppressed container: 1\nSuppressed container: 3\n/);
  assert.match(out, /Suppressed 1499 container\(s\) successfully\.$/);
});

test("suppress --unsuppress clears the flag", async () => {
  const connection: Partial<AdminConnection> = {
    suppressContainers: async ({ suppress }) => {
      assert.equal(suppress, false);
      return { failedContainerIds: [] };
    },
  };
  const words = ["admin", "container", "suppress", "--unsuppress", "5", "--json"];
  const { exitCode, out } = await runCli(words, { connection });
  assert.equal(exitCode, 0);
  assert.deepEqual(JSON.parse(out), { suppress: false, done: [5], failed: [] });
});
