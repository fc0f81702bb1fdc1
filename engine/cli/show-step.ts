import type { RecoveryStep } from "../storage/recovered.js";
import type { CommandIo } from "./io.js";

/** Shows how far the reading of an SCM's directories is. */
export function showStep(io: CommandIo): (step: RecoveryStep) => void {
  return ({ name, count, isDone }) => io.progress(`${name}: ${count}${isDone ? "" : " …"}`);
}
