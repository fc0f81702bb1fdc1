import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig } from "../../../engine/config/load.js";
import { ScmFront } from "../../../engine/scm-front.js";
import { type LogDetails, silentLogger } from "../../../engine/telemetry/logger.js";
import { BugReports } from "../../../workers/front/bug-reports.js";
import { NO_FIGURES } from "../../../workers/shared/front-figures.js";
import { FRONT_RECORD, sendFrontRecord } from "../../../workers/shared/front-records.js";
import type { FrontSettings } from "../../../workers/shared/front-settings.js";
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
async function setUp(...overrides: readonly string[]) {
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
  const settings: FrontSettings[] = [];
  const front = new ScmFront({
    config: loadConfig({
      overrides: ["ozone.metadata.dirs=/data", ...overrides],
      env: {},
      host: { hostName: "scm-a", addresses: ["10.0.0.1"], coreCount: 4 },
    }),
    workers: {
      start: (_role, _index, { data }) => {
        settings.push(data as FrontSettings);
        return link;
      },
    },
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
  return { settings, errors, warnings, tell };
}

test("the longest request is the same on all ports, but for keys of the ports that take less", async () => {
  const MIB = 1024 * 1024;
  const limitsOf = async (...overrides: readonly string[]) => {
    const { settings } = await setUp(...overrides);
    return settings.map(({ frameBytesMax: { client, datanode, block } }) => [client, datanode, block]);
  };
  assert.deepEqual(await limitsOf(), [[16 * MIB, 128 * MIB, 40 * MIB]]);
  assert.deepEqual(await limitsOf("ipc.maximum.data.length=32MB"), [[16 * MIB, 32 * MIB, 32 * MIB]]);
  const [client, block] = ["strata.hadoop.client.request.max=4MB", "strata.hadoop.block.request.max=200MB"];
  assert.deepEqual(await limitsOf(client, block), [[4 * MIB, 128 * MIB, 128 * MIB]]);
  const all = await limitsOf("ipc.maximum.data.length=256MB", client, block);
  assert.deepEqual(all, [[4 * MIB, 256 * MIB, 200 * MIB]]);
});

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
