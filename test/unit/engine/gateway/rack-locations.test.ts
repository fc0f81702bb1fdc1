import assert from "node:assert/strict";
import { test } from "node:test";
import { RackLocations } from "../../../../engine/gateway/rack-locations.js";
import { SimClock } from "../../../support/simulation/sim-clock.js";
import { SimScheduler } from "../../../support/simulation/sim-scheduler.js";

interface Question {
  readonly hosts: readonly string[];
  readonly answer: (racks: readonly string[] | Error) => void;
}

class Stage {
  readonly scheduler = new SimScheduler();
  readonly questions: Question[] = [];
  readonly failures: string[] = [];
  readonly racks = new RackLocations({
    ask: (hosts, answer) => void this.questions.push({ hosts, answer }),
    batchMax: 3,
    byHostName: false,
    isRack: (location) => location !== "/no/rack",
    clock: new SimClock(this.scheduler),
    scheduler: this.scheduler,
    onFailed: (hosts, { message }) => void this.failures.push(`${hosts.join()}: ${message}`),
  });

  /** What was answered, filled in as answers come. */
  find(host: string): (string | undefined)[] {
    const got: (string | undefined)[] = [];
    this.racks.find(host, (location) => void got.push(location));
    return got;
  }

  turn(): void {
    this.after(1);
  }

  after(ms: number): void {
    this.scheduler.runSync(this.scheduler.nowMs + ms);
  }

  asked(): string[] {
    return this.questions.map(({ hosts }) => hosts.join());
  }
}

test("hosts of a turn share questions, two at once, of as many hosts as the mapping takes", () => {
  const stage = new Stage();
  const got = ["a", "b", "c", "d", "e", "f", "g", "a"].map((host) => stage.find(host));
  assert.deepEqual(stage.asked(), []);
  stage.turn();
  assert.deepEqual(stage.asked(), ["a,b,c", "d,e,f"]);
  stage.questions[1]?.answer(["/4", "/5", "/6"]);
  assert.deepEqual(stage.asked(), ["a,b,c", "d,e,f", "g"]);
  stage.questions[0]?.answer(["/1", "/2", "/3"]);
  stage.questions[2]?.answer(["/7"]);
  const expected = ["/1", "/2", "/3", "/4", "/5", "/6", "/7", "/1"].map((rack) => [rack]);
  assert.deepEqual(got, expected);
});

test("a location is remembered for ten minutes, then asked for again", () => {
  const stage = new Stage();
  stage.find("a");
  stage.turn();
  stage.questions[0]?.answer(["/1"]);
  stage.after(599_000);
  assert.deepEqual(stage.find("a"), ["/1"], "at once");
  stage.after(1_001);
  const later = stage.find("a");
  stage.turn();
  assert.deepEqual([later, stage.asked()], [[], ["a", "a"]]);
  stage.questions[1]?.answer(["/2"]);
  assert.deepEqual(later, ["/2"]);
});

test("a failure keeps the location that was known, and is not repeated for ten seconds", () => {
  const stage = new Stage();
  const [known, unknown] = [stage.find("a"), stage.find("b")];
  stage.turn();
  stage.questions[0]?.answer(new Error("exit code 1"));
  assert.deepEqual([known, unknown], [[undefined], [undefined]]);
  assert.deepEqual(stage.failures, ["a,b: exit code 1"]);
  assert.deepEqual(stage.racks.failed(), ["a", "b"]);
  assert.deepEqual(stage.find("a"), [undefined]);
  stage.after(10_001);
  stage.find("a");
  stage.turn();
  stage.questions[1]?.answer(["/1"]);
  assert.deepEqual(stage.racks.failed(), ["b"]);
  stage.after(600_001);
  const again = stage.find("a");
  stage.turn();
  stage.questions[2]?.answer(new Error("exit code 1"));
  assert.deepEqual(again, ["/1"]);
});

test("what is no rack is told, and asked for again after ten seconds", () => {
  const stage = new Stage();
  const got = stage.find("a");
  stage.turn();
  stage.questions[0]?.answer(["/no/rack"]);
  assert.deepEqual([got, stage.find("a")], [["/no/rack"], ["/no/rack"]]);
  assert.deepEqual([stage.failures, stage.racks.failed()], [[], []]);
  stage.after(10_001);
  const corrected = stage.find("a");
  stage.turn();
  stage.questions[1]?.answer(["/rack1"]);
  assert.deepEqual(corrected, ["/rack1"]);
});

test("what could be an option or no host is never an argument", () => {
  const stage = new Stage();
  for (const host of ["-rf", "", "a b", "$(a)", "a;b", "/etc", "x".repeat(256)])
    assert.deepEqual(stage.find(host), [undefined], host);
  stage.turn();
  assert.deepEqual(stage.asked(), []);
  for (const host of ["10.0.0.1", "fe80::1%eth0", "dn-1.example.org", "::1"]) stage.find(host);
  stage.turn();
  assert.deepEqual(stage.asked(), ["10.0.0.1,fe80::1%eth0,dn-1.example.org", "::1"]);
});

test("a mapping that answers at once is asked for all", () => {
  const scheduler = new SimScheduler();
  const racks = new RackLocations({
    ask: (hosts, answer) => answer(hosts.map((host) => `/${host}`)),
    batchMax: 2,
    byHostName: false,
    isRack: () => true,
    clock: new SimClock(scheduler),
    scheduler,
    onFailed: () => assert.fail(),
  });
  const got: string[] = [];
  for (let i = 0; i < 9; i++) racks.find(`h${i}`, (location) => void got.push(String(location)));
  scheduler.runSync(scheduler.nowMs + 1);
  assert.deepEqual(
    got,
    Array.from({ length: 9 }, (_, i) => `/h${i}`),
  );
});

test("a datanode is asked for by its address, or by its name if so configured", () => {
  for (const byHostName of [false, true]) {
    const asked: string[] = [];
    const scheduler = new SimScheduler();
    const racks = new RackLocations({
      ask: (hosts) => void asked.push(...hosts),
      batchMax: 1,
      byHostName,
      isRack: () => true,
      clock: new SimClock(scheduler),
      scheduler,
      onFailed: () => assert.fail(),
    });
    racks.findDatanode({ ipAddress: "10.0.0.1", hostName: "dn1" }, () => undefined);
    scheduler.runSync(1);
    assert.deepEqual(asked, [byHostName ? "dn1" : "10.0.0.1"]);
  }
});

test("the oldest host is forgotten when there is no room", () => {
  const scheduler = new SimScheduler();
  let askedCount = 0;
  const racks = new RackLocations({
    ask: (hosts, answer) => {
      askedCount += hosts.length;
      answer(hosts.map(() => "/r"));
    },
    batchMax: 1000,
    byHostName: false,
    isRack: () => true,
    clock: new SimClock(scheduler),
    scheduler,
    onFailed: () => assert.fail(),
  });
  for (let i = 0; i < 65_537; i++) {
    racks.find(`h${i}`, () => undefined);
    if (i % 1000 === 0) scheduler.runSync(scheduler.nowMs + 1);
  }
  scheduler.runSync(scheduler.nowMs + 1);
  assert.equal(askedCount, 65_537);
  racks.find("h65000", () => undefined);
  racks.find("h0", () => undefined);
  scheduler.runSync(scheduler.nowMs + 1);
  assert.equal(askedCount, 65_538);
});
