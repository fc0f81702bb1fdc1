import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { DEFAULT_CACHE, findRelease } from "../../../../scripts/interop/release.js";
import { releasedDescriptors } from "../../../../scripts/interop/released-descriptors.js";
import { textOfOurs, textOfReleased } from "../../../support/hadoop/descriptor-lines.js";

/** What the released jars say of the same messages; `npm run record-frames` writes it. */
const FILE = new URL("../../../../../test/golden/hadoop/descriptors.txt", import.meta.url);
const RECORDED = readFileSync(FILE, "utf8");

test("each message, field and enum is that of release 2.2.0: number, name, label, type, default", () => {
  assert.deepEqual(textOfOurs().split("\n"), RECORDED.split("\n"));
});

test("the file of the released messages is what the released jars hold", (context) => {
  const release = findRelease(DEFAULT_CACHE, false, () => {});
  if (release.kind === "missing") context.skip(release.why);
  else assert.equal(textOfReleased(releasedDescriptors(release.classpath)), RECORDED);
});
