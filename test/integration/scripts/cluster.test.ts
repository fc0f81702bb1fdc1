import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { ClusterEvent } from "../../../scripts/cluster/events.js";
import { runCommand, runStrata, StrataProcess } from "../../support/process/strata-process.js";
import { waitFor } from "../../support/wait.js";

const SCRIPT = fileURLToPath(new URL("../../../scripts/cluster.js", import.meta.url));
const LIMIT_MS = 60_000;

type Ready = ClusterEvent & { readonly event: "ready" };

class Cluster {
  readonly process: StrataProcess;

  constructor(...words: string[]) {
    this.process = new StrataProcess(["--json", ...words], { entry: SCRIPT });
  }

  get events(): ClusterEvent[] {
    const lines = this.process.text.split("\n").filter((line) => line.startsWith("{"));
    return lines.map((line) => JSON.parse(line) as ClusterEvent);
  }

  async until(what: string, found: (events: ClusterEvent[]) => boolean): Promise<void> {
    await waitFor(what, () => !this.process.isAlive || found(this.events), LIMIT_MS);
    assert.ok(found(this.events), `${what}: ${this.process.text}`);
  }

  async ready(): Promise<Ready> {
    await this.until("it is ready", (events) => events.some(({ event }) => event === "ready"));
    return this.events.find(({ event }) => event === "ready") as Ready;
  }

  /** As Ctrl-C does. */
  async interrupt(): Promise<void> {
    this.process.signal("SIGINT");
    assert.deepEqual(await this.process.ended, { code: 0, signal: null }, this.process.text);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("a newcomer gets three SCMs, may kill the leader and see the next; Ctrl-C leaves nothing", async () => {
  const cluster = new Cluster();
  try {
    const { members, directory, config } = await cluster.ready();
    assert.deepEqual(
      members.map(({ name }) => name),
      ["a", "b", "c"],
    );
    await cluster.until("a leads", (events) =>
      events.some((event) => event.event === "leader" && event.name === "a"),
    );
    const roles = await runCommand(["admin", "scm", "roles", "--config", config]);
    assert.equal(roles.code, 0, roles.text);
    assert.equal(roles.text.match(/LEADER/g)?.length, 1, roles.text);
    assert.equal(roles.text.match(/FOLLOWER/g)?.length, 2, roles.text);

    process.kill((members[0] as Ready["members"][number]).pid, "SIGKILL");
    await cluster.until("another one leads", (events) =>
      events.some((event) => event.event === "leader" && event.name !== "a"),
    );
    await cluster.until("a runs again", (events) => events.some(({ event }) => event === "started"));
    const again = cluster.events.find(({ event }) => event === "started") as { pid: number };
    await cluster.interrupt();
    for (const { pid } of [...members, again]) assert.equal(isAlive(pid), false, `${pid}`);
    assert.equal(existsSync(directory), false);
  } finally {
    await cluster.process.kill();
  }
});

test("a directory that is given keeps the group, which starts again as it was", async () => {
  const directory = mkdtempSync(join(tmpdir(), "strata-cluster-test-"));
  const words = ["--directory", directory, "--size", "1"];
  const first = new Cluster(...words);
  let second: Cluster | undefined;
  try {
    const before = await first.ready();
    await first.until("it leads", (events) => events.some(({ event }) => event === "leader"));
    await first.interrupt();
    assert.deepEqual(readdirSync(directory).sort(), ["a", "a.log", "cluster.json", "conf"]);
    second = new Cluster(...words);
    const after = await second.ready();
    assert.equal(after.members[0]?.endpoint, before.members[0]?.endpoint);
    assert.equal((second.events[0] as { isNew: boolean }).isNew, false);
    await second.interrupt();
    const wrong = await runStrata(["--directory", directory], { entry: SCRIPT });
    assert.equal(wrong.code, 1);
    assert.match(wrong.text, /holds a group of 1: give --size 1/);
  } finally {
    await first.process.kill();
    await second?.process.kill();
    rmSync(directory, { recursive: true, force: true });
  }
});

test("the time that is given ends it", async () => {
  const run = await runStrata(["--size", "1", "--seconds", "6"], { entry: SCRIPT });
  assert.equal(run.code, 0, run.text);
  assert.match(run.text, /Ctrl-C ends all\./);
  assert.match(run.text, /Stopping …/);
});
