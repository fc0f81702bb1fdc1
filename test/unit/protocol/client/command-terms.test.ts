import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import type { CommandType } from "../../../../engine/core/enums.js";
import { COMMAND_QUEUE_LIMIT, CommandTerms } from "../../../../protocol/client/command-terms.js";
import type { Command } from "../../../../protocol/schema/records.js";

let lastId = 0;
function command(term: number, type: CommandType = "closeContainerCommand", deadlineMs = 0): Command {
  return { type, commandId: ++lastId, term, deadlineMs };
}

function taken(terms: CommandTerms): Command[] {
  const commands: Command[] = [];
  for (let next = terms.next(); next !== undefined; next = terms.next()) commands.push(next);
  return commands;
}

test("commands are held until a majority of the SCMs has the datanode registered", () => {
  const terms = new CommandTerms();
  const first = command(5);
  terms.push([first]);
  for (const [count, of] of [
    [0, 3],
    [1, 3],
    [2, 4],
    [2, 5],
  ] as const) {
    terms.registered(count, of);
    deepEqual(taken(terms), [], `${count} of ${of}`);
  }
  equal(terms.length, 1);
  terms.registered(2, 3);
  deepEqual(taken(terms), [first]);
});

test("one SCM is its own majority", () => {
  const terms = new CommandTerms();
  terms.registered(1, 1);
  const first = command(5);
  terms.push([first]);
  deepEqual(taken(terms), [first]);
});

test("the first term is the highest of all that wait: an older leader's commands do not count", () => {
  const terms = new CommandTerms();
  const [old, newer] = [command(4), command(5)];
  terms.push([old]);
  terms.push([newer]);
  terms.registered(2, 3);
  deepEqual(taken(terms), [newer]);
  deepEqual(terms.counters, { run: 1, stale: 1, late: 0, discarded: 0 });
});

test("once a term is known commands run though fewer SCMs are there", () => {
  const terms = new CommandTerms();
  terms.registered(2, 3);
  terms.push([command(5)]);
  taken(terms);
  terms.registered(0, 3);
  const next = command(5);
  terms.push([next]);
  deepEqual(taken(terms), [next]);
});

test("an empty queue fixes nothing: what comes first is held by what is registered then", () => {
  const terms = new CommandTerms();
  terms.registered(3, 3);
  deepEqual(taken(terms), []);
  terms.registered(1, 3);
  terms.push([command(5)]);
  deepEqual(taken(terms), []);
});

test("the highest term rises with commands and with answers, and lower commands are dropped", () => {
  const terms = new CommandTerms();
  terms.registered(3, 3);
  const a = command(5);
  terms.push([a]);
  deepEqual(taken(terms), [a]);
  terms.push([command(4)]);
  deepEqual(taken(terms), [], "of a deposed leader");
  terms.push([command(5)]);
  terms.answered(6);
  deepEqual(taken(terms), [], "the answer of a newer leader came before it ran");
  equal(terms.termSeen, 6);
  terms.answered(0);
  terms.answered(5);
  equal(terms.termSeen, 6, "followers say no term, and no term lowers it");
  const b = command(6);
  terms.push([b, command(5)]);
  deepEqual(taken(terms), [b]);
});

test("a newer leader's answer counts before any command was run", () => {
  const terms = new CommandTerms();
  terms.push([command(5)]);
  terms.answered(6);
  terms.registered(3, 3);
  deepEqual(taken(terms), []);
});

test("deletes, replications and reconstructions look at term and deadline again when they begin", () => {
  const checked: CommandType[] = [
    "deleteContainerCommand",
    "replicateContainerCommand",
    "reconstructECContainersCommand",
  ];
  for (const type of checked) {
    const terms = new CommandTerms();
    terms.registered(1, 1);
    terms.push([command(5, type, 1000), command(5, type)]);
    const [timed, untimed] = taken(terms) as [Command, Command];
    equal(terms.mayStart(timed, 1000), true, type);
    equal(terms.mayStart(timed, 1001), false, type);
    equal(terms.mayStart(untimed, 9e15), true, type);
    terms.answered(6);
    equal(terms.mayStart(timed, 1000), false, type);
    equal(terms.mayStart(untimed, 1000), false, type);
    deepEqual([terms.counters.late, terms.counters.stale], [1, 2]);
  }
  const terms = new CommandTerms();
  terms.registered(1, 1);
  terms.push([command(5, "closeContainerCommand", 1000)]);
  const [close] = taken(terms) as [Command];
  terms.answered(6);
  equal(terms.mayStart(close, 2000), true, "other commands run once they were given out");
});

test("the queue has a limit, and what is discarded still tells its term", () => {
  const terms = new CommandTerms(2);
  terms.push([command(5, "deleteContainerCommand"), command(5), command(6)]);
  equal(terms.length, 2);
  equal(terms.counters.discarded, 1);
  equal(terms.termSeen, 6);
  terms.registered(1, 1);
  deepEqual(taken(terms), []);
  equal(COMMAND_QUEUE_LIMIT, 5000);
});

test("the counts for the command-queue report follow the queue", () => {
  const terms = new CommandTerms();
  terms.push([command(5, "deleteContainerCommand"), command(5, "deleteContainerCommand"), command(5)]);
  deepEqual(
    [...terms.counts()],
    [
      ["deleteContainerCommand", 2],
      ["closeContainerCommand", 1],
    ],
  );
  terms.registered(1, 1);
  terms.next();
  deepEqual(
    [...terms.counts()],
    [
      ["deleteContainerCommand", 1],
      ["closeContainerCommand", 1],
    ],
  );
  taken(terms);
  deepEqual([...terms.counts()], []);
});
