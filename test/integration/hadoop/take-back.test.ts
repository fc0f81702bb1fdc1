import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { SCMDatanodeRequestSchema } from "../../../protocol/hadoop/generated/datanode_pb.js";
import { encodeMessage } from "../../../protocol/hadoop/message.js";
import { HadoopClient } from "../../support/hadoop/hadoop-client.js";
import { DATANODE_PROTOCOL, HadoopDatanode } from "../../support/hadoop/hadoop-datanode.js";
import { freePort, LOOPBACK, ScmHome } from "../../support/process/scm-home.js";
import { soon } from "../../support/wait.js";

const LIMIT_MS = 30_000;
/** A command that is taken back comes with the first heartbeat after the client's end is known. */
const TAKEN_BACK_LIMIT_MS = 2_000;
/** The system may take an answer just before it hears that the client has gone: then it is lost, as with
 * the reference, and another datanode is tried. */
const ATTEMPT_COUNT = 5;
const SIZE = 2n ** 40n;
const ALLOCATED = "strata_pipeline_num_pipeline_allocated_total";
const TAKEN_BACK = "strata_gateway_commands_taken_back_total";

async function metric(home: ScmHome, name: string): Promise<number> {
  const page = await (await fetch(`http://${LOOPBACK}:${home.httpPort}/prom`)).text();
  return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(page)?.[1]);
}

async function grows(home: ScmHome, name: string, before: number, limitMs: number): Promise<void> {
  await soon(`${name} grows`, async () => ((await metric(home, name)) > before ? true : undefined), limitMs);
}

/** A datanode for which the command to create its RATIS/ONE pipeline waits. */
async function orderedDatanode(home: ScmHome, port: number): Promise<HadoopDatanode> {
  const datanode = new HadoopDatanode(port);
  const before = await metric(home, ALLOCATED);
  await datanode.getVersion();
  await datanode.register({
    nodeReport: {
      storageReport: [{ storageUuid: "DS-1", storageLocation: "/data", capacity: SIZE, remaining: SIZE }],
      metadataStorageReport: [{ storageLocation: "/ratis", capacity: SIZE, remaining: SIZE }],
    },
  });
  await grows(home, ALLOCATED, before, LIMIT_MS);
  return datanode;
}

/** A heartbeat of `datanode` whose client does not wait for the answer. */
async function beatAndGo(datanode: HadoopDatanode, port: number): Promise<void> {
  const gone = new HadoopClient({ port, protocol: DATANODE_PROTOCOL });
  await once(gone.socket, "connect");
  gone.write(new Uint8Array(0));
  const heartbeat = encodeMessage(SCMDatanodeRequestSchema, {
    cmdType: 3,
    sendHeartbeatRequest: datanode.beat(),
  });
  gone.socket.end(gone.frameOf("submitRequest", heartbeat));
  await gone.closed();
}

test("commands of an answer that finds no socket any more come with the next heartbeat", async () => {
  const port = await freePort();
  const home = await ScmHome.create([
    "strata.hadoop.enabled=true",
    `ozone.scm.datanode.address=${LOOPBACK}:${port}`,
    `ozone.scm.client.address=${LOOPBACK}:${await freePort()}`,
    `ozone.scm.block.client.address=${LOOPBACK}:${await freePort()}`,
  ]);
  const datanodes: HadoopDatanode[] = [];
  try {
    await home.start();
    let isTakenBack = false;
    for (let attempt = 1; attempt <= ATTEMPT_COUNT && !isTakenBack; attempt++) {
      const datanode = await orderedDatanode(home, port);
      datanodes.push(datanode);
      await beatAndGo(datanode, port);
      const order = soon(
        "the order comes again",
        async () => {
          const { commands } = await datanode.heartbeat();
          return commands.find((each) => each.createPipelineCommandProto !== undefined);
        },
        TAKEN_BACK_LIMIT_MS,
      );
      isTakenBack = await order.then(
        () => true,
        () => false,
      );
    }
    assert.ok(isTakenBack, "a command was taken back");
    assert.ok((await metric(home, TAKEN_BACK)) > 0);
  } finally {
    for (const each of datanodes) await each.close();
    await home.remove();
  }
});
