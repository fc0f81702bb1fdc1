import { fieldsOf, HistoryError, type Model, wholeNumberOf } from "./model.js";

export type RegisterValue = string | number | boolean;

export type RegisterOperation = { readonly write: RegisterValue } | { readonly read: true };

/** One value that is overwritten and read: a container's suppressed flag, the intent for a datanode. Its
 * state is the value as JSON, so that 1 and "1" differ. */
export const REGISTER: Model<string, RegisterOperation, string> = {
  name: "register",
  initialState: (value) => valueText(value),
  operation(value) {
    const { write, read } = fieldsOf(value, "the operation of a register");
    if (read === true && write === undefined) return { read };
    valueText(write);
    return { write: write as RegisterValue };
  },
  /** A write's answer says nothing. */
  answer: (value, operation) => ("write" in operation ? "" : valueText(value)),
  step(state, operation, answer) {
    if ("write" in operation) return valueText(operation.write);
    return answer === undefined || answer === state ? state : undefined;
  },
  isRead: (operation) => "read" in operation,
  callText(operation, answer) {
    if ("write" in operation) return `write ${valueText(operation.write)}`;
    return answer === undefined ? "read" : `read ${answer}`;
  },
  stateText: (state) => state,
};

function valueText(value: unknown): string {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
    return JSON.stringify(value);
  }
  throw new HistoryError(`${JSON.stringify(value)} is no value of a register`);
}

export interface Reservation {
  /** How many numbers. */
  readonly reserve: number;
}

/** Numbers that are given out in ranges: none twice, always ascending; some may be left out, as a new leader
 * leaves out what an old one has not used up. Its state is the lowest number that may come next, an answer
 * the first number of the range. */
export const SEQUENCE: Model<number, Reservation, number> = {
  name: "sequence",
  initialState: (value) => wholeNumberOf(value, "the first number"),
  operation: (value) => ({
    reserve: wholeNumberOf(fieldsOf(value, "a reservation")["reserve"], "reserve"),
  }),
  answer: (value) => wholeNumberOf(value, "the first number of a range"),
  step(state, { reserve }, answer) {
    // What nobody was given is the same as what was left out.
    if (answer === undefined) return state;
    return answer >= state ? answer + reserve : undefined;
  },
  isRead: () => false,
  callText: ({ reserve }, answer) => `reserve ${reserve}${answer === undefined ? "" : ` → from ${answer}`}`,
  stateText: (state) => `next ≥ ${state}`,
};

export type MembershipOperation =
  /** A change that is made if the version is this one. */
  { readonly change: number } | { readonly read: true };

export interface MembershipAnswer {
  /** Of the membership that is there now. */
  readonly version: number;
  /** The change was not made, for the version was another one. */
  readonly isRefused: boolean;
  /** As canonical text. */
  readonly members: string | undefined;
}

/** The membership of a group with its version, which grows by any amount with each change. The group changes
 * by itself, too: it promotes who has caught up. So versions never go back, one version is one membership,
 * and of the changes that were asked for at a version one is made at most.
 * State: a version, a space, and its members if they are known. Without them it is only a lower bound. */
export const MEMBERSHIP: Model<string, MembershipOperation, MembershipAnswer> = {
  name: "membership",
  initialState: (value) => `${wholeNumberOf(value, "the version")} `,
  operation(value) {
    const { change, read } = fieldsOf(value, "the operation of a membership");
    if (read === true && change === undefined) return { read };
    return { change: wholeNumberOf(change, "change") };
  },
  answer(value) {
    const { version, refused, members } = fieldsOf(value, "the answer of a membership");
    if (members !== undefined && typeof members !== "string") throw new HistoryError("members must be text");
    const isRefused = refused === true;
    return { version: wholeNumberOf(version, "the version"), isRefused, members };
  },
  step(state, operation, answer) {
    const [version, members] = versionAndMembers(state);
    if ("read" in operation) return answer === undefined ? state : seen(version, members, answer);
    const { change } = operation;
    if (answer?.isRefused === true) {
      return answer.version === change ? undefined : seen(version, members, answer);
    }
    if (version > change) return undefined;
    if (answer === undefined) return `${change + 1} `;
    return answer.version > change ? `${answer.version} ${answer.members ?? ""}` : undefined;
  },
  isRead: (operation, answer) => "read" in operation || answer?.isRefused === true,
  callText(operation, answer) {
    const asked = "read" in operation ? "read" : `change at ${operation.change}`;
    if (answer === undefined) return asked;
    const { version, isRefused, members = "" } = answer;
    return `${asked} → ${isRefused ? "refused: " : ""}${version} ${members}`.trimEnd();
  },
  stateText(state) {
    const [version, members] = versionAndMembers(state);
    return members === "" ? `version ≥ ${version}` : `version ${version} or more, ${version} is ${members}`;
  },
};

function versionAndMembers(state: string): readonly [number, string] {
  const end = state.indexOf(" ");
  return [Number(state.slice(0, end)), state.slice(end + 1)];
}

function seen(version: number, members: string, answer: MembershipAnswer): string | undefined {
  if (answer.version < version) return undefined;
  if (answer.version > version) return `${answer.version} ${answer.members ?? ""}`;
  const isOther = members !== "" && answer.members !== undefined && answer.members !== members;
  return isOther ? undefined : `${version} ${answer.members ?? members}`;
}

const MODELS: readonly Model[] = [REGISTER, SEQUENCE, MEMBERSHIP];

/** Throws a HistoryError when there is none of that name. */
export function modelNamed(name: unknown): Model {
  const model = MODELS.find((each) => each.name === name);
  if (model !== undefined) return model;
  throw new HistoryError(`no model is called ${JSON.stringify(name)}`);
}
