import { soon } from "../../test/support/wait.js";
import type { OzoneCluster } from "./ozone-cluster.js";
import type { Step } from "./step.js";
import { BUCKET, needKeyPlace, whenContainer } from "./steps-single.js";
import { TestFile } from "./test-file.js";

const KEY = `${BUCKET}/deleted`;
const KEY_BYTES = 1_000;
const STATE_LIMIT_MS = 300_000;

/** Only for recordings so far: it shows commands and reports that Strata's core does not decide yet. */
export const DELETION: Step = {
  number: 8,
  name: "deletion",
  what: "a key is deleted: its container closes, its blocks go, the empty container goes",
  surroundings: "shared",
  keys: {
    "ozone.block.deleting.service.interval": "1s",
    "hdds.datanode.block.deleting.service.interval": "1s",
    "hdds.scm.block.deleting.service.interval": "1s",
    // Deletions are looked for on disk.
    "ozone.scm.ha.dbtransactionbuffer.flush.interval": "1s",
  },
  run: async ({ cluster, check }) => {
    await needKeyPlace(cluster);
    let container = 0;
    await check("a key is written", async () => {
      const { path } = TestFile.create(cluster.fileAt("deleted"), KEY_BYTES);
      await cluster.must("sh", "key", "put", "-t", "RATIS", "-r", "ONE", KEY, path);
      const { out } = await cluster.must("sh", "key", "info", KEY);
      container = Number(/"containerID" : (\d+)/.exec(out)?.[1]);
    });
    await check("its container closes", async () => {
      await cluster.admin("container", "close", String(container));
      await whenContainer(cluster, container, /"state" : "CLOSED"/);
    });
    await check("all that is in it is deleted, and the container after it", async () => {
      for (const { name } of await keysIn(cluster, container)) {
        await cluster.must("sh", "key", "delete", `${BUCKET}/${name}`);
      }
      await whenContainer(cluster, container, /"state" : "DELET/);
    });
    await check("the datanode goes out of service and comes back", async () => {
      const { out } = await cluster.admin("datanode", "list", "--json");
      const host = /"hostName" : "([^"]+)"/.exec(out)?.[1] ?? "";
      await cluster.admin("datanode", "maintenance", "--force", host);
      await whenListed(cluster, /"opState" : "(ENTERING|IN)_MAINTENANCE"/);
      await cluster.admin("datanode", "recommission", host);
      await whenListed(cluster, /"opState" : "IN_SERVICE"/);
    });
  },
};

async function keysIn(cluster: OzoneCluster, container: number): Promise<{ readonly name: string }[]> {
  const { out } = await cluster.must("sh", "key", "list", BUCKET);
  const keys = JSON.parse(out) as { readonly name: string }[];
  const found: { readonly name: string }[] = [];
  for (const key of keys) {
    const info = await cluster.must("sh", "key", "info", `${BUCKET}/${key.name}`);
    if (info.out.includes(`"containerID" : ${container},`)) found.push(key);
  }
  return found;
}

async function whenListed(cluster: OzoneCluster, pattern: RegExp): Promise<void> {
  const look = async () => {
    const { out } = await cluster.admin("datanode", "list", "--json");
    return pattern.test(out) ? true : undefined;
  };
  await soon(`a datanode has ${pattern}`, look, STATE_LIMIT_MS);
}
