import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { decodeCall } from "../../support/hadoop/decoded-call.js";
import { GOLDEN_FRAMES, readCalls } from "../../support/hadoop/recorded-frames.js";
import { Replay } from "../../support/hadoop/replay.js";
import { freePort, LOOPBACK, ScmHome } from "../../support/process/scm-home.js";

/** As in the recording (`scripts/interop/cluster-keys.ts`). */
const SETTINGS = [
  "ozone.scm.container.size=1GB",
  "ozone.scm.block.size=64MB",
  "ozone.scm.pipeline.creation.interval=1s",
  // No other containers in advance, so that lists are the same.
  "ozone.scm.pipeline.owner.container.count=1",
  // The reference's replication manager sends these commands before their time.
  "ozone.scm.close.container.wait.duration=1s",
  "ozone.scm.datanode.ratis.volume.free-space.min=10MB",
];
const RULES = {
  // Ids of connections, times, sizes of disks (reports that repeat others were left out), names of machines;
  // only the reference's replication manager sets deadlines.
  ownValues: new RegExp(
    "(^|\\.)(callId|clientId|errorMsg|term|cmdId|creationTimeStamp|stateEnterTime|peerRoles" +
      "|remaining|fsAvailable|deadlineMsSinceEpoch)$",
  ),
  missingCommands: ["deleteBlocksCommand", "deleteContainerCommand"],
  known: [
    // Rules of safe mode are not there yet.
    /^GetSafeModeRuleStatuses .* is missing/,
    // Blocks are not deleted yet.
    /^DeleteScmKeyBlocks /,
    /containerInfo\.deleteTransactionId: /,
    /^GetContainerWithPipeline .*containerInfo\.state: DELETING there, CLOSED here/,
  ],
};

const ports = { client: 0, block: 0, datanode: 0 };
let home: ScmHome;

before(async () => {
  for (const name of Object.keys(ports) as (keyof typeof ports)[]) ports[name] = await freePort();
  home = await ScmHome.createEmpty([
    ...SETTINGS,
    "strata.hadoop.enabled=true",
    `ozone.scm.client.address=${LOOPBACK}:${ports.client}`,
    `ozone.scm.block.client.address=${LOOPBACK}:${ports.block}`,
    `ozone.scm.datanode.address=${LOOPBACK}:${ports.datanode}`,
  ]);
  const { code, text } = await home.run("scm", "--init");
  assert.equal(code, 0, text);
  await home.start();
});
after(() => home.remove());

test("the released programs' recorded requests get the recorded answers, field by field", async () => {
  const replay = new Replay(
    {
      StorageContainerDatanodeProtocol: ports.datanode,
      ScmBlockLocationProtocol: ports.block,
      StorageContainerLocationProtocol: ports.client,
    },
    RULES,
  );
  const calls = readCalls(GOLDEN_FRAMES);
  // What comes after is of a node that goes out of service, which Strata does not do yet.
  const end = calls.findIndex((call) => decodeCall(call).type === "StartMaintenanceNodes");
  const differences: string[] = [];
  for (const [at, call] of calls.slice(0, end).entries()) {
    for (const line of await replay.play(call)) differences.push(`call ${at} (${call.step}): ${line}`);
  }
  await replay.close();
  assert.deepEqual(differences, []);
  assert.deepEqual(replay.unseen(), [], "no difference any more: take it out of the rules");
});
