import { assert } from "../../../engine/core/assert.js";
import type {
  Disk,
  DiskFile,
  KeyRange,
  Lock,
  RowVisitor,
  Store,
  StoreBatch,
  StoreCursor,
  StoreFinding,
  StoreOptions,
} from "../../../engine/core/disk.js";
import { StrataError } from "../../../engine/core/errors.js";
import type { Random } from "../../../engine/core/random.js";

/** A disk in memory that can lose power (verification.md §5.2). It models our storage interface: ordered
 * batches, of which a crash keeps any prefix of the unsynced ones; files replaced as a whole; files
 * overwritten in place, whose unsynced bytes are each old or new afterwards. One disk per simulated SCM; it
 * outlives the SCM's crashes. */
export class SimDisk implements Disk {
  readonly #directories = new Set<string>(["/"]);
  readonly #files = new Map<string, SimFile>();
  readonly #stores = new Map<string, StoredData>();
  readonly #locks = new Set<string>();
  /** Called before anything is written or synced, with the path of its store or file. A throw is the fault:
   * what was asked for has not been done. */
  beforeWrite: (path: string) => void = () => {};
  /** Called after each change of what of a store would survive a loss of power: with the changes in order, or
   * with none when its whole content is to be looked at anew. */
  onDurable: (path: string, changes: readonly StoreChange[] | undefined) => void = () => {};
  /** Handles of an earlier life are dead: whoever uses one should have died with it. */
  #life = 1;

