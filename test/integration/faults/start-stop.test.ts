import assert from "node:assert/strict";
import { test } from "node:test";
import { createAdminClient } from "../../../protocol/client/index.js";
import { CHECKED_LOAD_SETTINGS, CheckedLoad } from "../../../scripts/kill9/checked-load.js";
import { ScmHome } from "../../support/process/scm-home.js";
import { waitFor } from "../../support/wait.js";

const STOP_LIMIT_MS = 15_000;

test("a directory in use is refused with 74, same ports or not, and its user is not disturbed", async () => {
  const home = await ScmHome.create();
  const client = createAdminClient({ endpoints: [home.endpoint], clientName: "test" });
  try {
    const scm = await home.start();
    const { term } = await client.scmInfo();
    const second = await home.startRefused();
    assert.equal(second.code, 74, second.text);
    assert.match(second.text, /is in use by another process \(STORAGE_LOCKED\)/);
    assert.equal((await home.verify()).code, 74);
    const initialized = await home.run("scm", "--init");
    assert.equal(initialized.code, 0, initialized.text);
    assert.match(initialized.text, /is initialised already, left as it is/);
    await client.suppressContainers({ containerIds: [1], suppress: true });
    assert.equal((await client.scmInfo()).term, term);
    scm.signal("SIGTERM");
    assert.equal((await scm.ended).code, 0);
  } finally {
    client.close();
    await home.remove();
  }
});

test("a port in use ends the start with 69 and names the address", async () => {
  const home = await ScmHome.create();
  const other = await ScmHome.create([`strata.ws.address=127.0.0.1:${home.wsPort}`]);
  const third = await ScmHome.create([`ozone.scm.http-address=127.0.0.1:${home.httpPort}`]);
  try {
    const scm = await home.start();
    for (const [blocked, port] of [
      [other, home.wsPort],
      [third, home.httpPort],
    ] as const) {
      const { code, text } = await blocked.startRefused();
      assert.equal(code, 69, text);
      assert.match(text, new RegExp(`cannot listen on 127.0.0.1:${port}: .* \\(LISTEN_FAILED\\)`));
    }
    assert.ok(scm.isAlive);
    await scm.kill();
  } finally {
    for (const each of [home, other, third]) await each.remove();
  }
});

test("a wrong configuration ends with 78 and tells all problems", async () => {
  const home = await ScmHome.createEmpty(["strata.shard.count=99", "strata.no.such.key=1"]);
  try {
    const { code, text } = await home.startRefused();
    assert.equal(code, 78, text);
    assert.match(text, /strata.shard.count/);
    assert.match(text, /strata.no.such.key/);
  } finally {
    await home.remove();
  }
});

test("SIGTERM under load ends with 0 in time and loses nothing", async () => {
  const home = await ScmHome.create(CHECKED_LOAD_SETTINGS);
  const load = new CheckedLoad({ endpoint: home.endpoint, seed: 5, clients: 4 });
  try {
    const scm = await home.start();
    await load.prepare();
    await load.resume();
    await waitFor("the load is under way", () => load.answeredCount > 100);
    const startedMs = performance.now();
    scm.signal("SIGTERM");
    assert.equal((await scm.ended).code, 0, scm.text);
    assert.ok(performance.now() - startedMs < STOP_LIMIT_MS, "it ends in time");
    await load.pause();
    const verified = await home.verify();
    assert.equal(verified.code, 0, verified.text);
    const next = await home.start();
    await load.check();
    await next.kill();
  } finally {
    load.close();
    await home.remove();
  }
});
