import assert from "node:assert/strict";
import { hostname } from "node:os";
import { describe, it } from "node:test";
import { differences, masked, toldText } from "../../../../scripts/interop/golden.js";

describe("golden", () => {
  it("masks what differs from run to run, and nothing else", () => {
    const line =
      "Pipeline{ Id: 53f5ab88-3af2-494e-a97f-7c3081a5b04d, Nodes: [ {(localhost/127.0.0.1)}], RATIS/ONE, " +
      "CreationTimestamp2026-11-21T18:14:51.681Z[UTC]} RATIS=30239 size 1000 at 1763749000123";
    const wanted =
      "Pipeline{ Id: <uuid>, Nodes: [ {(<host>/<ip>)}], RATIS/ONE, " +
      "CreationTimestamp<time>[UTC]} RATIS=<port> size 1000 at <epoch ms>";
    assert.equal(masked(line), wanted);
    assert.equal(masked(`${hostname()}:15361:LEADER`), "<host>:<port>:LEADER");
  });

  it("keeps complaints and the exit code, and drops the program's log", () => {
    const log = "2026-11-21 18:14:51,681 WARN Something: hm\n\tat org.Example\nContainer #77 not found\n\n";
    const told = { code: 255, out: "begun\n", log, tookMs: 1 };
    assert.equal(toldText(told), "exit 255\nbegun\nContainer #77 not found\n");
  });

  it("brings the fields of JSON into an order, and leaves lists as they are", () => {
    const told = { code: 0, out: '[ { "b" : 1, "a" : [ 2, 1 ] } ]', log: "", tookMs: 1 };
    assert.equal(toldText(told), `exit 0\n${JSON.stringify([{ a: [2, 1], b: 1 }], null, 2)}\n`);
  });

  it("shows lines that only one of both has", () => {
    const told = differences("exit 0\na\nb\nc\n", "exit 0\nb\nc\nd\n");
    assert.equal(told, "differs from the reference (-)\n- a\n+ d");
  });
});
