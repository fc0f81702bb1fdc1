import { AssertionError } from "../../../../engine/core/assert.js";

type Replaced = readonly [target: object, name: string];

const FORBIDDEN: readonly Replaced[] = [
  [Date, "now"],
  [Math, "random"],
  [performance, "now"],
  [process, "hrtime"],
  [globalThis, "setTimeout"],
  [globalThis, "setInterval"],
];

/** Runs `task` while every way to real time and real chance throws: whoever takes one would make runs of a
 * seed differ. The functions are put back when the task has settled. */
export async function withoutRealWorld<T>(task: () => Promise<T>): Promise<T> {
  const before = FORBIDDEN.map(([target, name]) => [target, name, Reflect.get(target, name)] as const);
  for (const [target, name] of FORBIDDEN) {
    Reflect.set(target, name, () => {
      throw new AssertionError(`${name} was used in a simulation`);
    });
  }
  try {
    return await task();
  } finally {
    for (const [target, name, original] of before) Reflect.set(target, name, original);
  }
}
