import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Command, Option } from "commander";
import { withoutRepeated } from "../test/support/hadoop/decoded-call.js";
import { textOfReleased } from "../test/support/hadoop/descriptor-lines.js";
import { writeCalls } from "../test/support/hadoop/recorded-frames.js";
import { FrameRecorder } from "./interop/frame-recorder.js";
import { runInterop } from "./interop/interop-run.js";
import { DEFAULT_CACHE, findRelease } from "./interop/release.js";
import { releasedDescriptors, writeReleasedCommands } from "./interop/released-descriptors.js";
import { RECORDED_STEPS } from "./interop/steps.js";

/** `npm run record-frames`: writes what the golden tests compare with. */
const FRAMES = fileURLToPath(new URL("../../test/golden/hadoop/frames.txt", import.meta.url));
const DESCRIPTORS = fileURLToPath(new URL("../../test/golden/hadoop/descriptors.txt", import.meta.url));
const COMMANDS = fileURLToPath(new URL("../../test/golden/hadoop/commands.txt", import.meta.url));
const { cache } = new Command("record-frames")
  .description(
    "Runs the steps 1 to 8 of `npm run interop` with the released SCM, and writes the frames of all calls " +
      "between it and the released programs to test/golden/hadoop, but for repeated heartbeats, and its " +
      "commands to datanodes.",
  )
  .addOption(
    new Option("--cache <dir>", "where the release is kept")
      .env("STRATA_INTEROP_CACHE")
      .default(DEFAULT_CACHE, "~/.cache/strata"),
  )
  .parse()
  .opts<{ readonly cache: string }>();

process.exit(await main());

async function main(): Promise<number> {
  const print = (line: string): void => console.log(line);
  const release = findRelease(cache, true, print);
  if (release.kind === "missing") {
    print(`skipped (${release.why})`);
    return 0;
  }
  writeFileSync(DESCRIPTORS, textOfReleased(releasedDescriptors(release.classpath)));
  writeReleasedCommands(release.classpath, COMMANDS);
  const recorder = new FrameRecorder();
  const { passed, failed } = await runInterop({
    steps: RECORDED_STEPS,
    classpath: release.classpath,
    withReference: true,
    record: false,
    recorder,
    keep: false,
    print,
  });
  const calls = withoutRepeated(recorder.calls);
  writeCalls(FRAMES, calls);
  print(`${calls.length} of ${recorder.calls.length} calls recorded`);
  print(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}
