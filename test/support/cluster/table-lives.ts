import assert from "node:assert/strict";
import type { Random } from "../../../engine/core/random.js";
import { nodeId } from "../../../engine/raft/types.js";
import { LONE_CONF_STATE } from "../raft/lone-voter.js";
import { expectRows, type LivesOptions, StateLives } from "./state-lives.js";
import { DISK_TABLE, encodeChanges, NaiveTable, type TableChange, TableMachine } from "./table-machine.js";

/** Random changes of a disk-resident table, as their users make them: keys that mostly ascend, deletions of
 * older ones, now and then all before some key. */
class ChangeSource {
  readonly #random: Random;
  #newest = 1;
  #first = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  changes(): TableChange[] {
    return Array.from({ length: this.#random.below(8) }, () => this.#one());
  }

  /** Also of rows that are not there. */
  key(): Uint8Array {
    return keyOf(this.#first + this.#random.below(this.#newest - this.#first + 3));
  }

  #one(): TableChange {
    const pick = this.#random.below(100);
    if (pick < 60) return this.#put(this.#newest++);
    if (pick < 70) return this.#put(this.#first + this.#random.below(this.#newest - this.#first));
    if (pick < 96) return { kind: "delete", key: this.key() };
    return this.deleteBelow();
  }

  deleteBelow(): TableChange {
    this.#first += this.#random.below(Math.ceil((this.#newest - this.#first) / 2));
    return { kind: "deleteBelow", key: keyOf(this.#first) };
  }

  #put(number: number): TableChange {
    const value = new Uint8Array(this.#random.below(20) === 0 ? 3000 : this.#random.below(40));
    for (let i = 0; i < value.length; i++) value[i] = this.#random.below(256);
    return { kind: "put", key: keyOf(number), value };
  }
}

function keyOf(number: number): Uint8Array {
  return Uint8Array.of(number >> 8, number & 0xff);
}

/** `turnCount` turns of random changes, flushes, scans, changes of membership and crashes; the lives are
 * stopped at the end. */
export async function liveWithTable(
  options: Omit<LivesOptions<TableMachine>, "create">,
  turnCount: number,
  random: Random,
): Promise<StateLives<TableMachine>["counters"]> {
  const lives = await StateLives.start({ ...options, create: () => new TableMachine() });
  const source = new ChangeSource(random);
  const model = new NaiveTable();
  const scan = (): void => {
    const to = random.below(2) === 0 ? undefined : source.key();
    lives.scan(DISK_TABLE, source.key(), to, 1 + random.below(20));
  };
  for (let turn = 0; turn < turnCount; turn++) {
    if (random.below(10) === 0) {
      const learners = random.below(2) === 0 ? [] : [nodeId(2 + random.below(5))];
      lives.applyConfChange({ ...LONE_CONF_STATE, learners });
    } else {
      const changes = source.changes();
      model.apply(changes);
      const { rows } = model;
      lives.apply(encodeChanges(changes), () => rows);
    }
    for (let i = random.below(12); i > 0; i--) {
      await lives.step();
      if (random.below(3) === 0) scan();
    }
    if (random.below(25) === 0) await lives.crash();
  }
  expectRows(lives.scanAll(DISK_TABLE, 7), model.rows, "all pages");
  // What a crash has left behind before the first row goes with the next range that is deleted.
  const deletion = source.deleteBelow();
  model.apply([deletion]);
  const { rows } = model;
  lives.apply(encodeChanges([deletion]), () => rows);
  lives.settle();
  await lives.stop();
  assert.equal(await lives.storedRowCount(DISK_TABLE), rows.length);
  return lives.counters;
}