  /** The SCM dies (or the machine does): handles are dead, locks are free, what was not synced may be lost.
   * `random` chooses among the outcomes that are legal. */
  crash(random: Random): void {
    this.#life++;
    this.#locks.clear();
    for (const [path, data] of this.#stores) {
      data.crash(random);
      this.onDurable(path, undefined);
    }
    for (const file of this.#files.values()) file.crash(random);
  }

  async createStore(path: string, options: StoreOptions): Promise<Store> {
    this.makeDirectory(path);
    if (!this.#stores.has(path)) this.#stores.set(path, this.#newData(path));
    // A directory with a store in it is not empty.
    this.#files.set(`${path}/CURRENT`, new SimFile(new Uint8Array(0)));
    return await this.openStore(path, options);
  }

  async openStore(path: string, options: StoreOptions): Promise<Store> {
    const data = this.#dataOf(path);
    this.#take(path);
    const missing = [...data.columns()].find((column) => !options.columns.includes(column));
    if (missing !== undefined) {
      this.#locks.delete(path);
      throw new StrataError("STORAGE_OPEN", { path, reason: `column ${missing} is not named` });
    }
    return new SimStore(data, options, {
      isAlive: this.#alive(),
      beforeWrite: () => this.beforeWrite(path),
      release: () => this.#locks.delete(path),
    });
  }

  async checkStore(path: string): Promise<readonly StoreFinding[]> {
    this.#dataOf(path);
    return [];
  }

  copyStore(path: string, to: string): void {
    const data = this.#dataOf(path);
    this.makeDirectory(to);
    this.#stores.set(to, data.clone());
    for (const [name, file] of [...this.#files]) {
      if (parentOf(name) === path)
        this.#files.set(to + name.slice(path.length), new SimFile(file.bytes.slice()));
    }
  }

  async lock(path: string): Promise<Lock> {
    this.makeDirectory(path);
    this.#take(path);
    const isAlive = this.#alive();
    return {
      release: async () => {
        if (isAlive()) this.#locks.delete(path);
      },
    };
  }

  readFile(path: string): Uint8Array | undefined {
    return this.#files.get(path)?.bytes.slice();
  }

  writeFile(path: string, bytes: Uint8Array): void {
    if (!this.#directories.has(parentOf(path))) throw missingError(path);
    this.beforeWrite(path);
    this.#files.set(path, new SimFile(bytes.slice()));
  }

  openFile(path: string): DiskFile {
    const file = this.#files.get(path);
    if (file === undefined) throw missingError(path);
    return new SimFileHandle(file, {
      isAlive: this.#alive(),
      beforeWrite: () => this.beforeWrite(path),
      release: () => {},
    });
  }

  makeDirectory(path: string): void {
    for (let made = path; !this.#directories.has(made); made = parentOf(made)) this.#directories.add(made);
  }

  removeDirectory(path: string): void {
    const isWithin = (name: string): boolean => name === path || name.startsWith(`${path}/`);
    for (const names of [this.#directories, this.#files, this.#stores]) {
      for (const name of [...names.keys()]) if (isWithin(name)) names.delete(name);
    }
  }

  list(path: string): string[] {
    const names = [...this.#directories, ...this.#files.keys()];
    const children = names.filter((name) => name !== "/" && parentOf(name) === path);
    return children.map((name) => name.slice(name.lastIndexOf("/") + 1)).sort();
  }

  /** Changes a stored value behind everybody's back, as a failing disk would. */
  damageValue(path: string, column: string, key: Uint8Array, change: (value: Uint8Array) => void): void {
    const rows = this.#stores.get(path)?.rows(column);
    const value = rows?.get(keyText(key))?.slice();
    assert(rows !== undefined && value !== undefined, "there is no such value");
    change(value);
    rows.set(keyText(key), value);
  }

  /** Batches of a store that are remembered. */
  batchCount(path: string): number {
    return this.#dataOf(path).batchCount;
  }

  /** Drops the newest `count` batches of a store, synced or not: what a damaged write-ahead log does. */
  loseBatches(path: string, count: number): void {
    const data = this.#stores.get(path);
    assert(data !== undefined, "there is no such store");
    data.lose(count);
    this.onDurable(path, undefined);
  }

  /** Rows of a store's column as they are now, by key as text of one character a byte. */
  rows(path: string, column: string): ReadonlyMap<string, Uint8Array> {
    return this.#dataOf(path).rows(column);
  }

  hasStore(path: string): boolean {
    return this.#stores.has(path);
  }

  /** The same, to be tried out. Nobody may use this one meanwhile. */
  clone(): SimDisk {
    const copy = new SimDisk();
    for (const directory of this.#directories) copy.#directories.add(directory);
    for (const [name, file] of this.#files) copy.#files.set(name, new SimFile(file.bytes.slice()));
    for (const [path, data] of this.#stores) copy.#stores.set(path, data.twin());
    return copy;
  }

  #newData(path: string): StoredData {
    const data = new StoredData();
    data.onSynced = (changes) => this.onDurable(path, changes);
    return data;
  }

  #dataOf(path: string): StoredData {
    const data = this.#stores.get(path);
    if (data === undefined) throw new StrataError("STORAGE_OPEN", { path, reason: "there is no store" });
    return data;
  }

  #take(path: string): void {
    if (this.#locks.has(path)) throw new StrataError("STORAGE_LOCKED", { path });
    this.#locks.add(path);
  }

  #alive(): () => boolean {
    const life = this.#life;
    return () => life === this.#life;
  }
}

function parentOf(path: string): string {
  const end = path.lastIndexOf("/");
  return end <= 0 ? "/" : path.slice(0, end);
}

function missingError(path: string): StrataError {
  return new StrataError("STORAGE_IO", { path, reason: "no such file or directory" });
}

/** Keys as text, one character a byte, so that they compare and sort as bytes do. */
function keyText(key: Uint8Array): string {
  return Buffer.from(key).toString("latin1");
}

export type StoreChange =
  | { readonly kind: "put"; readonly column: string; readonly key: string; readonly value: Uint8Array }
  | { readonly kind: "delete"; readonly column: string; readonly key: string }
  | { readonly kind: "clear"; readonly column: string; readonly from: string; readonly to: string };

/** Synced batches kept so that a fault can take them away again. */
const HISTORY_BATCHES = 64;

/** One store's rows: a base, and batches on top of it, of which the first `#syncedCount` are durable. */
class StoredData {
  #base = new Map<string, Map<string, Uint8Array>>();
  #batches: (readonly StoreChange[])[] = [];
  #syncedCount = 0;
  #visible = new Map<string, Map<string, Uint8Array>>();
  onSynced: (changes: readonly StoreChange[]) => void = () => {};

  /** With what is visible now, as if all of it were synced. */
  clone(): StoredData {
    const copy = new StoredData();
    copy.#base = copyOf(this.#visible);
    copy.#visible = copyOf(this.#visible);
    return copy;
  }

  /** Batch for batch. */
  twin(): StoredData {
    const copy = new StoredData();
    copy.#base = copyOf(this.#base);
    copy.#batches = [...this.#batches];
    copy.#syncedCount = this.#syncedCount;
    copy.#visible = copyOf(this.#visible);
    return copy;
  }

  columns(): Iterable<string> {
    return this.#visible.keys();
  }

  rows(column: string): Map<string, Uint8Array> {
    return rowsOf(this.#visible, column);
  }

  write(changes: readonly StoreChange[], sync: boolean): void {
    this.#batches.push(changes);
    apply(this.#visible, changes);
    if (sync) this.sync();
  }

  sync(): void {
    for (let i = this.#syncedCount; i < this.#batches.length; i++) this.onSynced(this.#batches[i]!);
    this.#syncedCount = this.#batches.length;
    while (this.#syncedCount > HISTORY_BATCHES) {
      apply(this.#base, this.#batches.shift()!);
      this.#syncedCount--;
    }
  }

  crash(random: Random): void {
    const unsyncedCount = this.#batches.length - this.#syncedCount;
    this.#keep(this.#syncedCount + random.below(unsyncedCount + 1));
  }

  get batchCount(): number {
    return this.#batches.length;
  }

  lose(count: number): void {
    assert(count <= this.#batches.length, "so many batches are not remembered");
    this.#keep(this.#batches.length - count);
  }

  /** After a start what survived is as good as synced. */
  #keep(count: number): void {
    this.#batches.length = count;
    this.#visible = copyOf(this.#base);
    for (const changes of this.#batches) apply(this.#visible, changes);
    this.sync();
  }
}

function copyOf(data: Map<string, Map<string, Uint8Array>>): Map<string, Map<string, Uint8Array>> {
  return new Map([...data].map(([column, rows]) => [column, new Map(rows)]));
}

function rowsOf(data: Map<string, Map<string, Uint8Array>>, column: string): Map<string, Uint8Array> {
  const rows = data.get(column) ?? new Map<string, Uint8Array>();
  data.set(column, rows);
  return rows;
}

function apply(data: Map<string, Map<string, Uint8Array>>, changes: readonly StoreChange[]): void {
  for (const change of changes) {
    const rows = rowsOf(data, change.column);
    if (change.kind === "put") rows.set(change.key, change.value);
    else if (change.kind === "delete") rows.delete(change.key);
    else for (const key of [...rows.keys()]) if (key >= change.from && key < change.to) rows.delete(key);
  }
}

/** What a handle asks of the disk it is on. */
interface Holder {
  readonly isAlive: () => boolean;
  readonly beforeWrite: () => void;
  readonly release: () => void;
}

class SimStore implements Store {
  readonly #data: StoredData;
  readonly #options: StoreOptions;
  readonly #holder: Holder;
  #isOpen = true;

  constructor(data: StoredData, options: StoreOptions, holder: Holder) {
    this.#data = data;
    this.#options = options;
    this.#holder = holder;
    for (const column of options.columns) data.rows(column);
  }

  get(column: string, key: Uint8Array): Uint8Array | undefined {
    return this.#rows(column).get(keyText(key))?.slice();
  }

  batch(): StoreBatch {
    this.#check();
    return new SimBatch((changes, sync) => {
      for (const { column } of changes) this.#rows(column);
      this.#holder.beforeWrite();
      this.#data.write(changes, sync);
    });
  }

  scan(column: string, range: KeyRange): StoreCursor {
    const [from, to] = [keyText(range.from), keyText(range.to)];
    const rows = [...this.#rows(column)].filter(([key]) => key >= from && key < to);
    rows.sort(([a], [b]) => (a < b ? -1 : 1));
    return new SimCursor(rows, () => this.#check());
  }

  clear(column: string, range: KeyRange): void {
    this.#rows(column);
    this.#holder.beforeWrite();
    this.#data.write([{ kind: "clear", column, from: keyText(range.from), to: keyText(range.to) }], false);
  }

  async close(): Promise<void> {
    this.#check();
    this.#isOpen = false;
    this.#holder.release();
    this.#holder.beforeWrite();
    this.#data.sync();
  }

  #rows(column: string): Map<string, Uint8Array> {
    this.#check();
    assert(this.#options.columns.includes(column), `the store has no column ${column}`);
    return this.#data.rows(column);
  }

  #check(): void {
    assert(this.#isOpen, "the store is closed");
    assert(this.#holder.isAlive(), "a store was used after its crash");
  }
}

class SimBatch implements StoreBatch {
  readonly #write: (changes: readonly StoreChange[], sync: boolean) => void;
  #changes: StoreChange[] = [];

  constructor(write: (changes: readonly StoreChange[], sync: boolean) => void) {
    this.#write = write;
  }

  put(column: string, key: Uint8Array, value: Uint8Array): void {
    this.#changes.push({ kind: "put", column, key: keyText(key), value: new Uint8Array(value) });
  }

  delete(column: string, key: Uint8Array): void {
    this.#changes.push({ kind: "delete", column, key: keyText(key) });
  }

  write({ sync }: { readonly sync: boolean }): void {
    const changes = this.#changes;
    this.#changes = [];
    this.#write(changes, sync);
  }
}

class SimCursor implements StoreCursor {
  readonly #rows: readonly (readonly [string, Uint8Array])[];
  readonly #check: () => void;
  #next = 0;

  constructor(rows: readonly (readonly [string, Uint8Array])[], check: () => void) {
    this.#rows = rows;
    this.#check = check;
  }

  next(rowCountMax: number, visit: RowVisitor): number {
    this.#check();
    const rows = this.#rows.slice(this.#next, this.#next + rowCountMax);
    this.#next += rows.length;
    for (const [key, value] of rows) visit(new Uint8Array(Buffer.from(key, "latin1")), value.slice());
    return rows.length;
  }

  seek(key: Uint8Array): void {
    this.#check();
    const wanted = keyText(key);
    const index = this.#rows.findIndex(([found]) => found >= wanted);
    this.#next = index < 0 ? this.#rows.length : index;
  }

  close(): void {
    this.#next = this.#rows.length;
  }
}

class SimFile {
  bytes: Uint8Array;
  #durable: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#durable = bytes.slice();
  }

  sync(): void {
    this.#durable = this.bytes.slice();
  }

  /** Disks write sectors in any order and may tear one, so each run of bytes is old or new by itself. */
  crash(random: Random): void {
    const survives = this.#durable;
    let takesNew = random.below(2) === 0;
    for (let i = 0; i < survives.length; i++) {
      if (random.below(32) === 0) takesNew = !takesNew;
      if (takesNew) survives[i] = this.bytes[i]!;
    }
    this.bytes = survives.slice();
  }
}

class SimFileHandle implements DiskFile {
  readonly #file: SimFile;
  readonly #holder: Holder;
  #isOpen = true;

  constructor(file: SimFile, holder: Holder) {
    this.#file = file;
    this.#holder = holder;
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#check();
    assert(offset + bytes.length <= this.#file.bytes.length, "a write beyond the end of the file");
    this.#holder.beforeWrite();
    this.#file.bytes.set(bytes, offset);
  }

  sync(): void {
    this.#check();
    this.#holder.beforeWrite();
    this.#file.sync();
  }

  close(): void {
    this.#check();
    this.#isOpen = false;
  }

  #check(): void {
    assert(this.#isOpen, "the file is closed");
    assert(this.#holder.isAlive(), "a file was used after its crash");
  }
}
