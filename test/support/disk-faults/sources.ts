import { cpSync } from "node:fs";
import { basename, join } from "node:path";
import { type StorageDirectories, storageDirectories } from "../../../engine/storage/directories.js";
import { NodeDisk } from "../../../engine/storage/node-disk.js";
import { initialized, ManualClock } from "../storage/log-fixture.js";
import { SmallScm } from "../storage/small-scm.js";
import { Ledger, writeAt } from "./ledger.js";

/** Directories of an SCM as a sudden end has left them, with what it had acknowledged until then. Cases work
 * on copies. */
export interface Source {
  readonly directories: StorageDirectories;
  readonly metadataDir: string;
  readonly ledger: Ledger;
}

export type SourceName = "young" | "grown" | "settled" | "torn" | "older" | "newer" | "later" | "other";

/** All sources:
 *
 *   young    killed early: everything lies in the write-ahead logs, the watermark is 25 operations behind
 *   grown    killed later: tables and write-ahead logs, parts of the log truncated
 *   settled  stopped in order and started again: everything lies in tables
 *   torn     `young`, killed within one more operation, which fills more than a block
 *   older    an earlier copy of `newer`; `later` is `newer` after another start
 *   other    another SCM, at about the place of `grown` */
export type Sources = Readonly<Record<SourceName, Source>>;

const disk = new NodeDisk();

export async function prepareSources(root: string): Promise<Sources> {
  const main = await Maker.create(root, "main", 1);
  await main.open();
  main.write(20, { flushAt: [12] });
  main.mark();
  main.write(25, { flushAt: [30] });
  const young = main.copy("young");
  main.begin();
  const torn = main.copy("torn");
  main.acknowledge();
  main.write(25, { flushAt: [50], truncateAt: 50 });
  const older = main.copy("older");
  main.write(25, { flushAt: [], truncateAt: undefined });
  main.flush(false);
  main.mark();
  main.write(4, { flushAt: [] });
  const newer = main.copy("newer");
  await main.reopen();
  main.write(12, { flushAt: [104] });
  const later = main.copy("later");
  for (let round = 0; round < 3; round++) {
    main.write(24, { flushAt: [] });
    main.flush(round === 1);
    await main.reopen();
  }
  const settled = main.copy("settled");
  main.write(10, { flushAt: [] });
  main.flush(false);
  main.mark();
  main.write(30, { flushAt: [] });
  const grown = main.copy("grown");
  await main.stop();

  const second = await Maker.create(root, "second", 2);
  await second.open();
  second.write(100, { flushAt: [30], truncateAt: 50 });
  for (let round = 0; round < 4; round++) {
    second.write(20, { flushAt: [] });
    second.flush(round === 1);
    await second.reopen();
  }
  second.write(20, { flushAt: [190] });
  const other = second.copy("other");
  await second.stop();
  return { young, torn, older, newer, later, settled, grown, other };
}

/** Works on an SCM and takes copies while it runs. Nothing of its files is kept back by the process: each
 * write reaches the system at once. */
class Maker {
  readonly #root: string;
  readonly #name: string;
  readonly #directories: StorageDirectories;
  readonly #clock = new ManualClock();
  readonly #ledger = new Ledger();
  #scm: SmallScm | undefined;

  static async create(root: string, name: string, seed: number): Promise<Maker> {
    return new Maker(root, name, await initialized(disk, join(root, `${name}-live`), seed));
  }

  private constructor(root: string, name: string, directories: StorageDirectories) {
    this.#root = root;
    this.#name = name;
    this.#directories = directories;
  }

  async open(): Promise<void> {
    this.#scm = await SmallScm.start(disk, this.#directories, this.#clock);
  }

  async stop(): Promise<void> {
    await this.#running.stop();
  }

  async reopen(): Promise<void> {
    await this.stop();
    await this.open();
  }

  write(count: number, options: { flushAt: readonly number[]; truncateAt?: number | undefined }): void {
    for (let i = 0; i < count; i++) {
      this.begin();
      this.acknowledge();
      if (options.flushAt.includes(this.#ledger.begun)) this.flush(this.#ledger.begun === options.truncateAt);
    }
  }

  /** Writes an operation without acknowledging it. */
  begin(): void {
    const write = writeAt(this.#name, this.#ledger.begun + 1);
    this.#ledger.begin(write);
    this.#running.set(write.row, write.value);
  }

  acknowledge(): void {
    this.#ledger.acknowledge(this.#ledger.begun);
  }

  flush(durable: boolean): void {
    this.#running.flush(durable);
  }

  /** The watermark becomes due, and is written. */
  mark(): void {
    this.#clock.nowMs += 1000;
    this.#running.log.markWhenDue();
  }

  copy(name: SourceName): Source {
    const metadataDir = join(this.#root, name);
    copyTree(join(this.#root, `${this.#name}-live`), metadataDir);
    return {
      metadataDir,
      directories: storageDirectories({ metadataDir }),
      ledger: this.#ledger.clone(),
    };
  }

  get #running(): SmallScm {
    if (this.#scm === undefined) throw new Error("the SCM is not open");
    return this.#scm;
  }
}

/** Copies directories, without RocksDB's information logs. */
export function copyTree(from: string, to: string): void {
  cpSync(from, to, { recursive: true, filter: (path) => !/^LOG(\.old\.\d+)?$/.test(basename(path)) });
}

/** Where the state store lies after --init. */
export function stateOf(directories: StorageDirectories): string {
  return join(directories.state, "base");
}
