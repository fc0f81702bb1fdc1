import { workerData } from "node:worker_threads";
import { beginWrite, endWrite } from "../../../workers/shared/version-word.js";

/** Writes rows `version word, 0, n, n, n …` with rising n, for ever. */
const { buffer, fieldCount } = workerData as { buffer: SharedArrayBuffer; fieldCount: number };
const words = new Int32Array(buffer, 0, 2);
const fields = new Float64Array(buffer, 8, fieldCount);
for (let n = 1; ; n++) {
  beginWrite(words, 0);
  fields.fill(n);
  endWrite(words, 0);
  // Readers need whole rows now and then.
  for (let i = 0; i < n % 64; i++) fields[0] = n;
}
