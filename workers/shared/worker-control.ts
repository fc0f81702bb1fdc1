import { layout } from "./layout.js";

/** Words beside the two rings of a worker, one buffer per worker. */
export const WORKER_CONTROL = layout({
  name: "worker control",
  rowBytes: 64,
  writer: "main",
  readers: "the worker",
  fields: {
    stop: { type: "i32", offset: 0, doc: "1 = finish what was published, then return" },
    postedCount: { type: "i32", offset: 4, doc: "control messages posted so far" },
  },
});

export const CONTROL_WORD = {
  STOP: WORKER_CONTROL.fields.stop.offset / 4,
  POSTED_COUNT: WORKER_CONTROL.fields.postedCount.offset / 4,
} as const;
