import { readFileSync, writeFileSync } from "node:fs";
import { Command, InvalidArgumentError } from "commander";
import { type Checked, checkHistory } from "../test/support/linearizability/check.js";
import { readHistory } from "../test/support/linearizability/history-file.js";
import { violationPage } from "../test/support/linearizability/html.js";
import { HistoryError } from "../test/support/linearizability/model.js";
import { reportLines } from "../test/support/linearizability/report.js";

/** `npm run linearizability -- FILE…`: whether what clients have seen can be explained by one thing that did
 * one call after the other. */
const program = new Command("linearizability")
  .description("Checks recorded histories. A file passes when every partition in it is linearizable.")
  .argument(
    "<files...>",
    "histories, a line of JSON each call (test/support/linearizability/history-file.ts)",
  )
  .option("--seconds <n>", "for each partition; what takes longer is not passed", seconds, 60)
  .parse();

const { seconds: secondsMax } = program.opts<{ seconds: number }>();
let failedCount = 0;
for (const file of program.args) {
  const isPassed = checkFile(file);
  if (!isPassed) failedCount++;
}
console.log(`${program.args.length - failedCount} passed, ${failedCount} failed`);
process.exit(failedCount === 0 ? 0 : 1);

function checkFile(file: string): boolean {
  let checked: readonly Checked[];
  try {
    checked = checkHistory(readHistory(readFileSync(file, "utf8")), { timeMsMax: secondsMax * 1000 });
  } catch (error) {
    if (!(error instanceof HistoryError) && !isSystemError(error)) throw error;
    console.log(`${file}: ${error.message}`);
    return false;
  }
  for (const line of reportLines(checked)) console.log(`${file}: ${line}`);
  const wrong = checked.find(({ result }) => result.verdict === "violation");
  if (wrong?.result.verdict === "violation") {
    writeFileSync(`${file}.html`, violationPage(wrong.partition, wrong.result.violation));
    console.log(`${file}: drawn in ${file}.html`);
  }
  return checked.every(({ result }) => result.verdict === "linearizable");
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error;
}

function seconds(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError("must be a number above 0");
}
