import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Uuid } from "../../../../engine/core/uuid.js";
import {
  formatProperties,
  parseProperties,
  readVersionFile,
  type VersionFile,
  writeVersionFile,
} from "../../../../engine/storage/version-file.js";
import { SimDisk } from "../../../support/simulation/sim-disk.js";

const SCM_ID = "1f5c3f5e-6e5a-4f7e-9d5a-0b0c0d0e0f10" as Uuid;
const VERSION: VersionFile = {
  clusterId: "CID-0c1d2e3f-0000-4000-8000-000000000001",
  scmId: SCM_ID,
  createdMs: 1_767_225_600_000,
  layoutVersion: 10,
  scmHa: true,
  primaryScmId: SCM_ID,
};
const PATH = "/VERSION";

function written(): string {
  const disk = new SimDisk();
  writeVersionFile(disk, PATH, VERSION, Date.UTC(2026, 10, 21, 0, 9, 42));
  return Buffer.from(disk.readFile(PATH)!).toString();
}

function readBack(text: string): VersionFile {
  const disk = new SimDisk();
  disk.writeFile(PATH, Buffer.from(text, "latin1"));
  return readVersionFile(disk, PATH);
}

describe("VERSION file", () => {
  test("is written as the reference writes it", () => {
    assert.equal(
      written(),
      [
        "#Sat Nov 21 00:09:42 UTC 2026",
        "nodeType=SCM",
        `scmUuid=${SCM_ID}`,
        "clusterID=CID-0c1d2e3f-0000-4000-8000-000000000001",
        "cTime=1767225600000",
        "layoutVersion=10",
        "scmHA=true",
        `primaryScmNodeId=${SCM_ID}`,
        "",
      ].join("\n"),
    );
  });

  test("reads back what was written, and a file of the reference", () => {
    assert.deepEqual(readBack(written()), VERSION);
    const reference = [
      "#Tue Jan 06 11:22:33 GMT 2026",
      "cTime=1767225600000",
      `clusterID=${VERSION.clusterId}`,
      "firstUpgradeActionLayoutVersion=-1",
      "layoutVersion=8",
      "nodeType=SCM",
      `primaryScmNodeId=${SCM_ID}`,
      "scmCertSerialId=1234",
      "scmHA=false",
      `scmUuid=${SCM_ID.toUpperCase()}`,
    ].join("\r\n");
    assert.deepEqual(readBack(reference), { ...VERSION, layoutVersion: 8, scmHa: false });
  });

  test("takes a missing layout version for 0", () => {
    assert.equal(readBack(written().replace("layoutVersion=10\n", "")).layoutVersion, 0);
  });

  test("is refused when a key is missing, empty or no value of its kind", () => {
    const damages: [string, string][] = [
      ["nodeType=SCM", "nodeType=OM"],
      ["clusterID=CID-0c1d2e3f-0000-4000-8000-000000000001", "clusterID="],
      ["cTime=1767225600000", "cTime=yesterday"],
      [`scmUuid=${SCM_ID}`, "scmUuid=me"],
      [`primaryScmNodeId=${SCM_ID}\n`, ""],
    ];
    for (const [from, to] of damages) {
      assert.throws(() => readBack(written().replace(from, to)), { code: "VERSION_FILE_CORRUPT" }, to);
    }
  });

  test("is refused when it is of a newer layout, and when there is none", () => {
    assert.throws(() => readBack(written().replace("layoutVersion=10", "layoutVersion=11")), {
      code: "STORAGE_FORMAT",
    });
    assert.throws(() => readVersionFile(new SimDisk(), PATH), { code: "STORAGE_NOT_INITIALIZED" });
  });
});

describe("properties text", () => {
  test("escapes what java.util.Properties escapes", () => {
    const text = formatProperties([["a b", " x:y=z#!\\é\t"]], "note");
    assert.equal(text, "#note\na\\ b=\\ x\\:y\\=z\\#\\!\\\\\\u00e9\\t\n");
  });

  test("reads comments, separators and continued lines", () => {
    const text = [
      "# c",
      "! c",
      "",
      "a = 1",
      "b:2",
      "c   3",
      "d",
      "e=1\\",
      "   2",
      "e\\=f=\\u0041\\n",
      "a=4",
    ].join("\n");
    assert.deepEqual(
      [...parseProperties(text)],
      [
        ["a", "4"],
        ["b", "2"],
        ["c", "3"],
        ["d", ""],
        ["e", "12"],
        ["e=f", "A\n"],
      ],
    );
  });

  test("reads back any text that it wrote", () => {
    const anyText = fc.string({ unit: "binary" });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string({ unit: "binary", minLength: 1 }), anyText)), (properties) => {
        const expected = new Map(properties);
        assert.deepEqual(parseProperties(formatProperties(properties, "c")), expected);
      }),
    );
  });
});
