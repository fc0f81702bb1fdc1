import { assert } from "../../../engine/core/assert.js";
import {
  type ModelOperation,
  type ModelResult,
  ModelThread,
  POISON,
  type Segment,
  Suspended,
} from "./model-thread.js";

/* Exhaustive interleaving of two threads that run real code over a model of shared memory.
 *
 * A thread can stop only at its operations on words. It is stopped by an exception and resumed by running its
 * program again from the beginning, with the results of its earlier operations: a program must be
 * deterministic given these. So its state is the list of these results (or less, see ModelThread.forget), and
 * states that were reached before need not be followed twice.
 *
 * Plain bytes are written by thread 0 only. Thread 1 sees them as of the newest store of thread 0 that its
 * own loads know of, directly or through other words, and nothing newer: what was not published is not there.
 * What it reads must still be the same in thread 0's live bytes when it does its next operation, or thread 0
 * has overwritten something in use. Together that means "no data race" in the memory model of ECMAScript.
 *
 * `wait` has no timeout here: a wake-up that gets lost is a state in which nobody can go on. */

export interface ModelProgram {
  readonly name: string;
  run(thread: ModelThread): void;
}

export interface Exploration {
  /** How many plain bytes the threads share. */
  readonly byteCount: number;
  /** Words that are not 0 at first. */
  readonly words?: ReadonlyMap<number, number>;
  readonly programs: readonly [ModelProgram, ModelProgram];
}

/** A schedule under which a program failed or nobody could go on, step by step. */
export class ModelFailure extends Error {
  override readonly name = "ModelFailure";
}

const STATE_COUNT_MAX = 1_000_000;

/** Thread 0's plain bytes as of one of its stores. */
interface Knowledge {
  /** A higher number is a later store. */
  readonly number: number;
  readonly bytes: Uint8Array;
  /** The bytes as text: for what comes, states with the same bytes are the same. */
  readonly key: string;
}

interface Word {
  readonly value: number;
  readonly knowledge: Knowledge;
}

/** A thread as its results so far. */
interface Progress {
  readonly thread: 0 | 1;
  readonly results: readonly ModelResult[];
  /** What the results led to. */
  readonly segment: Segment;
  /** Of the state in which it is, without the shared words. */
  readonly key: string;
  readonly knowledge: Knowledge;
  readonly isParked: boolean;
}

type Threads = readonly [Progress, Progress];

interface State {
  readonly words: ReadonlyMap<number, Word>;
  readonly threads: Threads;
  readonly trace: Trace | undefined;
}

/** How a state was reached, newest step first. */
interface Trace {
  readonly step: string;
  readonly before: Trace | undefined;
}

/** Runs all interleavings; returns the number of different states. Throws ModelFailure. */
export function exploreInterleavings(exploration: Exploration): number {
  return new Explorer(exploration).explore();
}

class Explorer {
  readonly #exploration: Exploration;
  readonly #nothing: Knowledge;
  readonly #known = new Map<string, { readonly segment: Segment; readonly key: string }>();

  constructor(exploration: Exploration) {
    this.#exploration = exploration;
    this.#nothing = knowledgeOf(0, new Uint8Array(exploration.byteCount).fill(POISON));
  }

