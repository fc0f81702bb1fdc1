import { readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { MIB } from "./fields.js";

/** An element of a configuration file. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlElement[];
  /** Its own, trimmed, without that of its children. */
  readonly text: string;
  /** Where it begins, from 1. */
  readonly line: number;
}

const FILE_BYTES_MAX = 4 * MIB;
const require = createRequire(import.meta.url);
const ATTRIBUTES = ":@";
const ATTRIBUTE_PREFIX = "@_";

/** An element as the parser gives it: one property named after the tag, holding its children; its attributes;
 * and its place. */
type Parsed = Readonly<Record<string | symbol, unknown>>;

/** The elements at the top of a file, or why it cannot be read. Never throws. */
export function readXmlFile(path: string): readonly XmlElement[] | string {
  try {
    if (statSync(path).size > FILE_BYTES_MAX) return "is larger than 4MB";
    return parseXml(readFileSync(path, "utf8"));
  } catch (error) {
    return `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** The elements at the top of a text, or why it is no XML that is allowed here. */
export function parseXml(xml: string): readonly XmlElement[] | string {
  const markup = blankCommentsAndCdata(xml);
  const forbidden =
    /<!(?:DOCTYPE|ENTITY)|<(?:\w+:)?include\b|&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[\da-fA-F]+);)/i.exec(markup);
  if (forbidden !== null) {
    const what =
      forbidden[0] === "&" ? "an & that starts no known entity" : `${forbidden[0]}, which is not supported`;
    return `line ${lineAt(xml, forbidden.index)}: has ${what}`;
  }
  // Loaded with the first file: most commands read none.
  const { XMLParser, XMLValidator } = require("fast-xml-parser") as typeof import("fast-xml-parser");
  const valid = XMLValidator.validate(xml);
  if (valid !== true) return describeInvalid(xml, valid.err);
  const options = {
    preserveOrder: true,
    captureMetaData: true,
    parseTagValue: false,
    htmlEntities: true,
    ignoreAttributes: false,
    attributeNamePrefix: ATTRIBUTE_PREFIX,
  };
  try {
    const roots = new XMLParser(options).parse(xml) as readonly Parsed[];
    return elementsOf(roots, new LineCounter(xml));
  } catch (error) {
    return `is refused: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function describeInvalid(xml: string, error: { readonly msg: string; readonly line: number }): string {
  // For elements that are never closed the validator has only a list of them, without a line.
  const open = /^Invalid '(\[.*\])' found/s
    .exec(error.msg)?.[1]
    ?.match(/[\w:.-]+/g)
    ?.at(-1);
  if (open === undefined) return `line ${error.line}: is not well-formed XML: ${error.msg}`;
  return `line ${lineAt(xml, xml.length)}: is not well-formed XML: ends before </${open}>`;
}

/** Without texts and processing instructions. */
function elementsOf(parsed: readonly Parsed[], lines: LineCounter): XmlElement[] {
  const elements: XmlElement[] = [];
  for (const part of parsed) {
    const name = Object.keys(part).find((key) => key !== ATTRIBUTES) ?? "";
    if (name === "#text" || name.startsWith("?")) continue;
    const line = lines.at(startOf(part));
    const content = Array.isArray(part[name]) ? (part[name] as readonly Parsed[]) : [];
    const text = content.map((inner) => String(inner["#text"] ?? "")).join("");
    const attributes = attributesOf(part);
    elements.push({ name, attributes, children: elementsOf(content, lines), text: text.trim(), line });
  }
  return elements;
}

function attributesOf(part: Parsed): ReadonlyMap<string, string> {
  const attributes = Object.entries((part[ATTRIBUTES] as Readonly<Record<string, unknown>>) ?? {});
  return new Map(attributes.map(([name, value]) => [name.slice(ATTRIBUTE_PREFIX.length), String(value)]));
}

function startOf(part: Parsed): number {
  const [metadata] = Object.getOwnPropertySymbols(part);
  const place = metadata === undefined ? undefined : (part[metadata] as { readonly startIndex?: number });
  return place?.startIndex ?? 0;
}

/** Lines of offsets that ascend. */
class LineCounter {
  readonly #text: string;
  #offset = 0;
  #line = 1;

  constructor(text: string) {
    this.#text = text;
  }

  at(offset: number): number {
    for (; this.#offset < offset; this.#offset++) if (this.#text[this.#offset] === "\n") this.#line++;
    return this.#line;
  }
}

function lineAt(text: string, offset: number): number {
  return new LineCounter(text).at(offset);
}

/** The same text with comments and CDATA sections as spaces, so that offsets and lines stay. */
function blankCommentsAndCdata(xml: string): string {
  return xml.replace(/<!--[\s\S]*?-->|<!\[CDATA\[[\s\S]*?\]\]>/g, (part) => part.replace(/[^\n]/g, " "));
}
