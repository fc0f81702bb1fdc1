import assert from "node:assert/strict";
import { test } from "node:test";
import {
  editDistance,
  LOOK_ALIKES,
  misspelled,
  nearest,
  presentName,
} from "../../../../engine/config/names.js";

const KNOWN = [
  "ozone.scm.db.dirs",
  "ozone.scm.http-address",
  "ozone.scm.http-bind-host",
  "ozone.scm.ratis.port",
  "hdds.heartbeat.interval",
];

test("distance counts letters added, lost, replaced and swapped", () => {
  const rows: [string, string, number][] = [
    ["", "abc", 3],
    ["abc", "abc", 0],
    ["abc", "acb", 1],
    ["abc", "ab", 1],
    ["abc", "axc", 1],
    ["kitten", "sitting", 3],
  ];
  for (const [a, b, distance] of rows) {
    assert.equal(editDistance(a, b), distance, `${a} → ${b}`);
    assert.equal(editDistance(b, a), distance, `${b} → ${a}`);
  }
});

test("up to two mistakes within the family are taken for a misspelling", () => {
  assert.equal(misspelled("ozone.scm.ratis.prot", KNOWN), "ozone.scm.ratis.port");
  assert.equal(misspelled("ozone.scm.db.dir", KNOWN), "ozone.scm.db.dirs");
  assert.equal(misspelled("hdds.hearbeat.interval", KNOWN), "hdds.heartbeat.interval");
  assert.equal(misspelled("HDDS.heartbeat.Interval", KNOWN), "hdds.heartbeat.interval");
  assert.equal(misspelled("ozone.scm.something.else", KNOWN), undefined);
});

test("keys of other programs with a similar name are left alone", () => {
  for (const name of ["ozone.om.db.dirs", "ozone.om.ratis.port", "ozone.s3g.http-address", ...LOOK_ALIKES]) {
    assert.equal(misspelled(name, KNOWN), undefined, name);
  }
});

test("the nearest name is found however far it is", () => {
  assert.equal(nearest("strata.ratis.port", KNOWN)?.name, "ozone.scm.ratis.port");
});

test("old names have a present one, also for a whole family", () => {
  assert.equal(presentName("dfs.datanode.use.datanode.hostname"), "hdds.datanode.use.datanode.hostname");
  assert.equal(presentName("dfs.ratis.leader.timeout"), "hdds.ratis.leader.timeout");
  assert.equal(presentName("dfs.container.ratis.x"), "hdds.container.ratis.x");
  assert.equal(presentName("ozone.scm.names"), undefined);
});
