import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createAdminClient } from "../../../protocol/client/index.js";
import { containerRecord } from "../../support/cluster/builders.js";
import { ScmGroup, type ScmMember } from "../../support/process/scm-group.js";
import { runCommand } from "../../support/process/strata-process.js";

const COUNT = 50;
const IDS = Array.from({ length: COUNT }, (_, i) => i + 1);
/** As the command and the operations say them. */
const SKIPPED_TERMS = 2 ** 20;
const SKIPPED_NODE_IDS = 1000;

async function verified({ directory }: ScmMember): Promise<string> {
  const { code, text } = await runCommand(["verify", directory]);
  assert.equal(code, 0, text);
  return text;
}

/** What the group has of the containers: `id suppressed` of each. */
async function contentOf(group: ScmGroup): Promise<string[]> {
  const client = createAdminClient({ endpoints: group.endpoints, clientName: "content" });
  try {
    const { containers } = await client.listContainers({ startContainerId: 0, countMax: 2 * COUNT });
    return containers.map(({ containerId, suppressed }) => `${containerId} ${suppressed}`);
  } finally {
    client.close();
  }
}

async function termOf(member: ScmMember): Promise<number> {
  const roles = await member.roles();
  assert.ok(roles !== undefined, `${member.name} answers`);
  return roles.term ?? 0;
}

function force(member: ScmMember, ...words: string[]) {
  return member.run("scm", "--force-new-group", ...words);
}

test("one SCM of three goes on with all that was acknowledged, the others are refused", async () => {
  const group = await ScmGroup.create({ takesImports: true });
  const client = createAdminClient({ endpoints: group.endpoints, clientName: "writer" });
  try {
    await group.start();
    const [a, b, c] = group.members as readonly [ScmMember, ScmMember, ScmMember];
    await client.import({ pipelines: [], containers: IDS.map((id) => containerRecord(id)) });
    for (const id of IDS) await client.suppressContainers({ containerIds: [id], suppress: id % 3 === 0 });
    const expected = IDS.map((id) => `${id} ${id % 3 === 0}`);
    assert.deepEqual(await contentOf(group), expected);
    const oldTerm = await termOf(a);
    const { clusterId } = await client.scmInfo();

    const running = await force(a, "--yes", clusterId);
    assert.equal(running.code, 74);
    assert.match(running.text, /STORAGE_LOCKED/);

    await group.kill();
    const oldC = join(group.directory, "old-c");
    cpSync(c.directory, oldC, { recursive: true });
    const before = await verified(a);

    const dry = await force(a);
    assert.equal(dry.code, 1, dry.text);
    assert.match(dry.text, /^to be removed: 2 [\da-f-]{36} b at 127\.0\.0\.1:\d+$/m);
    assert.match(dry.text, /^to be removed: 3 [\da-f-]{36} c at /m);
    assert.match(dry.text, /nothing was changed/);
    assert.equal(await verified(a), before);
    const other = await force(a, "--yes", "CID-0c1d2e3f-0000-4000-8000-000000000001");
    assert.match(other.text, /CLUSTER_ID_MISMATCH/);
    assert.equal(await verified(a), before);

    const done = await force(a, "--yes", clusterId);
    assert.equal(done.code, 0, done.text);
    assert.match(done.text, /^removed: 3 /m);
    assert.match(await verified(a), /^tailEntryCount: 0$/m);
    await a.start();
    assert.ok((await termOf(a)) > oldTerm + SKIPPED_TERMS);
    assert.deepEqual(await contentOf(group), expected);

    // The old majority comes back, and would elect a leader of its own.
    for (const ended of [b.spawn().ended, c.spawn().ended]) {
      assert.deepEqual(await ended, { code: 1, signal: null });
    }
    for (const old of [b, c]) {
      assert.match(old.process.text, /"code":"MEMBER_REMOVED"/);
      old.loseDisk();
      await group.join(old);
    }
    const peers = (await a.roles())?.peers ?? [];
    const numbers = peers.map(({ nodeId }) => nodeId);
    assert.deepEqual(numbers, [1, 4 + SKIPPED_NODE_IDS, 5 + SKIPPED_NODE_IDS]);
    await client.suppressContainers({ containerIds: [1], suppress: true });

    // One that is found in a cupboard later, where another one has its place now.
    await c.kill();
    c.loseDisk();
    cpSync(oldC, c.directory, { recursive: true });
    assert.deepEqual(await c.spawn().ended, { code: 1, signal: null });
    assert.match(c.process.text, /"code":"MEMBER_REMOVED"/);
    assert.deepEqual(await contentOf(group), ["1 true", ...expected.slice(1)]);

    await group.kill();
    for (const member of [a, b]) await verified(member);
  } finally {
    client.close();
    await group.close();
  }
});
