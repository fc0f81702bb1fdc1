import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NodeDisk } from "../../../../engine/storage/node-disk.js";
import { describeDiskContract } from "../../../support/contracts/disk-contract.js";

describeDiskContract("NodeDisk", () => {
  const directory = mkdtempSync(join(tmpdir(), "strata-disk-"));
  return { disk: new NodeDisk(), directory, dispose: () => rmSync(directory, { recursive: true }) };
});
