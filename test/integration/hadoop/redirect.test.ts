import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  Type as BlockType,
  SCMBlockLocationRequestSchema,
} from "../../../protocol/hadoop/generated/block_pb.js";
import {
  ScmContainerLocationRequestSchema,
  ScmContainerLocationResponseSchema,
  Type,
} from "../../../protocol/hadoop/generated/location_pb.js";
import { decodeMessage, encodeMessage } from "../../../protocol/hadoop/message.js";
import { HadoopClient, HadoopError } from "../../support/hadoop/hadoop-client.js";
import { ScmGroup, type ScmMember } from "../../support/process/scm-group.js";
import { freePort, LOOPBACK } from "../../support/process/scm-home.js";
import { soon } from "../../support/wait.js";

/** Three SCMs, each with its gateway: who is asked and does not lead says who does, by host and port of the
 * protocol that it was asked in (spec 12 §3.3). */

const BLOCK = "org.apache.hadoop.hdds.scm.protocol.ScmBlockLocationProtocol";
const LOCATION = "org.apache.hadoop.hdds.scm.protocol.StorageContainerLocationProtocol";
const NAMES = ["a", "b", "c"];
const LIMIT_MS = 60_000;

let group: ScmGroup;
const clientPorts = new Map<string, number>();
const blockPorts = new Map<string, number>();

before(async () => {
  const settings = ["strata.hadoop.enabled=true"];
  for (const name of NAMES) {
    const [client, block] = [await freePort(), await freePort()];
    clientPorts.set(name, client);
    blockPorts.set(name, block);
    settings.push(
      `ozone.scm.client.port.s.${name}=${client}`,
      `ozone.scm.block.client.port.s.${name}=${block}`,
      `ozone.scm.datanode.port.s.${name}=${await freePort()}`,
    );
  }
  group = await ScmGroup.create({ names: NAMES, settings });
  await group.start();
});

after(() => group.close());

async function callOnce(
  port: number,
  protocol: string,
  method: string,
  body: Uint8Array,
): Promise<Uint8Array> {
  const client = new HadoopClient({ port, protocol });
  try {
    return await client.call(method, body);
  } finally {
    await client.close();
  }
}

function askBlock({ name }: ScmMember): Promise<Uint8Array> {
  const body = encodeMessage(SCMBlockLocationRequestSchema, {
    cmdType: BlockType.GetScmInfo,
    traceID: "",
    version: 3,
    getScmInfoRequest: {},
  });
  return callOnce(blockPorts.get(name) ?? 0, BLOCK, "send", body);
}

function askLocation({ name }: ScmMember, cmdType: Type): Promise<Uint8Array> {
  const body = encodeMessage(ScmContainerLocationRequestSchema, { cmdType, traceID: "", version: 3 });
  return callOnce(clientPorts.get(name) ?? 0, LOCATION, "submitRequest", body);
}

/** Port that a member suggests; 0 when it leads or knows nobody. */
async function suggested(call: Promise<Uint8Array>): Promise<number> {
  try {
    await call;
    return 0;
  } catch (error) {
    if (!(error instanceof HadoopError)) throw error;
    assert.equal(error.className, "org.apache.hadoop.hdds.ratis.ServerNotLeaderException");
    // The patterns of the Java client.
    assert.match(error.message, /\S+ Server:\S+ is not the leader\.+/s);
    const found = /Suggested leader is Server:([^:]*)(:[0-9]+)/.exec(error.message);
    if (found === null) return 0;
    assert.equal(found[1], LOOPBACK);
    return Number(found[2]?.slice(1));
  }
}

async function suggestsOnly(leader: ScmMember): Promise<void> {
  for (const member of group.members.filter((each) => each !== leader && each.isAlive)) {
    const isRight = async (): Promise<true | undefined> => {
      const block = await suggested(askBlock(member));
      const location = await suggested(askLocation(member, Type.ListPipelines));
      const isBlock = block === blockPorts.get(leader.name);
      return isBlock && location === clientPorts.get(leader.name) ? true : undefined;
    };
    await soon(`${member.name} suggests ${leader.name}`, isRight, LIMIT_MS);
  }
}

test("followers suggest the leader, also the next one, and answer what needs none", async () => {
  const leader = await group.whenLed();
  await suggestsOnly(leader);
  await askBlock(leader);
  for (const member of group.members) {
    const answer = await askLocation(member, Type.InSafeMode);
    const { inSafeModeResponse } = decodeMessage(ScmContainerLocationResponseSchema, answer);
    assert.equal(inSafeModeResponse?.inSafeMode, false, member.name);
    await askLocation(member, Type.ForceExitSafeMode);
    await askLocation(member, Type.GetSafeModeRuleStatuses);
    await askLocation(member, Type.StopReplicationManager);
  }
  const info = decodeMessage(
    ScmContainerLocationResponseSchema,
    await askLocation(leader, Type.GetScmInfo),
  ).getScmInfoResponse;
  const roles = info?.peerRoles.map((role) => role.split(":")[2]).sort();
  assert.deepEqual(roles, ["FOLLOWER", "FOLLOWER", "LEADER"]);

  await leader.kill();
  await suggestsOnly(await group.whenLed());
});
