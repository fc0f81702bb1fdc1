import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { DEFAULT_SCHEMA, NODEGROUP_SCHEMA } from "../../../engine/cluster/topology/schema.js";
import { loadConfig } from "../../../engine/config/load.js";
import { StrataError } from "../../../engine/core/errors.js";
import { rackLocationsOf, topologySchemaOf } from "../../../engine/scm-topology.js";
import { silentLogger } from "../../../engine/telemetry/logger.js";
import { SimClock } from "../../support/simulation/sim-clock.js";
import { SimScheduler } from "../../support/simulation/sim-scheduler.js";
import { waitFor } from "../../support/wait.js";

const directory = mkdtempSync(join(tmpdir(), "strata-topology-"));
after(() => rmSync(directory, { recursive: true }));

function configOf(...overrides: readonly string[]) {
  return loadConfig({ env: {}, overrides: ["ozone.metadata.dirs=/data", ...overrides] });
}

function schema(file: string) {
  return topologySchemaOf(configOf(`ozone.scm.network.topology.schema.file=${file}`).topology);
}

function refusal(file: string): string {
  try {
    schema(file);
  } catch (error) {
    assert(error instanceof StrataError);
    assert.equal(error.code, "TOPOLOGY_SCHEMA");
    return error.message;
  }
  return assert.fail("was taken");
}

test("a schema is a file on disk, or built in; YAML and what is missing are refused", () => {
  assert.equal(topologySchemaOf(configOf().topology), DEFAULT_SCHEMA);
  assert.equal(schema("network-topology-nodegroup.xml"), NODEGROUP_SCHEMA);
  assert.match(refusal("/no/such/file.xml"), /there is no file \/no\/such\/file.xml/);
  assert.match(refusal("topology.yaml"), /YAML is not read here/);
  const path = join(directory, "levels.xml");
  writeFileSync(path, "<configuration>\n<layoutversion>3</layoutversion></configuration>");
  assert.match(refusal(path), /lacks <layers>.*lacks <topology>.*line 2: <layoutversion> must be 1/s);
  writeFileSync(path, "<configuration>");
  assert.match(refusal(path), /not well-formed/);
  writeFileSync(
    path,
    `<configuration><layoutversion>1</layoutversion><layers>
       <layer id="dc"><type>Root</type><cost>1</cost></layer>
       <layer id="row"><type>InnerNode</type><cost>3</cost></layer>
       <layer id="dn"><type>Leaf</type></layer></layers>
     <topology><path>/dc/row/dn</path><enforceprefix>false</enforceprefix></topology></configuration>`,
  );
  assert.deepEqual(
    schema(path).levels.map(({ id, cost }) => [id, cost]),
    [
      ["dc", 1],
      ["row", 3],
      ["dn", 0],
    ],
  );
});

test("racks come from the mapping that is configured, without one all are in the default rack", async () => {
  const find = async (...overrides: readonly string[]): Promise<string | undefined> => {
    const scheduler = new SimScheduler();
    const parts = { scheduler, clock: new SimClock(scheduler), logger: silentLogger };
    const found: (string | undefined)[] = [];
    rackLocationsOf(configOf(...overrides), DEFAULT_SCHEMA, parts).find(
      "10.0.0.1",
      (rack) => void found.push(rack),
    );
    scheduler.runSync(1);
    await waitFor("the mapping answers", () => found.length > 0);
    return found[0];
  };
  assert.equal(await find(), "/default-rack");
  const table = join(directory, "table");
  writeFileSync(table, "10.0.0.1 /rack9\n");
  const useTable = "net.topology.node.switch.mapping.impl=org.apache.hadoop.net.TableMapping";
  assert.equal(await find(useTable), "/default-rack");
  assert.equal(await find(useTable, `net.topology.table.file.name=${table}`), "/rack9");
  const script = join(directory, "script");
  writeFileSync(script, "#!/bin/sh\necho /of-script\n", { mode: 0o755 });
  assert.equal(await find(`net.topology.script.file.name=${script}`), "/of-script");
  assert.equal(await find(`net.topology.script.file.name=${directory}/none`), undefined);
});
