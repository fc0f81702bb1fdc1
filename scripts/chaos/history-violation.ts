import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Checked } from "../../test/support/linearizability/check.js";
import { writeHistory } from "../../test/support/linearizability/history-file.js";
import { violationPage } from "../../test/support/linearizability/html.js";
import { reportLines } from "../../test/support/linearizability/report.js";

/** What clients have seen cannot be explained, or nobody could find out in time. */
export class HistoryViolation extends Error {
  override readonly name = "HistoryViolation";
  readonly #checked: readonly Checked[];

  constructor(checked: readonly Checked[]) {
    super(`the history is not linearizable: ${reportLines(checked).join("\n")}`);
    this.#checked = checked;
  }

  /** Writes the history, and a page that shows the first violation. */
  keep(directory: string): void {
    const partitions = this.#checked.map(({ partition }) => partition);
    writeFileSync(join(directory, "history.jsonl"), writeHistory(partitions));
    for (const { partition, result } of this.#checked) {
      if (result.verdict !== "violation") continue;
      writeFileSync(join(directory, "violation.html"), violationPage(partition, result.violation));
      return;
    }
  }
}
