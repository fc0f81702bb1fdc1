import assert from "node:assert/strict";
import { test } from "node:test";
import type { AdminConnection } from "../../../../../engine/cli/parts.js";
import { runCli } from "../../../../support/cli/run-cli.js";
import { containerRecord, pipelineRecord } from "../../../../support/cluster/builders.js";

function scm() {
  const requests: Parameters<AdminConnection["allocateContainer"]>[0][] = [];
  const allocateContainer: AdminConnection["allocateContainer"] = async (request) => {
    requests.push(request);
    const { owner, replication } = request;
    return {
      container: containerRecord(17, { owner, replication, state: "OPEN" }),
      pipeline: pipelineRecord(1, { replication }),
    };
  };
  return { connection: { allocateContainer }, requests };
}

const CREATE = ["admin", "container", "create"];

test("without options it is one of RATIS/THREE for OZONE", async () => {
  const { connection, requests } = scm();
  const { out, exitCode } = await runCli(CREATE, { connection });
  assert.equal(exitCode, 0);
  assert.equal(out, "Container 17 is created with replication RATIS/THREE.");
  assert.deepEqual([requests[0]?.owner, requests[0]?.replication.factor], ["OZONE", 3]);
});

test("owner, type and replication are the reference's", async () => {
  const { connection, requests } = scm();
  const words = ["-o", "om1", "-t", "EC", "-r", "rs-3-2-1024k", "--json"];
  const { out } = await runCli([...CREATE, ...words], { connection });
  const shown = JSON.parse(out) as { containerID: number; owner: string; pipeline: { id: { id: string } } };
  assert.deepEqual([shown.containerID, shown.owner], [17, "om1"]);
  assert.equal(shown.pipeline.id.id, pipelineRecord(1).pipelineId);
  assert.deepEqual([requests[0]?.replication.ecData, requests[0]?.replication.ecParity], [3, 2]);
  for (const type of ["STANDALONE", "stand_alone"]) {
    await runCli([...CREATE, "--type", type, "--replication", "ONE"], { connection });
    const last = requests.at(-1)?.replication;
    assert.deepEqual([last?.type, last?.factor], ["STAND_ALONE", 1]);
  }
});

test("what is no configuration is not asked for", async () => {
  const { connection, requests } = scm();
  for (const words of [
    ["-r", "TWO"],
    ["-t", "EC"],
    ["-t", "CHAINED"],
  ]) {
    const { exitCode, err } = await runCli([...CREATE, ...words], { connection });
    assert.equal(exitCode, 2);
    assert.notEqual(err, "");
  }
  const { err } = await runCli([...CREATE, "-t", "ec"], { connection });
  assert.match(err, /--replication is required with --type EC, such as rs-3-2-1024k/);
  assert.equal(requests.length, 0);
});
