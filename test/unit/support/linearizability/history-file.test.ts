import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { checkHistory } from "../../../support/linearizability/check.js";
import { HistoryRecorder } from "../../../support/linearizability/history.js";
import { readHistory, writeHistory } from "../../../support/linearizability/history-file.js";
import { violationPage } from "../../../support/linearizability/html.js";
import { reportLines } from "../../../support/linearizability/report.js";

const HEAD = '{"partition":"container 7","model":"register","initial":false}';

describe("a recorder", () => {
  test("keeps the order of what happens while the clock stands still", () => {
    const recorder = new HistoryRecorder(() => 5);
    recorder.declare("a", "register", 0);
    recorder.invoke(1, "a", { write: 1 }).returned();
    recorder.invoke(2, "a", { read: true }).returned(0);
    assert.equal(checkHistory(recorder.partitions)[0]?.result.verdict, "violation");
  });

  test("leaves out what was refused, and keeps what has no answer", () => {
    const recorder = new HistoryRecorder(() => performance.now());
    recorder.declare("a", "register", 0);
    recorder.invoke(1, "a", { write: 1 }).refused();
    recorder.invoke(2, "a", { write: 2 });
    recorder.invoke(3, "a", { read: true }).returned(2);
    const [partition] = recorder.partitions;
    assert.deepEqual(
      partition?.calls.map(({ client, answer, returnedAt }) => [client, answer, returnedAt === undefined]),
      [
        [2, undefined, true],
        [3, 2, false],
      ],
    );
    assert.equal(checkHistory(recorder.partitions)[0]?.result.verdict, "linearizable");
  });
});

describe("a history file", () => {
  test("gives back what was written", () => {
    const recorder = new HistoryRecorder(() => performance.now());
    recorder.declare("container 7", "register", false);
    recorder.declare("sessions", "sequence", 1);
    recorder.invoke("a", "container 7", { write: true }).returned();
    recorder.invoke(2, "sessions", { reserve: 1 }).returned(1);
    recorder.invoke(2, "container 7", { read: true });
    const text = writeHistory(recorder.partitions);
    assert.deepEqual(readHistory(text), JSON.parse(JSON.stringify(recorder.partitions)).map(withReturned));
    assert.equal(text.split("\n").length, 6);
  });

  const refused = (name: string, line: string, message: RegExp): void => {
    test(`is refused: ${name}`, () => {
      const read = () => checkHistory(readHistory(`${HEAD}\n${line}\n`));
      assert.throws(read, { name: "HistoryError", message });
    });
  };
  const call = (more: string): string => `{"partition":"container 7","client":1,${more}}`;
  refused("no JSON", "what", /^line 2: /);
  refused("a list", "[]", /^line 2: a line must be an object/);
  refused("declared twice", HEAD, /^line 2: container 7 was declared before/);
  refused("not declared", '{"partition":"x","client":1}', /^line 2: x was not declared/);
  refused("no time", call('"operation":{"read":true}'), /^line 2: invoked must be a number/);
  refused("no operation", call('"invoked":1'), /^line 2: an operation is missing/);
  refused(
    "no answer to a read",
    call('"invoked":1,"returned":2,"operation":{"read":true}'),
    /no value of a reg/,
  );
  refused(
    "an answer before the call",
    call('"invoked":2,"returned":1,"operation":{"write":1}'),
    /its answer at 1/,
  );
  refused("an unknown operation", call('"invoked":1,"operation":{"swap":1}'), /no value of a register/);
  refused("an unknown model", '{"partition":"b","model":"queue"}', /no model is called "queue"/);
});

/** A call without an answer has the field all the same. */
function withReturned(partition: { calls: object[] }): object {
  return { ...partition, calls: partition.calls.map((call) => ({ returnedAt: undefined, ...call })) };
}

describe("a violation", () => {
  const recorder = new HistoryRecorder(() => performance.now());
  recorder.declare("container <7>", "register", false);
  recorder.invoke(1, "container <7>", { write: true }).returned();
  const unknown = recorder.invoke(4, "container <7>", { write: false });
  recorder.invoke(2, "container <7>", { read: true }).returned(false);
  recorder.invoke(3, "container <7>", { read: true }).returned(true);
  recorder.invoke(3, "container <7>", { read: true }).returned(false);
  void unknown;
  const checked = checkHistory(recorder.partitions);

  test("is told with the answer that cannot be explained and the state that it met", () => {
    const text = reportLines(checked).join("\n");
    assert.match(text, /5 calls in 1 partitions/);
    assert.match(text, /container <7> \(register\) is not linearizable: of its first 4 calls/);
    assert.match(text, /client 3: read true .* cannot be explained\./);
    assert.match(text, /client 2: read false .* then false\n/);
    assert.match(text, /None of these can come next:\n {2}client 3: read true /);
  });

  test("is drawn on a page that needs nothing else", () => {
    const [first] = checked;
    assert.ok(first?.result.verdict === "violation");
    const page = violationPage(first.partition, first.result.violation);
    assert.match(page, /<svg .*<title>client 3: read true/s);
    assert.equal(page.match(/<rect /g)?.length, 4);
    assert.equal(page.match(/class="culprit"/g)?.length, 1);
    assert.match(page, /container &lt;7&gt;/);
    assert.doesNotMatch(page, /(src|href)=/);
  });
});
