import { deepEqual, equal, rejects, throws } from "node:assert/strict";
import { test } from "node:test";
import { LeadershipState } from "../../../../engine/consensus/leadership.js";
import { StrataError } from "../../../../engine/core/errors.js";
import { term } from "../../../../engine/core/ids.js";
import { NO_NODE, nodeId } from "../../../../engine/raft/types.js";
import { PeriodicService } from "../../../../engine/services/periodic-service.js";
import { ScmContext } from "../../../../engine/services/scm-context.js";
import type { Service } from "../../../../engine/services/service.js";
import { ServiceManager } from "../../../../engine/services/service-manager.js";
import { ManualScheduler } from "../../../support/consensus/manual-scheduler.js";

/** An SCM's standing that the test moves, and services that write down what they are told. */
class Rig {
  readonly leadership = new LeadershipState();
  readonly context = new ScmContext(this.leadership);
  readonly calls: string[] = [];
  readonly errors: string[] = [];
  readonly manager = new ServiceManager({
    context: this.context,
    onError: (service, error) => this.errors.push(`${service}: ${error.code}`),
  });

  service(name: string, changes: Partial<Service> = {}): Service {
    let isRunning = false;
    return {
      name,
      start: () => {
        this.calls.push(`${name} start`);
      },
      stop: () => {
        this.calls.push(`${name} stop`);
      },
      onStatus: (leaderReady, safeMode) => {
        isRunning = leaderReady && !safeMode;
        this.calls.push(`${name} ${leaderReady} ${safeMode}`);
      },
      status: () => (isRunning ? "RUNNING" : "PAUSED"),
      ...changes,
    };
  }

  lead(inTerm: number): void {
    this.leadership.update({ term: term(inTerm), leaderId: nodeId(1), isLeader: true });
    this.leadership.becomeReady();
  }

  follow(inTerm: number): void {
    this.leadership.update({ term: term(inTerm), leaderId: NO_NODE, isLeader: false });
  }

  takeCalls(): string[] {
    return this.calls.splice(0);
  }
}

const broken = (): never => {
  throw new StrataError("OVERLOADED", { reason: "test" });
};

test("services start in the order of their registration, and are told how this SCM stands", () => {
  const rig = new Rig();
  rig.manager.register(rig.service("a"));
  rig.manager.register(rig.service("b"));
  deepEqual(rig.takeCalls(), []);
  rig.manager.start();
  deepEqual(rig.takeCalls(), ["a start", "a false false", "b start", "b false false"]);
  rig.manager.register(rig.service("late"));
  deepEqual(rig.takeCalls(), ["late start", "late false false"]);
});

test("all are told when this SCM is ready to lead, leads no more, and of safe mode; of nothing else", () => {
  const rig = new Rig();
  rig.manager.register(rig.service("a"));
  rig.manager.register(rig.service("b"));
  rig.manager.start();
  rig.takeCalls();
  rig.leadership.update({ term: term(3), leaderId: nodeId(1), isLeader: true });
  deepEqual(rig.takeCalls(), []);
  rig.leadership.becomeReady();
  deepEqual(rig.takeCalls(), ["a true false", "b true false"]);
  deepEqual(rig.manager.statuses(), [
    { name: "a", status: "RUNNING" },
    { name: "b", status: "RUNNING" },
  ]);
  rig.context.setSafeMode(true);
  rig.context.setSafeMode(true);
  deepEqual(rig.takeCalls(), ["a true true", "b true true"]);
  deepEqual(rig.manager.statuses()[0]?.status, "PAUSED");
  rig.follow(4);
  deepEqual(rig.takeCalls(), ["a false true", "b false true"]);
  rig.follow(5);
  deepEqual(rig.takeCalls(), []);
});

test("between two terms as leader every service hears that the first has ended", () => {
  const rig = new Rig();
  rig.manager.register(rig.service("a"));
  rig.manager.start();
  rig.lead(3);
  rig.takeCalls();
  rig.lead(4);
  deepEqual(rig.takeCalls(), ["a false false", "a true false"]);
});

