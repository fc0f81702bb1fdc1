/** Unchanged lines that are shown before and after a change. */
const CONTEXT_LINES = 3;
/** Beyond it a difference is shown as one block: cells of the table below. */
const TABLE_CELLS_MAX = 4_000_000;

/** What turns `expected` into `actual`, line by line: `-` only expected, `+` only there, a space both, `…`
 * for unchanged lines that are left out. */
export function lineDiff(expected: string, actual: string): string {
  const lines = changedLines(linesOf(expected), linesOf(actual));
  const isShown = lines.map((_, i) =>
    lines.slice(Math.max(0, i - CONTEXT_LINES), i + CONTEXT_LINES + 1).some((line) => !line.startsWith(" ")),
  );
  return lines.map((line, i) => (isShown[i] ? `${line}\n` : isShown[i - 1] || i === 0 ? "…\n" : "")).join("");
}

function linesOf(text: string): string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

function changedLines(expected: readonly string[], actual: readonly string[]): string[] {
  const same = (line: string): string => ` ${line}`;
  const lost = (line: string): string => `-${line}`;
  const added = (line: string): string => `+${line}`;
  if (expected.length * actual.length > TABLE_CELLS_MAX) return [...expected.map(lost), ...actual.map(added)];
  // common[i][j]: length of the longest common subsequence of what follows line i and line j.
  const width = actual.length + 1;
  const common = new Uint32Array((expected.length + 1) * width);
  const at = (i: number, j: number): number => common[i * width + j] as number;
  for (let i = expected.length - 1; i >= 0; i--) {
    for (let j = actual.length - 1; j >= 0; j--) {
      common[i * width + j] =
        expected[i] === actual[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: string[] = [];
  let [i, j] = [0, 0];
  while (i < expected.length || j < actual.length) {
    if (i < expected.length && expected[i] === actual[j]) {
      lines.push(same(expected[i++] as string));
      j++;
    } else if (i < expected.length && (j === actual.length || at(i + 1, j) >= at(i, j + 1))) {
      lines.push(lost(expected[i++] as string));
    } else {
      lines.push(added(actual[j++] as string));
    }
  }
  return lines;
}
