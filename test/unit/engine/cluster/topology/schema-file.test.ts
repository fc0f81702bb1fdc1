import assert from "node:assert/strict";
import { test } from "node:test";
import {
  completedPath,
  DEFAULT_SCHEMA,
  NODEGROUP_SCHEMA,
  type TopologySchema,
} from "../../../../../engine/cluster/topology/schema.js";
import { schemaOf } from "../../../../../engine/cluster/topology/schema-file.js";
import { parseXml } from "../../../../../engine/config/xml.js";

const ROOT = layer("datacenter", "<prefix></prefix><cost>1</cost><type>Root</type>");
const RACK = layer(
  "rack",
  "<prefix>rack</prefix><cost>1</cost><type>InnerNode</type><default>/default-rack</default>",
);
const GROUP = layer(
  "nodegroup",
  "<prefix>ng</prefix><cost>1</cost><type>InnerNode</type><default>/default-nodegroup</default>",
);
const LEAF = layer("node", "<prefix></prefix><cost>0</cost><type>Leaf</type>");

function layer(id: string, fields: string): string {
  return `<layer id="${id}">${fields}</layer>`;
}

interface Parts {
  version?: string;
  layers?: string;
  path?: string;
  enforce?: string;
  topology?: string;
  more?: string;
}

function xmlOf(parts: Parts = {}): string {
  const { version = "<layoutversion>1</layoutversion>", layers = ROOT + RACK + LEAF, more = "" } = parts;
  const { path = "/datacenter/rack/node", enforce = "false" } = parts;
  const paths = `<path>${path}</path><enforceprefix>${enforce}</enforceprefix>`;
  const { topology = `<topology>${paths}</topology>` } = parts;
  return `<configuration>${version}<layers>${layers}</layers>${topology}${more}</configuration>`;
}

function read(xml: string): TopologySchema | readonly string[] {
  const elements = parseXml(xml);
  assert(typeof elements !== "string", String(elements));
  return schemaOf(elements);
}

test("the files that Ozone brings give the built-in schemas", () => {
  assert.deepEqual(read(`<?xml version="1.0"?>\n<!-- levels -->\n${xmlOf()}`), DEFAULT_SCHEMA);
  const layers = ROOT + RACK + GROUP + LEAF;
  assert.deepEqual(read(xmlOf({ layers, path: "/datacenter/rack/nodegroup/node" })), NODEGROUP_SCHEMA);
});

test("layers may stand in any order, types in any case; a cost that is left out is 0", () => {
  const layers = LEAF + layer("r", "<type>INNERNODE</type>") + layer("top", "<type>root</type>");
  const schema = read(xmlOf({ layers, path: "/top/r/node/" }));
  assert("levels" in schema);
  assert.deepEqual(
    schema.levels.map(({ id, cost }) => [id, cost]),
    [
      ["top", 0],
      ["r", 0],
      ["node", 0],
    ],
  );
});

