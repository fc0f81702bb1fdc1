import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { descriptorLines, textOfTypes } from "../../../support/hadoop/descriptor-lines.js";
import { HADOOP_FILES } from "../../../support/hadoop/schemas.js";

/** What the released jars say of the same messages; `npm run record-frames` writes it. */
const RELEASED = new URL("../../../../../test/golden/hadoop/descriptors.txt", import.meta.url);

test("each message, field and enum is that of release 2.2.0: number, name, label, type, default", () => {
  const ours = textOfTypes(descriptorLines(HADOOP_FILES.map(({ proto }) => proto)));
  assert.deepEqual(ours.split("\n"), readFileSync(RELEASED, "utf8").trimEnd().split("\n"));
});
