import { REPLICA_STATE } from "../../engine/core/enums.js";
import type { Uuid } from "../../engine/core/uuid.js";
import type { ReportSource } from "../../protocol/client/index.js";
import {
  ROW_BYTES,
  ROW_ID,
  ROW_KEY_COUNT,
  ROW_ORIGIN,
  ROW_SEQUENCE_ID,
  ROW_STATE,
  ROW_USED_BYTES,
} from "../../protocol/codec/report-rows.js";
import { type FleetPlan, figuresOf } from "./plan.js";

const ROW_NUMBERS = ROW_BYTES / 8;
const ROW_WORDS = ROW_BYTES / 4;

/** A node's full report, written as it is sent: a fleet of 200 million replicas keeps none of them in
 * memory, and takes some nanoseconds for each. */
export class PlanReportSource implements ReportSource {
  readonly rowBytes = ROW_BYTES;
  readonly rowCount: number;
  readonly origins: readonly Uuid[];
  readonly #plan: FleetPlan;
  readonly #residues: readonly number[];
  /** The next id is `#base + #residues[#origin]`, and the origin's place is that of its residue. */
  #base = 0;
  #origin = 0;
  #numbers: Float64Array<ArrayBuffer>;

  /** @param numbers memory for the rows of `next`, which sources may share that are read one after the
   * other; it grows when it is too small */
  constructor(plan: FleetPlan, node: number, numbers = new Float64Array(0)) {
    this.#plan = plan;
    this.#numbers = numbers;
    this.rowCount = plan.containersOfNode(node);
    this.origins = plan.originsOfNode(node);
    this.#residues = plan.residuesOfNode(node);
    this.#skipZero();
  }

  next(rowCountMax: number): Uint8Array {
    if (this.#numbers.length < rowCountMax * ROW_NUMBERS) {
      this.#numbers = new Float64Array(rowCountMax * ROW_NUMBERS);
    }
    const rowCount = this.#write(rowCountMax);
    return new Uint8Array(this.#numbers.buffer, 0, rowCount * ROW_BYTES);
  }

  #write(rowCountMax: number): number {
    const numbers = this.#numbers;
    const words = new Uint32Array(numbers.buffer);
    const { containerCount, nodeCount } = this.#plan;
    const residues = this.#residues;
    let [base, origin] = [this.#base, this.#origin];
    let row = 0;
    for (; row < rowCountMax; row++) {
      const id = base + (residues[origin] as number);
      if (id > containerCount) break;
      const { usedBytes, sequenceId, keyCount } = figuresOf(id);
      const number = row * ROW_NUMBERS;
      numbers[number + ROW_ID / 8] = id;
      numbers[number + ROW_USED_BYTES / 8] = usedBytes;
      numbers[number + ROW_SEQUENCE_ID / 8] = sequenceId;
      const word = row * ROW_WORDS;
      words[word + ROW_KEY_COUNT / 4] = keyCount;
      words[word + ROW_ORIGIN / 4] = origin | (this.#plan.isOpen(id) ? OPEN : CLOSED);
      if (++origin < residues.length) continue;
      origin = 0;
      base += nodeCount;
    }
    [this.#base, this.#origin] = [base, origin];
    return row;
  }

  /** No container has id 0. */
  #skipZero(): void {
    if (this.#residues[0] === 0) this.#origin = 1;
  }
}

/** State of a replica, in the word that begins with its origin. */
const STATE_SHIFT = (ROW_STATE - ROW_ORIGIN) * 8;
const OPEN = REPLICA_STATE.OPEN << STATE_SHIFT;
const CLOSED = REPLICA_STATE.CLOSED << STATE_SHIFT;
