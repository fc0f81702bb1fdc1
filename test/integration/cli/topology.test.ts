import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Uuid } from "../../../engine/core/uuid.js";
import {
  createAdminClient,
  createDatanodeClient,
  type DatanodeClient,
  readClusterTree,
} from "../../../protocol/client/index.js";
import { uuidOf } from "../../support/cluster/builders.js";
import { ScmHome } from "../../support/process/scm-home.js";
import { runCommand, runStrata, type StrataProcess } from "../../support/process/strata-process.js";
import { soon, waitFor } from "../../support/wait.js";

/** Racks with the real program: node groups, a script, and datanodes on real sockets. */

/** It does not know dn4, and knows dn5 on a path that is no rack. */
const SCRIPT = `#!/bin/sh
for host in "$@"; do
  case $host in
    dn1|dn2) echo /rack1/ng1 ;;
    dn3) echo /rack1/ng2 ;;
    dn5) echo /rack9 ;;
    *) echo /rack10/ng1 ;;
  esac
done
`;

const clients: DatanodeClient[] = [];
const refusals: string[] = [];
const places = new Map<number, string>();
let home: ScmHome;
let scm: StrataProcess;

function startDatanode(number: number): void {
  const client = createDatanodeClient(
    { endpoints: [home.endpoint], clientName: "datanode of a test" },
    {
      onRegistered: ({ networkLocation }) => void places.set(number, networkLocation),
      onLost: (error) => void refusals.push(`${number} ${error.message}`),
    },
    {
      registration: () => ({
        details: { uuid: uuidOf(number), ipAddress: "127.0.0.1", hostName: `dn${number}`, ports: [] },
        report: { storageReports: [], metadataStorageReports: [] },
        pipelineReports: [],
        layout: { metadata: 10, software: 10 },
      }),
    },
  );
  clients.push(client);
  client.start();
}

before(async () => {
  home = await ScmHome.createEmpty([
    "hdds.datanode.use.datanode.hostname=true",
    "ozone.scm.network.topology.schema.file=network-topology-nodegroup.xml",
  ]);
  const script = join(home.directory, "rack.sh");
  writeFileSync(script, SCRIPT, { mode: 0o755 });
  assert.equal((await home.run("scm", "--init")).code, 0);
  scm = await home.start([`net.topology.script.file.name=${script}`]);
  for (const number of [1, 2, 3, 4, 5]) startDatanode(number);
  await waitFor("four datanodes are registered", () => places.size === 4);
});

after(async () => {
  for (const client of clients) client.close();
  scm.signal("SIGTERM");
  await scm.ended;
  await home.remove();
});

test("datanodes are told their racks; one on a path of another depth is refused with a reason", async () => {
  assert.deepEqual(
    [1, 2, 3, 4].map((number) => places.get(number)),
    ["/rack1/ng1", "/rack1/ng1", "/rack1/ng2", "/rack10/ng1"],
  );
  const ofFive = async () => refusals.find((text) => text.startsWith("5 "));
  const refusal = await soon("dn5 is refused", ofFive, 10_000);
  assert.match(
    refusal,
    /cannot be at \/rack9, which has 1 level\(s\), the topology 2: \/<rack>\/<nodegroup>/,
  );
});

test("printTopology shows the racks", async () => {
  const scmOption = ["--scm", home.endpoint.replace("ws://", "")];
  const { code, text } = await runCommand(["admin", "printTopology", "--order", ...scmOption]);
  assert.equal(code, 0, text);
  assert.deepEqual(text.trimEnd().split("\n"), [
    "State = HEALTHY",
    "Location: /rack1/ng1",
    " 127.0.0.1(dn1) IN_SERVICE",
    " 127.0.0.1(dn2) IN_SERVICE",
    "Location: /rack1/ng2",
    " 127.0.0.1(dn3) IN_SERVICE",
    "Location: /rack10/ng1",
    " 127.0.0.1(dn4) IN_SERVICE",
  ]);
});

test("clients read the tree and the order of datanodes", async () => {
  const client = createAdminClient({ endpoints: [home.endpoint], clientName: "test" });
  const root = await readClusterTree(client);
  assert.equal(root.leafCount, 4);
  assert.deepEqual([...root.children.keys()].sort(), ["rack1", "rack10"]);
  const sorted = async (host: string): Promise<Uuid[]> => {
    const { datanodes } = await client.sortDatanodes({ client: host, uuids: [4, 3, 2, 1].map(uuidOf) });
    return datanodes.map(({ uuid }) => uuid);
  };
  assert.deepEqual(await sorted("dn1"), [1, 2, 3, 4].map(uuidOf));
  // Not a datanode: the script puts it on the rack of dn4.
  assert.equal((await sorted("client.example.org"))[0], uuidOf(4));
  client.close();
});

test("an SCM with a schema file that is wrong ends with code 78 and says what to do", async () => {
  const file = join(home.directory, "levels.xml");
  writeFileSync(file, "<configuration><layoutversion>2</layoutversion></configuration>");
  const option = `-Dozone.scm.network.topology.schema.file=${file}`;
  const { code, text } = await runStrata(["scm", ...home.options(), option]);
  assert.equal(code, 78);
  assert.match(text, /TOPOLOGY_SCHEMA/);
  assert.match(text, /line 1: <layoutversion> must be 1, not "2"/);
});
