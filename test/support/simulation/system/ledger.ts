import { assert } from "../../../../engine/core/assert.js";

/** What a client knows about one thing that it changes: a flag of a container, the intent for a datanode. */
interface Register {
  /** Set by the last change with a known outcome. */
  value: string;
  /** By a change that has no outcome yet; there is one at a time. */
  pending: string | undefined;
  /** By changes that were given up: they may have happened, and may still happen. */
  readonly unknown: Set<string>;
  /** Grows with every change here. */
  version: number;
}

/** What it takes to judge a value that was read. */
export interface Glimpse {
  readonly key: string;
  readonly version: number;
}

export type Outcome = "done" | "refused" | "unknown";

/** A change of one or more registers under way. */
export interface Change {
  /** Found in the operation that the SCM logs for it, and in no other one. */
  readonly tag: string;
  readonly values: ReadonlyMap<string, string>;
}

/** The clients' account of their mutations (verification.md S1): what was acknowledged must be there, what
 * was refused must not be, and nothing may happen twice. It knows nothing of how the SCM does it. */
export class Ledger {
  readonly #registers = new Map<string, Register>();
  readonly #executions = new Map<string, number>();
  readonly #outcomes = new Map<string, Outcome>();
  /** Changes with an outcome, by outcome. */
  readonly counts: Record<Outcome, number> = { done: 0, refused: 0, unknown: 0 };

  /** Whether a change of it may begin. */
  isFree(key: string): boolean {
    return this.#registers.get(key)?.pending === undefined;
  }

  /** The value is certain. */
  isCertain(key: string): boolean {
    const register = this.#registers.get(key);
    return register === undefined || (register.pending === undefined && register.unknown.size === 0);
  }

  /** "" = never set. */
  value(key: string): string {
    return this.#registers.get(key)?.value ?? "";
  }

  begin(change: Change): void {
    // What was refused may be asked for again: an import whose pipeline had been closed, for one.
    const before = this.#outcomes.get(change.tag);
    assert(before === undefined || before === "refused", `the tag ${change.tag} was used before`);
    this.#outcomes.delete(change.tag);
    for (const [key, value] of change.values) {
      const register = this.#register(key);
      assert(register.pending === undefined, `${key} has a change under way`);
      register.pending = value;
      register.version++;
    }
  }

  end(change: Change, outcome: Outcome): void {
    this.counts[outcome]++;
    this.#outcomes.set(change.tag, outcome);
    for (const [key, value] of change.values) {
      const register = this.#register(key);
      register.pending = undefined;
      register.version++;
      if (outcome === "done") register.value = value;
      if (outcome === "unknown") register.unknown.add(value);
    }
    this.#checkExecutions(change.tag);
  }

  /** The log has the change with this tag, and it was carried out. */
  executed(tag: string): void {
    this.#executions.set(tag, (this.#executions.get(tag) ?? 0) + 1);
    this.#checkExecutions(tag);
  }

  glimpse(key: string): Glimpse {
    return { key, version: this.#register(key).version };
  }

  /** Judges a value that was read after `glimpse`. */
  checkRead({ key, version }: Glimpse, value: string): void {
    if (this.#register(key).version === version) this.checkValue(key, value);
  }

  /** Judges the present value. */
  checkValue(key: string, value: string): void {
    const { value: certain, pending, unknown } = this.#register(key);
    if (value === certain || value === pending || unknown.has(value)) return;
    const others = [...unknown, ...(pending === undefined ? [] : [pending])].join(" or ");
    assert(false, `${key} is "${value}", should be "${certain}"${others === "" ? "" : ` or ${others}`}`);
  }

  /** With every operation in the model that the SCM has acknowledged. */
  checkAcknowledged(): void {
    for (const [tag, outcome] of this.#outcomes) {
      if (outcome === "done")
        assert(this.#executions.get(tag) === 1, `${tag} was acknowledged and is not there`);
    }
  }

  keys(): Iterable<string> {
    return this.#registers.keys();
  }

  #checkExecutions(tag: string): void {
    const count = this.#executions.get(tag) ?? 0;
    assert(count <= 1, `${tag} happened ${count} times`);
    assert(count === 0 || this.#outcomes.get(tag) !== "refused", `${tag} was refused and happened`);
  }

  #register(key: string): Register {
    let register = this.#registers.get(key);
    if (register === undefined) {
      register = { value: "", pending: undefined, unknown: new Set(), version: 0 };
      this.#registers.set(key, register);
    }
    return register;
  }
}
