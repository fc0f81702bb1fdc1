import assert from "node:assert/strict";
import type { DiskRow } from "../../../engine/cluster/merge-tail.js";
import type {
  FlushSource,
  LoadTarget,
  OperationResult,
  StateMachine,
  TailSource,
} from "../../../engine/cluster/state-machine.js";
import { StateFlusher } from "../../../engine/consensus/state-flusher.js";
import { type ScanPage, TableScanner } from "../../../engine/consensus/table-scanner.js";
import { compareBytes } from "../../../engine/core/compare-bytes.js";
import type { Disk } from "../../../engine/core/disk.js";
import { StrataError } from "../../../engine/core/errors.js";
import { type LogIndex, logIndex, term } from "../../../engine/core/ids.js";
import type { Random } from "../../../engine/core/random.js";
import { parseUuid, type Uuid } from "../../../engine/core/uuid.js";
import { type ConfState, nodeId } from "../../../engine/raft/types.js";
import { STATE_STORE_OPTIONS, StateScan, writeStateIdentity } from "../../../engine/storage/state-store.js";
import { STATE_RECORD } from "../../../workers/shared/state-records.js";
import { StateWriter } from "../../../workers/state/state-writer.js";
import { ManualScheduler } from "../consensus/manual-scheduler.js";
import { MemoryLink } from "../consensus/memory-link.js";
import { LONE_CONF_STATE } from "../raft/lone-voter.js";

export type LivingState = StateMachine & FlushSource & TailSource & LoadTarget;

export interface LivesOptions<M> {
  readonly disk: Disk;
  readonly path: string;
  readonly random: Random;
  create(): M;
  /** What a loss of power does to `disk`. Without it the state thread ends and only what was not committed is
   * lost. */
  readonly crash?: () => void;
}

const IDENTITY = {
  clusterId: "CID-test",
  scmId: parseUuid("11111111-2222-4333-8444-555555555555") as Uuid,
  nodeId: nodeId(1),
};
/** Small, so that there often is no room. */
const RING_BYTES = 64 * 1024;
const FLUSHER_OPTIONS = { flushIntervalMs: 8, flushBytes: 20_000 };

type Entry =
  | { readonly payload: Uint8Array }
  | { readonly confState: ConfState; readonly context: Uint8Array };
const NO_CONTEXT = new Uint8Array(0);

interface Expected {
  readonly page: ScanPage;
  readonly table: number;
  readonly from: Uint8Array;
  readonly to: Uint8Array | undefined;
  readonly rowCountMax: number;
}

/** Lives of one state machine over one store: the real flusher, scanner, state thread and rows, moved step by
 * step, with crashes between. The log is an array that loses nothing. */
export class StateLives<M extends LivingState> {
  readonly #options: LivesOptions<M>;
  readonly #log: Entry[] = [];
  /** State hash by index. */
  readonly #hashes: string[] = [];
  /** Rows of the disk-resident tables by index, as a model of the test says. */
  readonly #rowsAt: ((table: number) => readonly DiskRow[])[] = [];
  #truncated = 0;
  #machine: M | undefined;
  #scheduler = new ManualScheduler();
  #link = new MemoryLink(RING_BYTES);
  #flusher: StateFlusher | undefined;
  #scanner: TableScanner | undefined;
  #writer: StateWriter | undefined;
  readonly counters = { flushes: 0, durable: 0, crashes: 0, replayed: 0, pages: 0, rows: 0, truncations: 0 };

  private constructor(options: LivesOptions<M>) {
    this.#options = options;
  }

  static async start<M extends LivingState>(options: LivesOptions<M>): Promise<StateLives<M>> {
    const store = await options.disk.createStore(options.path, STATE_STORE_OPTIONS);
    writeStateIdentity(store, IDENTITY);
    await store.close();
    const lives = new StateLives(options);
    lives.#hashes.push("");
    lives.#rowsAt.push(() => []);
    await lives.#start();
    lives.#hashes[0] = lives.machine.hash();
    return lives;
  }