  explore(): number {
    const words = new Map<number, Word>();
    for (const [index, value] of this.#exploration.words ?? []) {
      words.set(index, { value, knowledge: this.#nothing });
    }
    const threads: Threads = [this.#begin(0), this.#begin(1)];
    const seen = new Set<string>();
    const stack: State[] = [{ words, threads, trace: undefined }];
    for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
      const key = keyOf(state);
      if (seen.has(key)) continue;
      seen.add(key);
      assert(seen.size <= STATE_COUNT_MAX, "the programs are too large to explore");
      stack.push(...this.#successors(state));
    }
    return seen.size;
  }

  #begin(thread: 0 | 1): Progress {
    const segment = this.#run(thread, [], undefined);
    return { thread, results: [], segment, key: "", knowledge: this.#nothing, isParked: false };
  }

  #run(thread: 0 | 1, results: readonly ModelResult[], trace: Trace | undefined): Segment {
    const program = this.#exploration.programs[thread];
    const model = new ModelThread(results, this.#exploration.byteCount);
    try {
      program.run(model);
    } catch (error) {
      if (!(error instanceof Suspended)) throw failure(`${program.name}: ${String(error)}`, trace);
    }
    return model.segment();
  }

  #successors(state: State): State[] {
    const { threads } = state;
    const successors: State[] = [];
    for (const mine of threads) {
      const { operation } = mine.segment;
      if (operation === undefined || !isEnabled(state, mine, operation)) continue;
      successors.push(this.#execute(state, mine, operation));
    }
    const hasEnded = threads.every(({ segment }) => segment.operation === undefined);
    if (successors.length === 0 && !hasEnded) throw failure("nobody can go on", state.trace);
    return successors;
  }

  #execute(state: State, mine: Progress, operation: ModelOperation): State {
    const other = state.threads[mine.thread === 0 ? 1 : 0];
    const word = state.words.get(operation.index) ?? { value: 0, knowledge: this.#nothing };
    const { name } = this.#exploration.programs[mine.thread];
    const trace = { step: `${name}: ${describe(operation)} (was ${word.value})`, before: state.trace };
    if (mine.thread === 1) checkReads(mine, other, trace);
    if (operation.kind === "wait" && word.value === operation.value) {
      return { words: state.words, threads: pair({ ...mine, isParked: true }, other), trace };
    }
    const knowledge = knowledgeAfter(mine, operation, word);
    const { result, stored } = evaluate(operation, word.value);
    const words = new Map(state.words);
    if (stored !== undefined) words.set(operation.index, { value: stored, knowledge });
    const next = this.#advance(mine, result, knowledge, trace);
    const wakes =
      operation.kind === "notify" && other.isParked && other.segment.operation?.index === operation.index;
    const otherNext = wakes ? this.#advance(other, 0, other.knowledge, trace) : other;
    return { words, threads: pair(next, otherNext), trace };
  }

  #advance(mine: Progress, value: number, knowledge: Knowledge, trace: Trace): Progress {
    const { thread } = mine;
    const isNew = thread === 1 && knowledge.number > mine.knowledge.number;
    const results = [...mine.results, { value, bytes: isNew ? knowledge.bytes : undefined }];
    const resultKey = thread === 0 ? `${value}` : `${value} ${knowledge.key}`;
    const memoKey = `${thread}|${mine.key}|${resultKey}`;
    let known = this.#known.get(memoKey);
    if (known === undefined) {
      const segment = this.#run(thread, results, trace);
      // Nothing came since the checkpoint: it lies in this very segment.
      const isFresh = segment.checkpoint !== undefined && segment.forgottenCount === results.length;
      const bytesKey = thread === 0 ? keyOfBytes(segment.bytes) : knowledge.key;
      known = { segment, key: isFresh ? `${segment.checkpoint}|${bytesKey}` : `${mine.key}|${resultKey}` };
      this.#known.set(memoKey, known);
    }
    return { thread, results, ...known, knowledge, isParked: false };
  }
}

/** Loads learn what the word's writer knew. Thread 0 knows its own bytes, and passes them on. */
function knowledgeAfter(mine: Progress, { kind }: ModelOperation, word: Word): Knowledge {
  if (mine.thread === 0) return knowledgeOf(mine.results.length + 1, mine.segment.bytes);
  const isLoad = kind === "load" || kind === "exchange" || kind === "take" || kind === "change";
  return isLoad && word.knowledge.number > mine.knowledge.number ? word.knowledge : mine.knowledge;
}

function knowledgeOf(number: number, bytes: Uint8Array): Knowledge {
  return { number, bytes, key: keyOfBytes(bytes) };
}

function keyOfBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

function checkReads({ segment }: Progress, writer: Progress, trace: Trace): void {
  const live = writer.segment.bytes;
  for (const { offset, bytes } of segment.reads) {
    const isSame = bytes.every((byte, i) => live[offset + i] === byte);
    if (!isSame) throw failure(`bytes ${offset} … were overwritten while they were read`, trace);
  }
}

function isEnabled(
  { words }: State,
  { isParked }: Progress,
  { kind, index, value }: ModelOperation,
): boolean {
  const word = words.get(index)?.value ?? 0;
  if (isParked) return false;
  if (kind === "take") return word > 0;
  return kind !== "change" || word !== value;
}

function evaluate({ kind, value }: ModelOperation, word: number): { result: number; stored?: number } {
  switch (kind) {
    case "load":
    case "change":
      return { result: word };
    case "store":
      return { result: 0, stored: value };
    case "exchange":
      return { result: word, stored: value };
    case "put":
      return { result: 0, stored: word + 1 };
    case "take":
      return { result: 0, stored: word - 1 };
    case "wait":
    case "notify":
      return { result: 0 };
  }
}

function pair(mine: Progress, other: Progress): Threads {
  return mine.thread === 0 ? [mine, other] : [other, mine];
}

function keyOf({ words, threads }: State): string {
  const ofWords = [...words].map(([index, { value, knowledge }]) => `${index}=${value}/${knowledge.key}`);
  const ofThreads = threads.map(({ key, isParked }) => `${key}${isParked ? " parked" : ""}`);
  return [...ofWords.sort(), ...ofThreads].join("|");
}

function describe({ kind, index, value }: ModelOperation): string {
  return `${kind} [${index}] ${value}`;
}

function failure(what: string, trace: Trace | undefined): ModelFailure {
  const steps: string[] = [];
  for (let at = trace; at !== undefined; at = at.before) steps.push(at.step);
  return new ModelFailure(`${what}, after\n  ${steps.reverse().join("\n  ")}`);
}