test("a service that changes the standing within its call is followed by nobody's older news", () => {
  const rig = new Rig();
  rig.manager.register(
    rig.service("a", {
      onStatus: (leaderReady, safeMode) => {
        rig.calls.push(`a ${leaderReady} ${safeMode}`);
        if (leaderReady) rig.context.setSafeMode(true);
      },
    }),
  );
  rig.manager.register(rig.service("b"));
  rig.manager.start();
  rig.takeCalls();
  rig.lead(3);
  deepEqual(rig.takeCalls(), ["a true false", "a true true", "b true true"]);
});

test("what one service cannot do is logged and keeps no other one from its work", async () => {
  const rig = new Rig();
  rig.manager.register(rig.service("a", { start: broken }));
  rig.manager.register(rig.service("b", { onStatus: broken }));
  rig.manager.register(rig.service("c", { stop: async () => broken() }));
  rig.manager.register(rig.service("d"));
  rig.manager.start();
  deepEqual(rig.errors.splice(0), ["a: OVERLOADED", "b: OVERLOADED"]);
  deepEqual(
    rig.manager.statuses().map(({ status }) => status),
    ["FAILED", "FAILED", "PAUSED", "PAUSED"],
  );
  rig.takeCalls();
  rig.lead(3);
  deepEqual(rig.takeCalls(), ["a true false", "c true false", "d true false"]);
  deepEqual(rig.errors.splice(0), ["b: OVERLOADED"]);
  deepEqual(
    rig.manager.statuses().map(({ status }) => status),
    ["RUNNING", "FAILED", "RUNNING", "RUNNING"],
  );
  await rig.manager.stop();
  deepEqual(rig.takeCalls(), ["d stop", "b stop", "a stop"]);
  deepEqual(rig.errors, ["c: OVERLOADED"]);
});

test("a bug is no operating error: it goes on to end the process", async () => {
  const rig = new Rig();
  const bug = (): never => {
    throw new TypeError("bug");
  };
  rig.manager.register(rig.service("a", { onStatus: (leaderReady) => leaderReady && bug(), stop: bug }));
  rig.manager.start();
  throws(() => rig.lead(3), { message: "bug" });
  await rejects(rig.manager.stop(), { message: "bug" });
});

test("a stop ends the services in reverse, one after the other, once, and they hear no more", async () => {
  const rig = new Rig();
  rig.manager.register(rig.service("a"));
  rig.manager.register(
    rig.service("b", {
      stop: async () => {
        rig.calls.push("b stops");
        await Promise.resolve();
        rig.calls.push("b has stopped");
      },
    }),
  );
  rig.manager.start();
  rig.takeCalls();
  await rig.manager.stop();
  await rig.manager.stop();
  deepEqual(rig.takeCalls(), ["b stops", "b has stopped", "a stop"]);
  rig.lead(3);
  deepEqual(rig.takeCalls(), []);
});

test("services that never started are not stopped", async () => {
  const rig = new Rig();
  rig.manager.register(rig.service("a"));
  await rig.manager.stop();
  deepEqual(rig.takeCalls(), []);
});

test("commands carry the term of a leader that is ready, and of nobody else", () => {
  const rig = new Rig();
  rig.leadership.update({ term: term(3), leaderId: nodeId(1), isLeader: true });
  deepEqual(rig.context.leader, { isLeader: false, term: 3 });
  rig.leadership.becomeReady();
  deepEqual(rig.context.leader, { isLeader: true, term: 3 });
  rig.follow(4);
  deepEqual(rig.context.leader, { isLeader: false, term: 4 });
});

test("a task runs once an interval while the standing allows it", () => {
  const scheduler = new ManualScheduler();
  let runs = 0;
  const service = new PeriodicService({
    name: "p",
    scheduler,
    intervalMs: 100,
    runsWhen: (leaderReady, safeMode) => leaderReady && !safeMode,
    task: () => runs++,
  });
  service.start();
  service.onStatus(false, false);
  scheduler.advance(250);
  equal(runs, 0);
  equal(service.status(), "PAUSED");
  service.onStatus(true, false);
  scheduler.advance(200);
  equal(runs, 2);
  equal(service.status(), "RUNNING");
  service.onStatus(true, true);
  scheduler.advance(300);
  equal(runs, 2);
  service.onStatus(true, false);
  service.stop();
  scheduler.advance(300);
  equal(runs, 2);
});
