import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import { StrataError } from "../../../../../engine/core/errors.js";
import { SAFE_INTEGER_MAX } from "../../../../../engine/core/ids.js";
import { SeededRandom } from "../../../../../engine/core/random.js";
import type { RpcError } from "../../../../../protocol/client/completion.js";
import { type ReportRows, reportRows } from "../../../../../protocol/client/report-source.js";
import { type ReportRow, readReportRows } from "../../../../../protocol/codec/report-rows.js";
import { REPORT_CHUNK_BYTES_MAX } from "../../../../../protocol/schema/datanode-messages.js";
import type { OperationName, RequestOf } from "../../../../../protocol/schema/messages.js";
import { HeldBytes } from "../../../../../workers/front/datanode/held-reports.js";
import { NodeReports } from "../../../../../workers/front/datanode/node-reports.js";
import type { MainConnection } from "../../../../../workers/front/main-connection.js";
import { uuidOf } from "../../../../support/records.js";

/** To replay a failed run, put the seed of its test name here. */
const REPLAY_SEED: number | undefined = undefined;
const SEED = REPLAY_SEED ?? randomInt(2 ** 31);
const ROUNDS = 150;
const STEPS = 120;
const ROWS_MAX = 12_000;
const IDS = 30_000;

type Done = (answer: object | RpcError) => void;
interface Asked {
  readonly name: OperationName;
  readonly request: unknown;
  readonly done: Done;
}
type Table = Map<number, number>;

/** What main makes of one datanode's reports (protocol/schema/datanode-messages.ts,
 * workers/pool/report-intake.ts), said as plainly as it can be: requests are taken in their order, answers
 * and credit come when the test says so. */
class NaiveMain implements MainConnection {
  readonly isOpen = true;
  readonly table: Table = new Map();
  isComplete = false;
  begunCount = 0;
  readonly #arrived: Asked[] = [];
  readonly #answers: (() => void)[] = [];
  #waiting: Asked | undefined;
  #active: { readonly id: number; fromId: number; inFlight: number } | undefined;
  #lastId = 0;

  request(name: OperationName, request: unknown, done: unknown): void {
    this.#arrived.push({ name, request, done: done as Done });
  }

  requestRaw(): void {
    assert.fail("reports are decoded by nobody");
  }

  requestEncoded(): void {
    assert.fail("reports are not encoded here");
  }

  close(): void {}

  get isIdle(): boolean {
    return this.#arrived.length + this.#answers.length === 0 && this.#waiting === undefined;
  }

  /** Takes the next request. */
  take(): void {
    const asked = this.#arrived.shift();
    if (asked === undefined) return;
    const { name, request, done } = asked;
    if (name === "fullReportBegin") {
      this.begunCount++;
      this.drop();
      this.#waiting?.done(dropped());
      this.#waiting = asked;
    } else if (name === "fullReportChunk") this.#chunk(request as RequestOf<"fullReportChunk">, done);
    else {
      assert.equal(name, "incrementalReport");
      this.#merge(request as RequestOf<"incrementalReport">);
      this.#answers.push(() => done({}));
    }
  }

