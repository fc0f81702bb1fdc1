import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createAdminClient } from "../../../protocol/client/index.js";
import { containerRecord } from "../../support/cluster/builders.js";
import { ScmGroup, type ScmMember } from "../../support/process/scm-group.js";
import { runCommand } from "../../support/process/strata-process.js";

/** More than the leader keeps of its log. */
const MUTATIONS = 1_300;
const LIMIT_MS = 60_000;
const LOOK_MS = 50;

/** Index and hash of the state, as the member itself says. */
async function stateOf({ endpoint }: ScmMember): Promise<string> {
  const client = createAdminClient({ endpoints: [endpoint], clientName: "state", pinned: true });
  try {
    const { appliedIndex, stateHash } = await client.scmInfo();
    return `${stateHash} at ${appliedIndex}`;
  } finally {
    client.close();
  }
}

async function whenEqual(a: ScmMember, b: ScmMember): Promise<void> {
  const dueMs = performance.now() + LIMIT_MS;
  for (;;) {
    const [one, other] = await Promise.all([stateOf(a), stateOf(b)]);
    if (one === other) return;
    if (performance.now() > dueMs) assert.fail(`${a.name}: ${one}, ${b.name}: ${other}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

test("a new member gets what the log has dropped as a snapshot, and outlives its own kill", async () => {
  const settings = ["strata.raft.log.entries.max=1000", "strata.state.flush.interval=50ms"];
  const group = await ScmGroup.create({ names: ["a"], laterNames: ["b"], takesImports: true, settings });
  const client = createAdminClient({ endpoints: group.endpoints, clientName: "snapshot" });
  try {
    await group.start();
    const [a, b] = [group.member("a"), group.member("b")];
    const containers = Array.from({ length: 1000 }, (_, i) => containerRecord(1 + i * 40));
    await client.import({ pipelines: [], containers });
    for (let i = 0; i < MUTATIONS; i++) {
      await client.suppressContainers({ containerIds: [1 + (i % 1000) * 40], suppress: i % 2 === 0 });
    }
    await group.join(b);
    await whenEqual(a, b);
    const stateDirectory = join(b.directory, "scm", "state");
    assert.match(readdirSync(stateDirectory).join(), /^snapshot-\d+$/);
    await client.suppressContainers({ containerIds: [1], suppress: true });
    await whenEqual(a, b);
    await b.kill();
    // Without it there is no quorum: this waits until it is back.
    const mutation = client.suppressContainers({ containerIds: [41], suppress: false });
    await b.start();
    await mutation;
    await whenEqual(a, b);
    await b.kill();
    const { code, text } = await runCommand(["verify", b.directory]);
    assert.equal(code, 0, text);
  } finally {
    client.close();
    await group.close();
  }
});
