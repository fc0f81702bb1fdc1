import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import { SeededRandom } from "../../engine/core/random.js";
import { REPORT_CHUNK_BYTES_MAX } from "../../protocol/schema/datanode-messages.js";
import { type ReportingPeer, ReportWorld } from "../support/gateway/report-world.js";
import { type TestRow, testRows } from "../support/workers/report-rows.js";

/** To replay a failed run, put the seed of its test name here. */
const REPLAY_SEED: number | undefined = undefined;
const SEED = REPLAY_SEED ?? randomInt(2 ** 31);
const WORLDS = 8;
const STEPS = 1000;
const DATANODES = 4;
const STATES = ["OPEN", "CLOSING", "QUASI_CLOSED", "CLOSED", "UNHEALTHY", "INVALID", "DELETED"] as const;
/** What a report may be answered or its connection closed with; anything else, and any throw, is a bug. */
const REFUSALS = new Set([
  "REPORT_OUT_OF_ORDER",
  "REPORT_ROW_INVALID",
  "REPORT_NOT_GRANTED",
  "REPORT_RANGE",
  "REPLACED_BY_NEW_CONNECTION",
  "CONNECTION_LOST",
  "TOO_MANY_REQUESTS",
]);
const ANSWERS = new Set([
  "hello",
  "register",
  "heartbeat",
  "fullReportBegin",
  "fullReportChunk",
  "incrementalReport",
  "REPORT_DROPPED",
  "OVERLOADED",
]);
/** Numbers at every edge that a row's fields have. */
const EDGES = [
  0,
  -0,
  1,
  -1,
  0.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2 ** 32,
  2 ** 48 - 1,
  2 ** 48,
  2 ** 53 - 1,
  2 ** 53,
  Number.MAX_VALUE,
  Number.MIN_VALUE,
  65_535,
  65_536,
  131_071,
];

const FLOOD = testRows(Array.from({ length: 2000 }, (_, index) => ({ id: 1 + index })));

/** Datanodes that send reports of every shape, many of them damaged, now and then on a lost or second
 * connection. */
class Fuzzer {
  readonly outcomes = new Map<string, number>();
  readonly #random: SeededRandom;
  readonly #world: ReportWorld;
  readonly #peers: ReportingPeer[];
  /** Id and next range of the report that a datanode has credit for, as far as it knows. */
  readonly #reports: { reportId: number; fromId: number }[];

  constructor(world: ReportWorld, random: SeededRandom) {
    this.#world = world;
    this.#random = random;
    this.#peers = Array.from({ length: DATANODES }, (_, number) => world.datanode(number));
    this.#reports = this.#peers.map(() => ({ reportId: 0, fromId: 0 }));
  }

  step(): void {
    const random = this.#random;
    const number = random.below(DATANODES);
    const peer = this.#alive(number);
    const choice = random.below(100);
    if (choice < 15) this.#reports[number] = { reportId: peer.begin(random.below(20_000)) ?? 0, fromId: 0 };
    else if (choice < 60) this.#chunk(number, peer);
    else if (choice < 85) this.#incremental(peer);
    else if (choice < 88) peer.connection.close(1006, "");
    else if (choice < 90) this.#replace(number, peer);
    else if (choice < 92) this.#flood(peer);
    else this.#world.settle();
  }

  /** Everyone reports rightly; the tables are then what these reports say. */
  finish(): void {
    // Some hold credit, and would for a minute.
    for (const { connection } of this.#peers) connection.close(1006, "");
    this.#world.settle();
    const truth = new Map<number, string[]>();
    for (let number = 0; number < DATANODES; number++) {
      const rows = this.#rows(12).filter(({ state }) => state !== "DELETED");
      this.#connect(number).report(rows);
      for (const { id, usedBytes } of rows) {
        truth.set(id, [...(truth.get(id) ?? []), `${this.#world.slotOf(number)}:${usedBytes}`]);
      }
    }
    this.#world.checkInvariants();
    let count = 0;
    for (const [id, replicas] of truth) {
      assert.deepEqual(this.#world.tableOf(id), replicas.sort(), `container ${id}`);
      count += replicas.length;
    }
    assert.equal(this.#world.shards.set.statistics().replicaCount, count, "nothing else is left");
    assert.equal(this.#world.shards.intake.creditInUse, 0);
    assert.equal(this.#world.shards.intake.waitingBytes, 0);
    for (const code of this.#world.rpc.refused) {
      assert.ok(REFUSALS.has(code) || code === "FIELD_INVALID", `closed with ${code}`);
    }
  }

  #alive(number: number): ReportingPeer {
    const peer = this.#peers[number] as ReportingPeer;
    this.#check(peer);
    if (peer.connection.isOpen) return peer;
    const next = this.#connect(number);
    this.#peers[number] = next;
    return next;
  }

  #connect(number: number): ReportingPeer {
    this.#reports[number] = { reportId: 0, fromId: 0 };
    return this.#world.datanode(number);
  }

  #replace(number: number, peer: ReportingPeer): void {
    this.#peers[number] = this.#connect(number);
    this.#check(peer);
  }

  #check(peer: ReportingPeer): void {
    for (const answer of peer.answers()) {
      assert.ok(ANSWERS.has(answer), `answered with ${answer}`);
      this.#count(answer);
    }
    peer.connection.answers.length = 0;
    if (peer.closedWith !== undefined) this.#count(peer.closedWith);
  }

  #count(outcome: string): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
  }

