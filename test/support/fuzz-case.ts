import { fail, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { StrataError } from "../../engine/core/errors.js";

/** Far above what any case takes, also on a busy machine; a quadratic reader would take longer. */
const CASE_MS_MAX = 500;

/** What `read` answers, or the code of the error that it throws: undefined when it takes `bytes`.
 * `checkRefusal` throws for errors that must not be. A failure shows the bytes, as a corpus file has them. */
export function outcomeOf(
  bytes: Uint8Array,
  read: (bytes: Uint8Array) => string | undefined,
  checkRefusal: (error: StrataError) => void,
): string | undefined {
  const startMs = performance.now();
  try {
    const code = refusalOf(() => read(bytes), checkRefusal);
    const tookMs = performance.now() - startMs;
    ok(tookMs < CASE_MS_MAX, `${bytes.length} bytes took ${tookMs} ms`);
    return code;
  } catch (error) {
    fail(`message ${Buffer.from(bytes).toString("hex")}: ${String(error)}`);
  }
}

function refusalOf(
  read: () => string | undefined,
  checkRefusal: (error: StrataError) => void,
): string | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof StrataError)) throw error;
    checkRefusal(error);
    return error.code;
  }
}

/** The lines `name: hex` of a corpus file, one for each message of a version. */
export function savedFrames(file: URL): Map<string, string> {
  const lines = readFileSync(file, "utf8").split("\n");
  return new Map(
    lines.filter((line) => line.includes(": ")).map((line) => line.split(": ") as [string, string]),
  );
}
