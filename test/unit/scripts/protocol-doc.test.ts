import { deepEqual, ok } from "node:assert/strict";
import { test } from "node:test";
import { OPERATIONS } from "../../../protocol/schema/messages.js";
import { renderProtocolDoc } from "../../../scripts/protocol-doc.js";
import { MESSAGES } from "../../support/message-arbitrary.js";

const DOC = renderProtocolDoc();

test("every operation has its number, its paths and both of its messages on the page", () => {
  for (const [name, { op, paths, request, response }] of Object.entries(OPERATIONS)) {
    ok(DOC.includes(`| ${op} | [${name}](#${name.toLowerCase()}) | ${paths.join(" ")} |`), name);
    ok(DOC.includes(`### ${name}\n\nOp ${op}. **${request.name}**: `), name);
    ok(DOC.includes(`**${response.name}**: `), name);
  }
});

test("every field of a message has a row with its place, type, version and meaning", () => {
  for (const { schema } of MESSAGES) {
    Object.entries(schema.fields).forEach(([name, field], i) => {
      const rows = DOC.split("\n").filter((line) => line.startsWith(`| ${i} | ${name} | `));
      ok(
        rows.some((row) => row.includes(` | ${field.since} | ${field.doc}`)),
        `${schema.name}.${name}`,
      );
    });
  }
});

test("a limit, a unit and an enumeration are told where they apply", () => {
  ok(DOC.includes("| 1 | clientName | text ≤ 255 |  | 1 |"));
  ok(DOC.includes("| 3 | commandCounts | list ≤ 64 of [CommandCount](#commandcount), optional |"));
  ok(DOC.includes("| 2 | capacity | count | bytes | 1 |"));
  ok(DOC.includes("### OperationalState\n\n| number | name |\n| --: | --- |\n| 1 | IN_SERVICE |"));
  ok(DOC.includes("1 CONTAINER_FULL, 2 CONTAINER_UNHEALTHY"));
});

test("links on the page lead to its headings, and no heading stands twice", () => {
  const headings = [...DOC.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) => title.toLowerCase());
  const anchors = headings.map((title) => title.replaceAll(" ", "-"));
  deepEqual(anchors.length, new Set(anchors).size);
  for (const [, target = ""] of DOC.matchAll(/\]\(#([^)]+)\)/g)) ok(anchors.includes(target), target);
});
