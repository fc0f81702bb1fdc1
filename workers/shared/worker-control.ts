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
    threadId: {
      type: "i32",
      offset: 8,
      doc: "the kernel's number of the thread, 0 = not known; by the worker",
    },
  },
});

export const CONTROL_WORD = {
  STOP: WORKER_CONTROL.fields.stop.offset / 4,
  POSTED_COUNT: WORKER_CONTROL.fields.postedCount.offset / 4,
  THREAD_ID: WORKER_CONTROL.fields.threadId.offset / 4,
} as const;
