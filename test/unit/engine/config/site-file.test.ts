import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseSiteFile, readSiteFile } from "../../../../engine/config/site-file.js";

function problemsOf(xml: string): readonly string[] {
  return parseSiteFile(xml).problems;
}

test("names, values and final are read with the line of their property", () => {
  const xml = `<?xml version="1.0"?>
<?xml-stylesheet type="text/xsl" href="configuration.xsl"?>
<!-- <property> in a comment -->
<configuration>
  <property><name>a.b</name><value> 1 &amp; &#65; </value></property>
  <property>
    <name> c </name>
    <description>text with <b>markup</b></description>
    <value><![CDATA[<x> &y;]]></value>
    <final>TRUE</final>
  </property>
  <property><name>empty</name><value/></property>
</configuration>`;
  assert.deepEqual(parseSiteFile(xml), {
    problems: [],
    properties: [
      { name: "a.b", value: "1 & A", final: false, line: 5 },
      { name: "c", value: "<x> &y;", final: true, line: 6 },
      { name: "empty", value: "", final: false, line: 12 },
    ],
  });
});

test("an empty configuration has no properties", () => {
  assert.deepEqual(parseSiteFile("<configuration></configuration>"), { problems: [], properties: [] });
  assert.deepEqual(parseSiteFile("<configuration/>"), { problems: [], properties: [] });
});

test("malformed XML is a problem that names the line", () => {
  assert.match(
    problemsOf("<configuration>\n<property>\n</configuration>")[0] ?? "",
    /^line 3: is not well-formed/,
  );
  assert.match(problemsOf("hello")[0] ?? "", /^line 1: is not well-formed/);
  assert.match(problemsOf("")[0] ?? "", /is not well-formed/);
});

test("a document type, entities and includes are refused with their line", () => {
  const bomb = `<!DOCTYPE lolz [<!ENTITY lol "lol">]>\n<configuration>&lol;</configuration>`;
  assert.deepEqual(problemsOf(bomb), ["line 1: has <!DOCTYPE, which is not supported"]);
  const entity = "<configuration>\n<property><name>a</name><value>&x;</value></property></configuration>";
  assert.deepEqual(problemsOf(entity), ["line 2: has an & that starts no known entity"]);
  const include = `<configuration>\n\n<xi:include href="x"/></configuration>`;
  assert.deepEqual(problemsOf(include), ["line 3: has <xi:include, which is not supported"]);
});

test("every property that makes no sense is a problem of its own; the others are kept", () => {
  const xml = `<configuration>
<property><value>1</value></property>
<property><name>a</name><name>b</name></property>
<property><name>good</name><value>1</value></property>
<propety><name>a</name></propety>
<property><name>a</name><vlaue>1</vlaue></property>
<property><name>a b</name></property>
</configuration>`;
  const { properties, problems } = parseSiteFile(xml);
  assert.deepEqual(problems, [
    "line 2: a <property> without <name>",
    "line 3: two <name> in a <property>",
    "line 5: <propety> where <property> is expected",
    "line 6: <vlaue> in a <property>",
    'line 7: the name "a b" holds a space or =',
  ]);
  assert.deepEqual(
    properties.map(({ name }) => name),
    ["good"],
  );
});

test("a root of another name, or several, is refused", () => {
  assert.deepEqual(problemsOf("<config/>"), ["must hold one <configuration> element"]);
  assert.equal(problemsOf("<configuration/><configuration/>").length, 1);
});

test("deeply nested elements end in an answer, not in a crash", () => {
  const depth = 20_000;
  const { problems } = parseSiteFile(
    `<configuration>${"<a>".repeat(depth)}${"</a>".repeat(depth)}</configuration>`,
  );
  assert.deepEqual(problems.length, 1);
});

test("a missing file is a problem", () => {
  assert.match(readSiteFile("/nonexistent/ozone-site.xml").problems[0] ?? "", /cannot be read: ENOENT/);
});

test("no file makes the reader throw, and what a writer escapes reads back", () => {
  const piece = fc.oneof(
    fc.constantFrom("<configuration>", "</configuration>", "<property>", "</property>", "<name>", "</name>"),
    fc.constantFrom("<value>", "</value>", "<!--", "-->", "<![CDATA[", "]]>", "&amp;", "<?x ?>", "\n"),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      assert.ok(Array.isArray(problemsOf(pieces.join(""))));
    }),
  );
  const name = fc.stringMatching(/^[a-z][a-z.]{0,20}$/);
  fc.assert(
    fc.property(name, fc.stringMatching(/^[\x21-\x7e]{0,20}$/), (key, value) => {
      const escaped = value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
      const property = `<property><name>${key}</name><value>${escaped}</value></property>`;
      const { properties, problems } = parseSiteFile(`<configuration>${property}</configuration>`);
      assert.deepEqual([problems, properties[0]?.name, properties[0]?.value], [[], key, value]);
    }),
  );
});
