import type { FleetPlan } from "../../bench/fleet/plan.js";
import { SeededRandom } from "../../engine/core/random.js";
import { randomUuid, type Uuid } from "../../engine/core/uuid.js";
import type { RequestOf } from "../../protocol/client/index.js";
import type { ContainerRecord, PipelineRecord } from "../../protocol/schema/records.js";
import { LaneModel, type Observed } from "./lane-model.js";

/** A mutation, without the session's fields. */
export type LaneOperation =
  | { readonly name: "import"; readonly request: Unstamped<"import"> }
  | { readonly name: "suppressContainers"; readonly request: Unstamped<"suppressContainers"> }
  | { readonly name: "setNodeOperationalState"; readonly request: Unstamped<"setNodeOperationalState"> };

type Unstamped<N extends "import" | "suppressContainers" | "setNodeOperationalState"> = Omit<
  RequestOf<N>,
  "sessionId" | "sequence" | "ackedSequence"
>;

/** One operation from the first time it is sent. */
export interface Step {
  readonly operation: LaneOperation;
  /** The one right answer, since nobody else touches what the lane owns. */
  readonly expected: string;
  /** Undefined while the outcome is not known: then it may have happened or not. */
  answer: string | undefined;
  /** A later one was carried out: so was this one. */
  isDone: boolean;
}

/** A datanode that has not registered since the SCM started gets no intent: a refusal that claims that
 * nothing happened. */
export const NOT_DONE = "NO_SUCH_DATANODE";

/** Imports between two kills: bounds what there is to compare. */
const IMPORTS_PER_ROUND = 20;
const OPERATIONAL_STATES = [
  "DECOMMISSIONING",
  "DECOMMISSIONED",
  "ENTERING_MAINTENANCE",
  "IN_MAINTENANCE",
] as const;

export interface LaneOptions {
  readonly index: number;
  readonly laneCount: number;
  readonly seed: number;
  /** Fleet whose datanode `index` is the lane's own; its containers are nobody's. */
  readonly plan: FleetPlan;
}

/** One stream of operations, in order, over containers, pipelines and a datanode that no other lane
 * touches: so what the SCM must hold and answer follows from the lane's own history, and every repetition
 * shows.
 *
 * What would not show: an import that is done twice answers other counts, or is refused since a flag has
 * changed; a flag or an intent that is set twice takes back a later one; ids that did not exist yet fail
 * the first time only. */
export class Lane {
  readonly index: number;
  readonly node: Uuid;
  readonly #laneCount: number;
  readonly #plan: FleetPlan;
  readonly #random: SeededRandom;
  /** What holds whatever becomes of the steps without an answer. */
  readonly #settled = new LaneModel();
  /** What holds when all that was sent is done. */
  readonly #ahead = new LaneModel();
  /** In the order in which they were sent; those before the last answered one are done, too. */
  #open: Step[] = [];
  #nextNumber = 0;
  #nextExpiry = 1;
  #importsLeft = IMPORTS_PER_ROUND;
  answeredCount = 0;

  constructor({ index, laneCount, seed, plan }: LaneOptions) {
    this.index = index;
    this.node = plan.uuid(index);
    this.#laneCount = laneCount;
    this.#plan = plan;
    this.#random = new SeededRandom(seed * 1000 + index);
  }

  get openCount(): number {
    return this.#open.filter(({ answer }) => answer === undefined).length;
  }

  startRound(): void {
    this.#importsLeft = IMPORTS_PER_ROUND;
  }

  /** The next operation; it counts as sent. */
  next(isNodeRegistered: boolean): Step {
    const operation = this.#choose(isNodeRegistered);
    const step: Step = {
      operation,
      expected: this.#ahead.apply(operation),
      answer: undefined,
      isDone: false,
    };
    this.#open.push(step);
    return step;
  }

  /** Takes an answer as `answerText` says it. Throws when it is not the right one. */
  answered(step: Step, answer: string): void {
    if (step.answer !== undefined && step.answer !== answer) {
      throw new Error(`${this.#describe(step)}: answered ${step.answer} first, then ${answer}`);
    }
    const isRefusal = answer === NOT_DONE && step.operation.name === "setNodeOperationalState";
    if (answer !== step.expected && !isRefusal) {
      throw new Error(`${this.#describe(step)}: answered ${answer}, expected ${step.expected}`);
    }
    if (isRefusal && step.isDone) throw new Error(`${this.#describe(step)}: refused, though it was done`);
    if (step.answer === undefined) this.answeredCount++;
    step.answer = answer;
    this.#settle();
  }