  get machine(): M {
    assert.ok(this.#machine !== undefined);
    return this.#machine;
  }

  apply(payload: Uint8Array, rowsOf: (table: number) => readonly DiskRow[]): OperationResult[] {
    this.#log.push({ payload });
    const results: OperationResult[] = [];
    this.machine.apply(this.#last(), term(1), payload, (_, result) => results.push(result));
    this.#applied(rowsOf);
    return results;
  }

  applyConfChange(confState: ConfState, context: Uint8Array = NO_CONTEXT): void {
    this.#log.push({ confState, context });
    this.machine.applyConfChange(this.#last(), term(1), confState, context);
    this.#applied(this.#rowsAt.at(-1) as (table: number) => readonly DiskRow[]);
  }

  /** One of the things that happen between applies. */
  async step(): Promise<void> {
    const { random } = this.#options;
    switch (random.below(6)) {
      case 0:
        this.#scheduler.turn();
        break;
      case 1:
        this.#scheduler.advance(1 + random.below(4));
        break;
      case 2:
      case 3:
        this.#writerOf().poll();
        break;
      default:
        this.#link.workerSender.publish();
        this.#link.deliver();
    }
  }

  /** Asks for a page; it is checked against the model when it comes. */
  scan(table: number, from: Uint8Array, to: Uint8Array | undefined, rowCountMax: number): void {
    const request = { table, from, rowCountMax, ...(to === undefined ? {} : { to }) };
    this.#scanner?.scan(request, (page) => {
      // A crash, or too many of them.
      if (page instanceof StrataError) return;
      this.#check({ page, table, from, to, rowCountMax });
    });
  }

  /** All rows of the table, page by page; nothing is applied meanwhile. */
  scanAll(table: number, rowCountMax: number): DiskRow[] {
    const rows: DiskRow[] = [];
    let from: Uint8Array | undefined = new Uint8Array(0);
    while (from !== undefined) {
      let page: ScanPage | undefined;
      this.#scanner?.scan({ table, from, rowCountMax }, (outcome) => {
        assert.ok(!(outcome instanceof StrataError));
        page = outcome;
      });
      for (let round = 0; page === undefined; round++) {
        assert.ok(round < 1000, "a scan does not end");
        this.#move();
      }
      const { rows: found, next }: ScanPage = page;
      rows.push(...found);
      from = next;
    }
    return rows;
  }

  /** The machine dies, starts again, and replays. Everything must be as before. */
  async crash(): Promise<void> {
    const before = this.machine.hash();
    this.counters.crashes++;
    await this.#die();
    await this.#start();
    assert.equal(this.machine.hash(), before, "the state after replay");
  }

  /** Brings everything to disk. */
  settle(): void {
    const before = this.counters.flushes;
    for (let round = 0; this.counters.flushes < before + 2; round++) {
      assert.ok(round < 10_000, "a flush does not end");
      if (this.#flusher?.isIdle === true) this.#flusher.start();
      this.#move();
    }
  }

  /** Rows of a table on disk, wherever it begins. After `stop`. */
  async storedRowCount(table: number): Promise<number> {
    const store = await this.#options.disk.openStore(this.#options.path, STATE_STORE_OPTIONS);
    let count = 0;
    const scan = new StateScan(store, "all");
    const visit = (found: number): void => {
      if (found === table) count++;
    };
    while (scan.step(100, visit) > 0);
    scan.close();
    await store.close();
    return count;
  }

  async stop(): Promise<void> {
    this.#flusher?.stop();
    this.#scanner?.stop();
    await this.#writer?.stop();
  }

  async #die(): Promise<void> {
    const { crash } = this.#options;
    this.#flusher?.stop();
    this.#scanner?.stop();
    if (crash === undefined) await this.#writer?.stop();
    else crash();
  }

  async #start(): Promise<void> {
    const machine = this.#options.create();
    await this.#load(machine);
    const loaded = machine.appliedIndex;
    assert.ok(
      loaded >= this.#truncated,
      `the log begins after ${this.#truncated}, the state is at ${loaded}`,
    );
    if (this.#hashes[loaded] !== "")
      assert.equal(machine.hash(), this.#hashes[loaded], `loaded at ${loaded}`);
    for (let index = loaded + 1; index <= this.#log.length; index++) {
      const entry = this.#log[index - 1] as Entry;
      if ("payload" in entry) machine.apply(logIndex(index), term(1), entry.payload, undefined);
      else machine.applyConfChange(logIndex(index), term(1), entry.confState, entry.context);
      this.counters.replayed++;
    }
    this.#machine = machine;
    await this.#startThread(machine);
  }

  async #load(machine: M): Promise<void> {
    const store = await this.#options.disk.openStore(this.#options.path, STATE_STORE_OPTIONS);
    const scan = new StateScan(store, "memory");
    while (scan.step(100, (table, key, value) => machine.load(table, key, value)) > 0);
    scan.close();
    await store.close();
    machine.loaded(LONE_CONF_STATE);
  }

  async #startThread(machine: M): Promise<void> {
    const { disk, path, random } = this.#options;
    this.#scheduler = new ManualScheduler();
    const link = new MemoryLink(RING_BYTES);
    this.#link = link;
    const { workerReceiver: receiver, workerSender: sender } = link;
    const data = { path, identity: IDENTITY };
    this.#writer = new StateWriter(
      { receiver, sender, receiveMessage: () => undefined, data },
      disk,
      this.#scheduler,
    );
    await this.#writer.start();
    const parts = { scheduler: this.#scheduler, source: machine, link };
    const handler = {
      wantsDurable: () => random.below(3) === 0,
      durableIndex: () => this.#last(),
      onDrained: () => {},
      onFlushed: (index: LogIndex, isDurable: boolean) => this.#onFlushed(index, isDurable),
    };
    // In some lives a flush takes many turns, in others one.
    const drainBytesPerTurnMax = 1000 + 1000 * random.below(8);
    const flusher = new StateFlusher({ ...parts, handler }, { ...FLUSHER_OPTIONS, drainBytesPerTurnMax });
    const scanner = new TableScanner(parts);
    link.onRecord = (kind, offset) => {
      if (kind === STATE_RECORD.FLUSHED) flusher.onFlushed(offset, link.receiver.view);
      else scanner.onRecord(kind, offset);
    };
    this.#flusher = flusher;
    this.#scanner = scanner;
    flusher.onApplied();
  }

  /** A bit of everything. */
  #move(): void {
    this.#scheduler.advance(1);
    this.#writerOf().poll();
    this.#link.workerSender.publish();
    this.#link.deliver();
  }

  #writerOf(): StateWriter {
    assert.ok(this.#writer !== undefined);
    return this.#writer;
  }

  #last(): LogIndex {
    return logIndex(this.#log.length);
  }

  #applied(rowsOf: (table: number) => readonly DiskRow[]): void {
    this.#hashes.push(this.machine.hash());
    this.#rowsAt.push(rowsOf);
    this.#flusher?.onApplied();
  }

  /** The log needs what is durable in the store no more. */
  #onFlushed(index: LogIndex, isDurable: boolean): void {
    this.counters.flushes++;
    if (!isDurable) return;
    this.counters.durable++;
    if (this.#options.random.below(2) === 0) return;
    this.counters.truncations++;
    this.#truncated = index;
  }

  #check({ page, table, from, to, rowCountMax }: Expected): void {
    const rowsOf = this.#rowsAt[page.appliedIndex] as (table: number) => readonly DiskRow[];
    const end = page.next ?? to;
    const expected = rowsOf(table).filter(
      ({ key }) => compareBytes(key, from) >= 0 && (end === undefined || compareBytes(key, end) < 0),
    );
    expectRows(page.rows, expected, `page of table ${table} at ${page.appliedIndex}`);
    assert.ok(page.rows.length <= rowCountMax);
    if (page.next !== undefined) assert.ok(compareBytes(page.next, from) > 0, "a page goes forward");
    this.counters.pages++;
    this.counters.rows += page.rows.length;
  }
}

/** Row by row: the difference between two long arrays takes an assertion minutes to print. */
export function expectRows(found: readonly DiskRow[], expected: readonly DiskRow[], where: string): void {
  for (let i = 0; i < Math.max(found.length, expected.length); i++) {
    assert.equal(textOf(found[i]), textOf(expected[i]), `row ${i} of ${where}`);
  }
}

function textOf(row: DiskRow | undefined): string {
  if (row === undefined) return "none";
  return `${Buffer.from(row.key).toString("hex")} ${Buffer.from(row.value).toString("hex")}`;
}