const LAYERS = ROOT + RACK + LEAF;
const REFUSED: readonly [string, string, RegExp][] = [
  ["another top element", "<topologies/>", /must hold one <configuration>/],
  ["no version", xmlOf({ version: "" }), /lacks <layoutversion>/],
  ["two versions", xmlOf({ more: "<layoutversion>1</layoutversion>" }), /a second <layoutversion>/],
  ["another version", xmlOf({ version: "<layoutversion>2</layoutversion>" }), /must be 1, not "2"/],
  ["no layers", "<configuration><layoutversion>1</layoutversion></configuration>", /lacks <layers>/],
  ["no topology", xmlOf({ topology: "" }), /lacks <topology>/],
  ["two topologies", xmlOf({ more: "<topology/>" }), /a second <topology>/],
  ["an unknown section", xmlOf({ more: "<extra/>" }), /<extra> is not known in <configuration>/],
  ["no root", xmlOf({ layers: RACK + LEAF }), /0 layers have the type Root/],
  ["two roots", xmlOf({ layers: LAYERS + layer("b", "<type>Root</type>") }), /2 layers have the type Root/],
  ["no leaf", xmlOf({ layers: ROOT + RACK }), /0 layers have the type Leaf/],
  ["two leaves", xmlOf({ layers: LAYERS + layer("b", "<type>Leaf</type>") }), /2 layers have the type Leaf/],
  ["no type", xmlOf({ layers: LAYERS + layer("b", "<cost>1</cost>") }), /layer "b" has no type/],
  ["an unknown type", xmlOf({ layers: LAYERS + layer("b", "<type>x</type>") }), /has the type "x"/],
  ["a negative cost", xmlOf({ layers: LAYERS + layer("b", "<cost>-1</cost>") }), /has the cost "-1"/],
  ["a broken cost", xmlOf({ layers: LAYERS + layer("b", "<cost>1.5</cost>") }), /has the cost "1.5"/],
  [
    "an unknown field",
    xmlOf({ layers: LAYERS + layer("b", "<prize/>") }),
    /<prize> is not known in a <layer>/,
  ],
  [
    "a second field",
    xmlOf({ layers: ROOT + RACK + layer("n", "<type>Leaf</type><type/>") }),
    /a second <type>/,
  ],
  ["another element", xmlOf({ layers: `${LAYERS}<level/>` }), /<level> is not known in <layers>/],
  ["a layer without id", xmlOf({ layers: `${LAYERS}<layer/>` }), /<layer> without id/],
  ["a layer twice", xmlOf({ layers: LAYERS + RACK }), /a second layer "rack"/],
  [
    "no path",
    xmlOf({ topology: "<topology><enforceprefix>true</enforceprefix></topology>" }),
    /lacks <path>/,
  ],
  ["no enforceprefix", xmlOf({ topology: "<topology><path>/x</path></topology>" }), /lacks <enforceprefix>/],
  ["an empty path", xmlOf({ path: " " }), /<path> is empty/],
  ["an empty enforceprefix", xmlOf({ enforce: "" }), /<enforceprefix> is empty/],
  ["a broken enforceprefix", xmlOf({ enforce: "yes" }), /it must be true or false/],
  [
    "an unknown element",
    xmlOf({ topology: "<topology><paths/></topology>" }),
    /<paths> is not known in <topology>/,
  ],
  ["a short path", xmlOf({ path: "/datacenter/node" }), /<path> has 2 levels, <layers> 3/],
  ["a path of two levels", xmlOf({ layers: ROOT + LEAF, path: "/datacenter/node" }), /it must have 3 to/],
  ["a path without /", xmlOf({ path: "datacenter/rack/node" }), /must start with \//],
  ["an unknown layer", xmlOf({ path: "/datacenter/row/node" }), /names "row", which is no layer/],
  ["a layer twice in the path", xmlOf({ path: "/datacenter/rack/rack" }), /names "rack" twice/],
  ["a path without its root first", xmlOf({ path: "/rack/datacenter/node" }), /must begin with the Root/],
  ["a path without its leaf last", xmlOf({ path: "/datacenter/node/rack" }), /end with the Leaf/],
  [
    "prefixes enforced without one",
    xmlOf({ layers: ROOT + layer("rack", "<type>InnerNode</type>") + LEAF, enforce: "true" }),
    /layer "rack" has no prefix/,
  ],
];

for (const [name, xml, expected] of REFUSED) {
  test(`refused with its line and what to do: ${name}`, () => {
    const problems = read(xml);
    assert(!("levels" in problems), "was taken");
    assert(
      problems.some((problem) => expected.test(problem)),
      problems.join("\n"),
    );
    if (name !== "another top element") for (const problem of problems) assert.match(problem, /^line 1: /);
  });
}

test("all problems are told at once, each with its line", () => {
  const xml = `<configuration>
  <layers>
    <layer id="a"><type>Root</type><cost>-3</cost></layer>
    <layer id="b"><type>Lea</type></layer>
  </layers>
  <topology>
    <path>/a/c</path>
    <enforceprefix/>
  </topology>
</configuration>`;
  const problems = read(xml) as readonly string[];
  const lines = problems.map((problem) => Number(/^line (\d+): /.exec(problem)?.[1]));
  for (const line of [1, 2, 3, 4, 7, 8]) assert(lines.includes(line), `line ${line}: ${problems.join("\n")}`);
});

test("paths are completed by default names where a name has not the prefix of its level", () => {
  const schema = { ...NODEGROUP_SCHEMA, enforcesPrefix: true };
  const completed: Readonly<Record<string, string | undefined>> = {
    "/node1": "/default-rack/default-nodegroup/node1",
    "/rack1/node1": "/rack1/default-nodegroup/node1",
    "/RACK1/node1": "/RACK1/default-nodegroup/node1",
    "/ng1/node1": "/default-rack/ng1/node1",
    "/rack1/ng1/node1": "/rack1/ng1/node1",
    "/a/b/c": "/a/b/c",
    "/row1/node1": undefined,
    "/rack1": undefined,
    "/a/b/c/d": undefined,
    node1: undefined,
    "": undefined,
  };
  for (const [path, expected] of Object.entries(completed))
    assert.equal(completedPath(schema, path), expected, path);
  assert.equal(completedPath(NODEGROUP_SCHEMA, "/node1"), undefined, "prefixes are not enforced");
});