  /** Why `observed` cannot follow from what was sent and answered; undefined when it can. */
  problem(observed: Observed): string | undefined {
    const model = this.#settled.clone();
    const first = model.difference(observed);
    if (first === undefined) return undefined;
    for (const { operation, answer } of this.#open) {
      if (answer === NOT_DONE) continue;
      model.apply(operation);
      if (model.difference(observed) === undefined) return undefined;
    }
    const rest =
      this.#open.length === 0 ? "" : `, and none of the ${this.#open.length} unanswered explains it`;
    return `lane ${this.index}: ${first}${rest}`;
  }

  /** The lane that container `id` belongs to, undefined for the plan's own. */
  static ownerOf(id: number, plan: FleetPlan, laneCount: number): number | undefined {
    return id <= plan.containerCount ? undefined : (id - plan.containerCount - 1) % laneCount;
  }

  /** A container as every lane imports it. */
  static container(id: number, plan: FleetPlan): ContainerRecord {
    return { ...plan.container(id), owner: `kill9-${id % 3}` };
  }

  #choose(isNodeRegistered: boolean): LaneOperation {
    const draw = this.#random.below(100);
    if (this.#importsLeft > 0 && (draw < 35 || this.#nextNumber === 0)) return this.#import();
    if (isNodeRegistered && draw < 45) return this.#intent();
    return draw < 50 ? this.#repeatedImport() : this.#suppress();
  }

  #import(): LaneOperation {
    this.#importsLeft--;
    const containers: ContainerRecord[] = [];
    const count = 1 + this.#random.below(8);
    for (let i = 0; i < count; i++) containers.push(Lane.container(this.#id(this.#nextNumber++), this.#plan));
    const pipelines: PipelineRecord[] = [];
    if (this.#random.below(8) === 0) {
      pipelines.push({ ...this.#plan.pipeline(this.index), pipelineId: randomUuid(this.#random) });
    }
    return { name: "import", request: { pipelines, containers } };
  }

  /** One that exists: skipped, or refused as a whole when a flag has changed since. */
  #repeatedImport(): LaneOperation {
    const container = Lane.container(this.#id(this.#random.below(this.#nextNumber)), this.#plan);
    return { name: "import", request: { pipelines: [], containers: [container] } };
  }

  /** Some of what exists, newest first, and now and then some of what does not exist yet. */
  #suppress(): LaneOperation {
    const containerIds: number[] = [];
    const future = this.#random.below(4) === 0 ? 3 : 0;
    let number = this.#nextNumber + future - 1;
    for (let left = 1 + this.#random.below(12); left > 0 && number >= 0; left--) {
      containerIds.push(this.#id(number));
      number -= 1 + this.#random.below(10);
    }
    const suppress = this.#random.below(2) === 0;
    return { name: "suppressContainers", request: { containerIds, suppress } };
  }

  #intent(): LaneOperation {
    const operationalState =
      OPERATIONAL_STATES[this.#random.below(OPERATIONAL_STATES.length)] ?? "IN_MAINTENANCE";
    const request = { uuid: this.node, operationalState, operationalStateExpiry: this.#nextExpiry++ };
    return { name: "setNodeOperationalState", request };
  }

  #id(number: number): number {
    return this.#plan.containerCount + 1 + this.index + number * this.#laneCount;
  }

  /** The log keeps the order of sending: what stands before a step that was carried out, was too. */
  #settle(): void {
    const last = this.#open.findLastIndex(({ answer }) => answer !== undefined && answer !== NOT_DONE);
    for (const step of this.#open.splice(0, last + 1)) {
      if (step.answer === NOT_DONE) continue;
      step.isDone = true;
      this.#settled.apply(step.operation);
    }
    if (this.openCount === 0) this.#open = [];
  }

  #describe({ operation: { name, request } }: Step): string {
    return `lane ${this.index}, ${name} ${JSON.stringify(request).slice(0, 300)}`;
  }
}
