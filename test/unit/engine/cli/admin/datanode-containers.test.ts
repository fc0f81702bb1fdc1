import assert from "node:assert/strict";
import { test } from "node:test";
import type { AdminConnection } from "../../../../../engine/cli/parts.js";
import { StrataError } from "../../../../../engine/core/errors.js";
import type { RequestOf } from "../../../../../protocol/schema/messages.js";
import { runCli } from "../../../../support/cli/run-cli.js";
import { nodeOf, uuidOf } from "../../../../support/records.js";

/** Datanodes 1 to 3, of which the last two share an address; datanode 1 has ten containers, of which the SCM
 * answers three a page. */
function scm() {
  const requests: RequestOf<"listNodeContainers">[] = [];
  const shared = { ...nodeOf(3).details, ipAddress: "10.0.0.2" };
  const connection: Partial<AdminConnection> = {
    listNodes: async () => ({ nodes: [nodeOf(1), nodeOf(2), nodeOf(3, { details: shared })], more: false }),
    listNodeContainers: async (request) => {
      requests.push(request);
      const { uuid, startContainerId, countMax } = request;
      if (uuid !== uuidOf(1)) throw new StrataError("NO_SUCH_DATANODE", { uuid });
      const ids = Array.from({ length: 10 }, (_, i) => i + 1).filter((id) => id >= startContainerId);
      const page = ids.slice(0, Math.min(3, countMax));
      const containers = page.map((containerId) =>
        containerId === 4 ? { containerId } : { containerId, state: "CLOSED" as const },
      );
      return { containers, nextContainerId: ids[page.length] ?? 0, totalCount: 10 };
    },
  };
  return {
    requests,
    list: (...words: string[]) => runCli(["admin", "datanode", "containers", ...words], { connection }),
  };
}

test("the containers of a datanode are listed over pages, and when there are more it is said", async () => {
  const { list, requests } = scm();
  const { exitCode, out, err } = await list(uuidOf(1), "-s", "2", "-c", "4");
  assert.equal(exitCode, 0);
  assert.deepEqual(out.split("\n"), [
    "Container  State",
    "        2  CLOSED",
    "        3  CLOSED",
    "        4  UNKNOWN",
    "        5  CLOSED",
  ]);
  assert.equal(err, "Displaying 4 out of 10 containers. The datanode has more containers.");
  assert.deepEqual(
    requests.map(({ startContainerId, countMax }) => [startContainerId, countMax]),
    [
      [2, 4],
      [5, 1],
    ],
  );
});

test("a datanode is named by its uuid, host name or address in any case", async () => {
  const { list, requests } = scm();
  for (const name of [uuidOf(1), uuidOf(1).toUpperCase(), "DN1.example.com", "10.0.0.1"]) {
    const { out, err } = await list(name, "--all", "--json");
    assert.equal(JSON.parse(out).length, 10, name);
    assert.equal(err, "");
  }
  assert.ok(requests.every(({ uuid }) => uuid === uuidOf(1)));
});

test("JSON has one object a container", async () => {
  const { out } = await scm().list("dn1.example.com", "-c", "2", "-s", "3", "--json");
  assert.deepEqual(JSON.parse(out), [
    { containerID: 3, state: "CLOSED" },
    { containerID: 4, state: "UNKNOWN" },
  ]);
});

test("a datanode that is not known, or an address of several, is refused", async () => {
  const { list } = scm();
  const unknown = await list("dn9.example.com");
  assert.equal(unknown.exitCode, 1);
  assert.match(unknown.err, /there is no datanode dn9.example.com/);
  const several = await list("10.0.0.2");
  assert.equal(several.exitCode, 1);
  assert.match(several.err, new RegExp(`several datanodes; name one of ${uuidOf(2)}, ${uuidOf(3)}`));
  for (const options of [[], ["--json"]]) {
    const gone = await list(uuidOf(8), ...options);
    assert.equal(gone.exitCode, 1);
    assert.match(gone.err, /NO_SUCH_DATANODE/);
    assert.equal(gone.out, "");
  }
});

test("to list none of its containers is a mistake, and an end of the list is no more of it", async () => {
  const { list, requests } = scm();
  const none = await list(uuidOf(1), "-c", "0");
  assert.equal(none.exitCode, 2);
  assert.match(none.err, /whole number from 1/);
  assert.equal(requests.length, 0);
  const all = await list(uuidOf(1), "-c", "10");
  assert.deepEqual([all.exitCode, all.err], [0, ""]);
  assert.deepEqual(JSON.parse((await list(uuidOf(1), "-s", "11", "--json")).out), []);
});