  #chunk(number: number, peer: ReportingPeer): void {
    const random = this.#random;
    const report = this.#reports[number] as { reportId: number; fromId: number };
    const rows = this.#rows(8).filter(({ id }) => id >= report.fromId);
    const isLast = rows.length === 0 || random.below(3) === 0;
    const toId = isLast ? Number.MAX_SAFE_INTEGER : (rows.at(-1)?.id ?? 0);
    const chunk = { ...peer.chunk(report.reportId, rows, { fromId: report.fromId, toId }) };
    if (random.below(4) === 0) this.#damageRows(chunk.rows, chunk.rowBytes);
    if (random.below(12) === 0) chunk.fromId = this.#edge(chunk.fromId);
    if (random.below(12) === 0) chunk.toId = this.#edge(chunk.toId);
    if (random.below(16) === 0) chunk.last = !chunk.last;
    if (random.below(16) === 0) chunk.reportId = random.below(50);
    if (random.below(16) === 0) chunk.rowBytes = random.below(256);
    if (random.below(16) === 0) chunk.rows = chunk.rows.subarray(random.below(chunk.rows.length + 1));
    if (random.below(40) === 0) chunk.rows = new Uint8Array(REPORT_CHUNK_BYTES_MAX);
    report.fromId = isLast ? 0 : toId + 1;
    peer.tell("fullReportChunk", chunk);
  }

  #incremental(peer: ReportingPeer): void {
    const random = this.#random;
    const { rowBytes, origins, rows } = peer.chunk(0, this.#rows(8));
    if (random.below(4) === 0) this.#damageRows(rows, rowBytes);
    const damagedBytes = random.below(16) === 0 ? random.below(256) : rowBytes;
    peer.tell("incrementalReport", { rowBytes: damagedBytes, origins, rows });
  }

  /** More than a small ring holds. */
  #flood(peer: ReportingPeer): void {
    const { rowBytes, origins, rows: bytes } = FLOOD;
    for (let i = this.#random.below(50); i > 0; i--) {
      if (peer.connection.isOpen) peer.tell("incrementalReport", { rowBytes, origins, rows: bytes });
    }
  }

  /** Up to `countMax` rows that ascend by id: near each other, at stripes' borders, and far beyond. */
  #rows(countMax: number): TestRow[] {
    const random = this.#random;
    const rows = new Map<number, TestRow>();
    for (let count = random.below(countMax + 1); count > 0; count--) {
      const far = random.below(20) === 0 ? 2 ** 40 : 0;
      const id = 1 + far + random.below(3) * 65_530 + random.below(30);
      const state = STATES[random.below(STATES.length)] ?? "OPEN";
      rows.set(id, { id, state, usedBytes: random.below(1000), isEmpty: random.below(3) === 0 });
    }
    return [...rows.values()].sort((a, b) => a.id - b.id);
  }

  /** Bits, bytes, numbers at the edges, or two rows exchanged. */
  #damageRows(rows: Uint8Array, rowBytes: number): void {
    const random = this.#random;
    if (rows.length === 0) return;
    const view = new DataView(rows.buffer, rows.byteOffset, rows.length);
    const at = random.below(rows.length / rowBytes) * rowBytes;
    switch (random.below(4)) {
      case 0:
        rows[at + random.below(rowBytes)] = random.below(256);
        return;
      case 1:
        rows[at + random.below(rowBytes)] = (rows[at] ?? 0) ^ (1 << random.below(8));
        return;
      case 2:
        view.setFloat64(at + 8 * random.below(3), EDGES[random.below(EDGES.length)] as number, true);
        return;
      default:
        rows.copyWithin(at, 0, rowBytes);
    }
  }

  #edge(value: number): number {
    const edges = [0, 1, value + 1, Math.max(0, value - 1), 65_535, 65_536, Number.MAX_SAFE_INTEGER];
    return Math.min(Number.MAX_SAFE_INTEGER, edges[this.#random.below(edges.length)] as number);
  }
}

test(`whatever reports are sent, right ones make the tables right (seed ${SEED})`, async () => {
  const outcomes = new Map<string, number>();
  for (let index = 0; index < WORLDS; index++) {
    const random = new SeededRandom(SEED).stream(`world ${index}`);
    // A small ring is full at times, so that rows wait and are dropped.
    const ringBytes = index % 2 === 0 ? 256 * 1024 : 1024 * 1024;
    const world = await ReportWorld.create({ shardCount: 1 + (index % 3), ringBytes, chunksInFlightMax: 6 });
    for (let id = 1; id <= 200; id += 2) world.setContainer(id, "CLOSED");
    const fuzzer = new Fuzzer(world, random);
    for (let step = 0; step < STEPS; step++) fuzzer.step();
    fuzzer.finish();
    for (const [outcome, count] of fuzzer.outcomes)
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + count);
  }
  // A fuzzer that never gets past the first check tests nothing.
  for (const outcome of [
    "fullReportChunk",
    "incrementalReport",
    "OVERLOADED",
    "REPORT_DROPPED",
    ...REFUSALS,
  ]) {
    if (outcome === "CONNECTION_LOST" || outcome === "TOO_MANY_REQUESTS") continue;
    assert.ok((outcomes.get(outcome) ?? 0) > 0, `${outcome}: ${outcomes.get(outcome)}`);
  }
});
