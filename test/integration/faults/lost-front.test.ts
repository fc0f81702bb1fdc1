import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  ask,
  call,
  context,
  PROTOCOLS,
  preamble,
  RawConnection,
} from "../../../scripts/interop/raw-connection.js";
import { message } from "../../../scripts/interop/wire-text.js";
import { ScmHome } from "../../support/process/scm-home.js";
import { soon, waitFor } from "../../support/wait.js";

const BREAKABLE = fileURLToPath(new URL("../../support/process/breakable-scm.js", import.meta.url));
const GET_SCM_INFO = message([1, 13], [2, ""], [4, 3], [13, [[1, ""]]]);
const RESTART_LIMIT_MS = 20_000;
const ANY_PORTS = ["client", "datanode", "block.client"].flatMap((name) => [
  `ozone.scm.${name}.port=0`,
  `ozone.scm.${name}.bind.host=127.0.0.1`,
]);

interface Ports {
  readonly client: number;
  readonly datanode: number;
  readonly block: number;
}

/** What the log says each time that the ports were opened. */
function portsOf(home: ScmHome): Ports[] {
  return readFileSync(home.logFile, "utf8")
    .split("\n")
    .filter((line) => line.includes("Hadoop RPC is served"))
    .map((line) => JSON.parse(line) as Ports);
}

test("a dead front loses its connections only: it is back on the same ports", async () => {
  const home = await ScmHome.create(["strata.hadoop.enabled=true", ...ANY_PORTS]);
  try {
    const scm = await home.start([], { entry: BREAKABLE, withChannel: true });
    const [ports] = portsOf(home);
    assert.ok(ports !== undefined, "it listens");
    const before = await ask(ports.block, PROTOCOLS.block, GET_SCM_INFO);
    const standing = new RawConnection(ports.block);
    standing.send(preamble(), context(PROTOCOLS.block), call(0, PROTOCOLS.block, GET_SCM_INFO));
    await standing.answer();
    scm.child.send({ role: "front", index: 0 });
    assert.equal((await standing.untilClosed()).length, 0);
    await waitFor("it listens again", () => portsOf(home).length > 1, RESTART_LIMIT_MS);
    assert.deepEqual(
      portsOf(home).map(({ client, datanode, block }) => [client, datanode, block]),
      new Array(2).fill([ports.client, ports.datanode, ports.block]),
    );
    const again = await soon(
      "it answers again",
      () => ask(ports.block, PROTOCOLS.block, GET_SCM_INFO).catch(() => undefined),
      RESTART_LIMIT_MS,
    );
    assert.equal(again, before);
    const page = await (await fetch(`http://127.0.0.1:${home.httpPort}/prom`)).text();
    assert.match(page, /^strata_hadoop_restarts 1$/m);
    scm.signal("SIGTERM");
    assert.equal((await scm.ended).code, 0);
  } finally {
    await home.remove();
  }
});

test("with Kerberos wanted Hadoop RPC is not served at all", async () => {
  const home = await ScmHome.create([
    "strata.hadoop.enabled=true",
    "ozone.security.enabled=true",
    ...ANY_PORTS,
  ]);
  try {
    const { code, text } = await home.startRefused();
    assert.equal(code, 78, text);
    assert.match(text, /HADOOP_SECURITY/);
    assert.match(text, /ozone\.security\.enabled/);
  } finally {
    await home.remove();
  }
});

test("a port that is taken ends the start with a coded error", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const { port } = taken.address() as AddressInfo;
  const home = await ScmHome.create([
    "strata.hadoop.enabled=true",
    ...ANY_PORTS,
    `ozone.scm.block.client.address=127.0.0.1:${port}`,
  ]);
  try {
    const { code, text } = await home.startRefused();
    assert.equal(code, 69, text);
    assert.match(text, new RegExp(`:${port}.*LISTEN_FAILED`));
  } finally {
    taken.close();
    await home.remove();
  }
});