  /** Gives credit. */
  grant(): void {
    if (this.#waiting === undefined) return;
    const { done } = this.#waiting;
    this.#waiting = undefined;
    this.#active = { id: ++this.#lastId, fromId: 0, inFlight: 0 };
    done({ reportId: this.#lastId, chunksInFlightMax: 2 });
  }

  /** Sends the oldest answer. */
  answer(): void {
    this.#answers.shift()?.();
  }

  /** Gives up the report under way. */
  drop(): void {
    if (this.#active !== undefined) this.isComplete = false;
    this.#active = undefined;
  }

  #chunk(chunk: RequestOf<"fullReportChunk">, done: Done): void {
    const active = this.#active;
    if (active?.id !== chunk.reportId) {
      // A report that was given up, or broken contract: main would close the connection (REPORT_NOT_GRANTED).
      assert.equal(chunk.reportId, this.#lastId, "a chunk of a report that another one has replaced");
      this.#answers.push(() => done(dropped()));
      return;
    }
    assert(chunk.rows.length <= REPORT_CHUNK_BYTES_MAX);
    assert.equal(chunk.fromId, active.fromId, "ranges follow each other");
    active.fromId = chunk.toId + 1;
    active.inFlight++;
    assert(active.inFlight <= 2, "no more chunks than were granted");
    for (const id of this.table.keys()) if (id >= chunk.fromId && id <= chunk.toId) this.table.delete(id);
    for (const { containerId, sequenceId } of rowsOf({ ...chunk, origins: [uuidOf(1)] })) {
      assert(containerId >= chunk.fromId && containerId <= chunk.toId);
      this.table.set(containerId, sequenceId);
    }
    this.#answers.push(() => {
      active.inFlight--;
      if (chunk.last && this.#active === active) {
        assert.equal(chunk.toId, SAFE_INTEGER_MAX);
        this.#active = undefined;
        this.isComplete = true;
      }
      done(this.#active === active || this.isComplete ? {} : dropped());
    });
  }

  #merge({ rowBytes, rows, origins }: RequestOf<"incrementalReport">): void {
    for (const { containerId, sequenceId, state } of rowsOf({ rowBytes, rows, origins })) {
      if (state === "DELETED") this.table.delete(containerId);
      else this.table.set(containerId, sequenceId);
    }
  }
}

function dropped(): StrataError {
  return new StrataError("REPORT_DROPPED", { reason: "the model says so" });
}

function rowsOf(report: Pick<RequestOf<"incrementalReport">, "rowBytes" | "rows" | "origins">): ReportRow[] {
  return [...readReportRows(report.rows, report.rowBytes, report.origins)];
}

/** A datanode as it tells of itself: every value it ever had for a container is another one. */
class NaiveDatanode {
  readonly table: Table = new Map();
  readonly #random: SeededRandom;
  #value = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  full(): ReportRows {
    const count = this.#random.below(4) === 0 ? this.#random.below(ROWS_MAX) : this.#random.below(20);
    this.table.clear();
    const value = ++this.#value;
    for (let row = 0; row < count; row++) this.table.set(1 + this.#random.below(IDS), value);
    const ids = [...this.table.keys()].sort((a, b) => a - b);
    return reportRows(ids.map((id) => rowOf(id, value, "CLOSED")));
  }

  incremental(): ReportRows {
    const count = this.#random.below(20) === 0 ? 5000 : 1 + this.#random.below(5);
    const rows = Array.from({ length: count }, () => {
      const id = 1 + this.#random.below(IDS);
      const isDeleted = this.#random.below(3) === 0;
      const value = ++this.#value;
      if (isDeleted) this.table.delete(id);
      else this.table.set(id, value);
      return rowOf(id, value, isDeleted ? "DELETED" : "CLOSED");
    });
    return reportRows(rows, "free");
  }
}

function rowOf(containerId: number, sequenceId: number, state: ReportRow["state"]): ReportRow {
  const common = { usedBytes: 1, keyCount: 1, isEmpty: false, replicaIndex: 0, originNodeId: uuidOf(1) };
  return { containerId, sequenceId, state, ...common };
}

test(`whatever comes in whatever order, main has the datanode's table in the end (seed ${SEED})`, () => {
  const random = new SeededRandom(SEED);
  for (let round = 0; round < ROUNDS; round++) {
    const held = new HeldBytes(2 ** 30);
    const main = new NaiveMain();
    const datanode = new NaiveDatanode(random);
    let isTold = false;
    const reports = new NodeReports(main, (isComplete) => {
      isTold ||= isComplete;
    });
    const hold = (rows: ReportRows) => {
      const heldRows = held.hold(rows);
      assert(heldRows !== undefined);
      return heldRows;
    };
    let fullCount = 0;
    const step = (): void => {
      const choice = random.below(14);
      if (choice === 0) {
        fullCount++;
        reports.full(hold(datanode.full()), false);
      } else if (choice < 4) reports.incremental(hold(datanode.incremental()));
      else if (choice === 4) main.grant();
      else if (choice === 5 && random.below(8) === 0) main.drop();
      else if (choice < 10) main.take();
      else main.answer();
    };
    const settle = (): void => {
      while (!main.isIdle) {
        main.take();
        main.grant();
        main.answer();
      }
    };
    for (let at = 0; at < STEPS; at++) step();
    settle();
    assert.equal(held.bytes, 0, `round ${round}: nothing is held when all is told`);
    assert(!reports.isReporting, `round ${round}: no report is under way`);
    // What main gave up it wants again.
    if (!main.isComplete) {
      reports.full(hold(datanode.full()), false);
      fullCount++;
      settle();
    }
    assert(isTold, `round ${round}: a complete report is told of`);
    assert(main.begunCount === fullCount, `round ${round}: each report was begun once`);
    assert.deepEqual(sorted(main.table), sorted(datanode.table), `round ${round}`);
  }
});

function sorted(table: Table): [number, number][] {
  return [...table].sort(([a], [b]) => a - b);
}
