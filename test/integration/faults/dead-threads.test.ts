import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { CHECKED_LOAD_SETTINGS, CheckedLoad } from "../../../scripts/kill9/checked-load.js";
import { ScmHome } from "../../support/process/scm-home.js";
import { waitFor } from "../../support/wait.js";

const BREAKABLE = fileURLToPath(new URL("../../support/process/breakable-scm.js", import.meta.url));
const SEED = 11;
/** Of the end of a process, which waits for nothing but its other threads. */
const END_LIMIT_MS = 15_000;

for (const role of ["log", "state"]) {
  test(`a dead ${role} thread ends the SCM, the next start has all of it (seed ${SEED})`, async () => {
    const home = await ScmHome.create([...CHECKED_LOAD_SETTINGS, "strata.state.flush.interval=50ms"]);
    const load = new CheckedLoad({ endpoint: home.endpoint, seed: SEED, clients: 4 });
    try {
      const scm = await home.start([], { entry: BREAKABLE, withChannel: true });
      await load.prepare();
      await load.resume();
      await waitFor("the load is under way", () => load.answeredCount > 100);
      const startedMs = performance.now();
      scm.child.send({ role, index: 0 });
      const { code } = await scm.ended;
      assert.equal(code, 69, scm.text);
      assert.ok(performance.now() - startedMs < END_LIMIT_MS, "it ends soon");
      assert.match(scm.text, new RegExp(`worker ${role} 0 was terminated from outside`));
      await load.pause();
      const verified = await home.verify();
      assert.equal(verified.code, 0, verified.text);
      const next = await home.start();
      await load.check();
      next.signal("SIGTERM");
      assert.equal((await next.ended).code, 0);
    } finally {
      load.close();
      await home.remove();
    }
  });
}
