import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig } from "../../../engine/config/load.js";
import { ScmFront } from "../../../engine/scm-front.js";
import { type LogDetails, silentLogger } from "../../../engine/telemetry/logger.js";
import { BugReports } from "../../../workers/front/bug-reports.js";
import { NO_FIGURES } from "../../../workers/shared/front-figures.js";
import { FRONT_RECORD, sendFrontRecord } from "../../../workers/shared/front-records.js";
import { allocateLocalRing, RingReceiver, RingSender, ringMemory } from "../../../workers/shared/ring.js";
import type { WorkerLink } from "../../../workers/shared/worker-link.js";
import { ManualScheduler } from "../../support/consensus/manual-scheduler.js";
import { uuidOf } from "../../support/records.js";

const SILENT_BELL = { ring: () => {} };

interface Line {
  readonly message: string;
  readonly details: LogDetails;
}

/** Main's side of a front that does what the test sends in its place. */
async function setUp() {
  const errors: Line[] = [];
  const warnings: Line[] = [];
  const ring = ringMemory(allocateLocalRing(64 * 1024));
  const sender = new RingSender(ring, SILENT_BELL);
  const receiver = new RingReceiver(ring);
  const never = new Promise<never>(() => {});
  const link: WorkerLink = {
    sender,
    receiver,
    onRecord: () => {},
    onBatchEnd: () => {},
    post: () => {},
    started: Promise.resolve(),
    ended: never,
    stop: async () => {},
  };
  const front = new ScmFront({
    config: loadConfig({
      overrides: ["ozone.metadata.dirs=/data"],
      env: {},
      host: { hostName: "scm-a", addresses: ["10.0.0.1"], coreCount: 4 },
    }),
    workers: { start: () => link },
    scheduler: new ManualScheduler(),
    logger: {
      ...silentLogger,
      error: (message, details = {}) => void errors.push({ message, details }),
      warn: (message, details = {}) => void warnings.push({ message, details }),
    },
    identity: { clusterId: "CID-1", scmId: uuidOf(1) } as never,
  });
  await front.start({ serve: async () => ({ port: 0, close: async () => {} }) } as never);
  const tell = (kind: number, what: object): boolean => {
    const isSent = sendFrontRecord(sender, kind, 0, 0, Buffer.from(JSON.stringify(what)));
    sender.publish();
    receiver.drain(link.onRecord, 100);
    return isSent;
  };
  return { errors, warnings, tell };
}

test("a bug that a call met is in the log, with its class and where it was", async () => {
  const { errors, tell } = await setUp();
  const reports = new BugReports(new ManualScheduler(), (bug) => tell(FRONT_RECORD.BUG, bug));
  reports.met("a.b.BlockProtocol", "GetScmInfo", new RangeError("odd"));
  const [{ message, details } = assert.fail("it is logged")] = errors;
  assert.match(message, /bug/);
  const { protocol, type, leftOut, error } = details;
  assert.deepEqual([protocol, type, leftOut], ["a.b.BlockProtocol", "GetScmInfo", 0]);
  assert(error instanceof Error);
  assert.deepEqual([error.name, error.message], ["RangeError", "odd"]);
  assert.match(error.stack ?? "", /scm-front\.test/);
});

test("when nothing was read for long since main was busy, the log says so with a code", async () => {
  const { warnings, tell } = await setUp();
  const pausedFor = (pausedMs: number) => tell(FRONT_RECORD.FIGURES, { ...NO_FIGURES, pausedMs });
  pausedFor(400);
  pausedFor(800);
  assert.deepEqual(warnings, []);
  pausedFor(1900);
  pausedFor(1900);
  const [{ details } = assert.fail("it is logged"), ...others] = warnings;
  assert.deepEqual(others, []);
  assert.equal(details["pausedMs"], 1100);
  assert.equal((details["error"] as { readonly code: string }).code, "OVERLOADED");
});
