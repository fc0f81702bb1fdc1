import type { PipelineState } from "../../core/enums.js";

/** States that a pipeline is put into without ending it, by PIPELINE_STATE. */
export const SETTABLE_PIPELINE_STATE = { OPEN: 2, DORMANT: 3 } as const;
export type SettablePipelineState = keyof typeof SETTABLE_PIPELINE_STATE;

const FROM: Readonly<Record<SettablePipelineState, readonly PipelineState[]>> = {
  OPEN: ["ALLOCATED", "DORMANT"],
  DORMANT: ["OPEN"],
};

/** Whether a pipeline may go from one state into the other, another one (spec 03 §3, §20 rule 1). What is
 * closed stays closed. */
export function mayEnter(to: SettablePipelineState, from: PipelineState): boolean {
  return FROM[to].includes(from);
}
