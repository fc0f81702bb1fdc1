import { setTimeout as sleep } from "node:timers/promises";
import type { Uuid } from "../../engine/core/uuid.js";
import { type AdminClient, codeOf, createAdminClient, RemoteError } from "../../protocol/client/index.js";
import type { ScmMember } from "../../test/support/process/scm-group.js";
import { soon } from "../../test/support/wait.js";
import { MEMBERSHIP_NAME } from "./chaos-load.js";
import type { Scene } from "./fault.js";

/** An operator tries again while something is broken. */
const TRIES_LIMIT_MS = 90_000;
const PAUSE_MS = 200;
const CALL_LIMIT_MS = 5_000;
const LEAVE_LIMIT_MS = 5_000;

/** What an operator does while other things go wrong: adds a fourth member, removes one of four, lets another
 * one lead. */
export async function operate(scene: Scene): Promise<void> {
  const { group } = scene.group;
  const waiting = group.members.find((member) => !scene.group.active.has(member));
  if (scene.random.below(3) === 0) await transferLeadership(scene, scene.pick(scene.group.members));
  else if (waiting !== undefined) await addMember(scene, waiting);
  else await removeMember(scene, scene.pick(scene.group.members));
}

/** Has a member with an empty directory join. */
export async function addMember(scene: Scene, member: ScmMember): Promise<void> {
  await tried(scene, `bootstrap of ${member.name}`, async () => {
    member.loseDisk();
    await member.bootstrap();
  });
  if (scene.isOver) return;
  await member.start();
  scene.group.active.add(member);
  await scene.group.group.whenVoter(member);
  scene.note(`added ${member.name}`);
}

/** Removes a member from the group for good; when it leads, after somebody else does. Its process ends by
 * itself, and its directory is given up. */
export async function removeMember(scene: Scene, member: ScmMember): Promise<void> {
  await withClient(scene, async (client) => {
    const scmId = await scmIdOf(client, member);
    await tried(scene, `removal of ${member.name}`, async () => {
      if (await leads(client, scmId)) await client.transferLeadership({});
      await decommission(scene, client, scmId);
    });
  });
  scene.note(`removed ${member.name}`);
  const { process } = member;
  process.signal("SIGCONT");
  await Promise.race([process.ended, sleep(LEAVE_LIMIT_MS)]);
  if (member.isAlive) scene.note(`${member.name} did not end by itself`);
  await member.kill();
  scene.group.forget(member);
}

export async function transferLeadership(scene: Scene, member: ScmMember): Promise<void> {
  await withClient(scene, async (client) => {
    const scmId = await scmIdOf(client, member);
    await tried(scene, `transfer to ${member.name}`, async () => {
      await client.transferLeadership({ scmId });
    });
  });
  scene.note(`transferred to ${member.name}`);
}

async function withClient(scene: Scene, work: (client: AdminClient) => Promise<void>): Promise<void> {
  const client = createAdminClient({
    endpoints: scene.group.members.map(({ endpoint }) => endpoint),
    clientName: "chaos operator",
    timeoutMs: CALL_LIMIT_MS,
    attemptTimeoutMs: CALL_LIMIT_MS,
    handshakeTimeoutMs: 500,
    backoff: { initialMs: 20, maximumMs: 200 },
  });
  try {
    await work(client);
  } finally {
    client.close();
  }
}

async function scmIdOf(client: AdminClient, { name }: ScmMember): Promise<Uuid> {
  const ask = async () => {
    const roles = await client.scmRoles().catch(() => undefined);
    return roles?.peers.find((each) => each.name === name)?.scmId;
  };
  return await soon(`somebody knows ${name}`, ask, TRIES_LIMIT_MS);
}

/** Asks for it at the version that the leader tells. */
async function decommission(scene: Scene, client: AdminClient, scmId: Uuid): Promise<void> {
  const { configVersion: change = 0 } = await client.scmRoles();
  const call = scene.recorder.invoke("operator", MEMBERSHIP_NAME, { change });
  try {
    const { configVersion: version = 0 } = await client.decommissionScm({
      scmId,
      force: false,
      expectedVersion: change,
    });
    // The same version: it was removed before, by a try without an answer.
    if (version === change) call.refused();
    else call.returned({ version });
  } catch (error) {
    if (error instanceof RemoteError && error.retry === "never") call.refused();
    throw error;
  }
}

async function leads(client: AdminClient, scmId: Uuid): Promise<boolean> {
  const { peers } = await client.scmRoles();
  return peers.some((peer) => peer.scmId === scmId && peer.role === "LEADER");
}

/** Until it works. What an operator does once may be refused while something is broken, never for ever. */
async function tried(scene: Scene, what: string, work: () => Promise<void>): Promise<void> {
  const dueMs = performance.now() + TRIES_LIMIT_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (scene.isOver || performance.now() > dueMs) {
        throw new Error(`${what}: ${codeOf(error) ?? ""} ${error}`, { cause: error });
      }
      await sleep(PAUSE_MS);
    }
  }
}
