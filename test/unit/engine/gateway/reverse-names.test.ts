import assert from "node:assert/strict";
import { test } from "node:test";
import { ReverseNames, systemReverseLookUp } from "../../../../engine/gateway/reverse-names.js";
import { SimClock } from "../../../support/simulation/sim-clock.js";
import { SimScheduler } from "../../../support/simulation/sim-scheduler.js";

class Stage {
  readonly scheduler = new SimScheduler();
  readonly asked: { address: string; onName: (name: string | undefined) => void }[] = [];
  readonly names = new ReverseNames({
    lookUp: (address, onName) => void this.asked.push({ address, onName }),
    clock: new SimClock(this.scheduler),
    scheduler: this.scheduler,
  });

  /** What was answered, filled in as answers come. */
  find(address: string): (string | undefined)[] {
    const got: (string | undefined)[] = [];
    this.names.find(address, (name) => void got.push(name));
    return got;
  }
}

test("a name is asked for once, and remembered for ten minutes", () => {
  const stage = new Stage();
  const [first, second] = [stage.find("10.0.0.1"), stage.find("10.0.0.1")];
  assert.equal(stage.asked.length, 1);
  stage.asked[0]?.onName("dn1");
  assert.deepEqual([first, second], [["dn1"], ["dn1"]]);
  stage.scheduler.runSync(599_000);
  assert.deepEqual(stage.find("10.0.0.1"), ["dn1"]);
  assert.equal(stage.asked.length, 1);
  assert.deepEqual(first, ["dn1"], "nobody is answered twice");
  stage.scheduler.runSync(601_000);
  const later = stage.find("10.0.0.1");
  assert.deepEqual(later, []);
  stage.asked[1]?.onName("dn1-renamed");
  assert.deepEqual(later, ["dn1-renamed"]);
});

test("nobody waits longer than a second, and the late answer serves the next one", () => {
  const stage = new Stage();
  const got = stage.find("10.0.0.1");
  stage.scheduler.runSync(1_001);
  assert.deepEqual(got, [undefined]);
  stage.asked[0]?.onName("dn1");
  assert.deepEqual(got, [undefined], "nobody is answered twice");
  assert.deepEqual(stage.find("10.0.0.1"), ["dn1"]);
});

test("an address without a name is asked for again after ten seconds", () => {
  const stage = new Stage();
  const got = stage.find("10.0.0.1");
  stage.asked[0]?.onName(undefined);
  assert.deepEqual(got, [undefined]);
  assert.deepEqual(stage.find("10.0.0.1"), [undefined]);
  assert.equal(stage.asked.length, 1);
  stage.scheduler.runSync(10_001);
  stage.find("10.0.0.1");
  assert.equal(stage.asked.length, 2);
});

test("only two look-ups run at a time", () => {
  const stage = new Stage();
  const got = [1, 2, 3, 4].map((number) => stage.find(`10.0.0.${number}`));
  assert.deepEqual(
    stage.asked.map(({ address }) => address),
    ["10.0.0.1", "10.0.0.2"],
  );
  stage.asked[1]?.onName("dn2");
  assert.equal(stage.asked[2]?.address, "10.0.0.3");
  stage.asked[0]?.onName("dn1");
  stage.asked[2]?.onName("dn3");
  stage.asked[3]?.onName("dn4");
  assert.deepEqual(got, [["dn1"], ["dn2"], ["dn3"], ["dn4"]]);
});

test("memory for addresses is bounded", () => {
  const stage = new Stage();
  for (let i = 0; i < 70_000; i++) {
    stage.find(`address-${i}`);
    stage.asked.pop()?.onName(`name-${i}`);
  }
  assert.deepEqual(stage.find("address-69999"), ["name-69999"]);
  assert.deepEqual(stage.find("address-0"), [], "the oldest is forgotten");
});

test("the system knows a name for the loopback address, or says that it has none", async () => {
  const name = await new Promise((resolve) => systemReverseLookUp("127.0.0.1", resolve));
  assert.notEqual(name, "127.0.0.1");
});
