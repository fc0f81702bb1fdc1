import { readFileSync, statSync } from "node:fs";
import { XMLParser, XMLValidator } from "fast-xml-parser";
import { MIB } from "./fields.js";

/** One `<property>` of a site file. */
export interface SiteProperty {
  readonly name: string;
  /** Trimmed; empty = not set. */
  readonly value: string;
  /** Nothing may override it. */
  readonly final: boolean;
  /** Where it begins, from 1. */
  readonly line: number;
}

export interface SiteFile {
  readonly properties: readonly SiteProperty[];
  /** Each with its line; when the file is no XML at all, that is the only one. */
  readonly problems: readonly string[];
}

const FILE_BYTES_MAX = 4 * MIB;
const KNOWN_TAGS = new Set(["name", "value", "final", "description", "tag", "source"]);

/** An element as the parser gives it: one property named after the tag, holding its children; plus its
 * place. */
type Element = Readonly<Record<string | symbol, unknown>>;

/** Reads a file in the form of Hadoop's `*-site.xml`. Never throws: an unreadable or malformed file is a
 * problem. */
export function readSiteFile(path: string): SiteFile {
  try {
    if (statSync(path).size > FILE_BYTES_MAX) return broken("is larger than 4MB");
    return parseSiteFile(readFileSync(path, "utf8"));
  } catch (error) {
    return broken(`cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export function parseSiteFile(xml: string): SiteFile {
  const markup = blankCommentsAndCdata(xml);
  const forbidden =
    /<!(?:DOCTYPE|ENTITY)|<(?:\w+:)?include\b|&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[\da-fA-F]+);)/i.exec(markup);
  if (forbidden !== null) {
    const what =
      forbidden[0] === "&" ? "an & that starts no known entity" : `${forbidden[0]}, which is not supported`;
    return broken(`line ${lineAt(xml, forbidden.index)}: has ${what}`);
  }
  const valid = XMLValidator.validate(xml);
  if (valid !== true) return broken(describeInvalid(xml, valid.err));
  const options = { preserveOrder: true, captureMetaData: true, parseTagValue: false, htmlEntities: true };
  let roots: Element[];
  try {
    roots = new XMLParser(options).parse(xml) as Element[];
  } catch (error) {
    return broken(`is refused: ${error instanceof Error ? error.message : String(error)}`);
  }
  roots = roots.filter((element) => !tagOf(element).startsWith("?"));
  const [root] = roots;
  if (root === undefined || roots.length > 1 || tagOf(root) !== "configuration") {
    return broken("must hold one <configuration> element");
  }
  const properties: SiteProperty[] = [];
  const problems: string[] = [];
  for (const element of childrenOf(root)) {
    const line = lineAt(xml, startOf(element));
    const property = readProperty(element, line);
    if (typeof property === "string") problems.push(`line ${line}: ${property}`);
    else properties.push(property);
  }
  return { properties, problems };
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

/** A problem as text, or the property. */
function readProperty(element: Element, line: number): SiteProperty | string {
  if (tagOf(element) !== "property") return `<${tagOf(element)}> where <property> is expected`;
  const fields = new Map<string, string>();
  for (const child of childrenOf(element)) {
    const tag = tagOf(child);
    if (!KNOWN_TAGS.has(tag)) return `<${tag}> in a <property>`;
    if (fields.has(tag) && tag !== "source") return `two <${tag}> in a <property>`;
    fields.set(tag, textOf(child));
  }
  const name = fields.get("name") ?? "";
  if (name === "") return "a <property> without <name>";
  if (/[\s=]/.test(name)) return `the name "${name}" holds a space or =`;
  const value = fields.get("value") ?? "";
  return { name, value, final: fields.get("final")?.toLowerCase() === "true", line };
}

function tagOf(element: Element): string {
  return Object.keys(element).find((name) => name !== ":@") ?? "";
}

function childrenOf(element: Element): readonly Element[] {
  const children = element[tagOf(element)];
  return (Array.isArray(children) ? (children as Element[]) : []).filter((child) => tagOf(child) !== "#text");
}

function textOf(element: Element): string {
  const parts = element[tagOf(element)];
  if (!Array.isArray(parts)) return "";
  return (parts as Element[])
    .map((part) => String(part["#text"] ?? ""))
    .join("")
    .trim();
}

function startOf(element: Element): number {
  const [metadata] = Object.getOwnPropertySymbols(element);
  const place = metadata === undefined ? undefined : (element[metadata] as { readonly startIndex?: number });
  return place?.startIndex ?? 0;
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

/** The same text with comments and CDATA sections as spaces, so that offsets and lines stay. */
function blankCommentsAndCdata(xml: string): string {
  return xml.replace(/<!--[\s\S]*?-->|<!\[CDATA\[[\s\S]*?\]\]>/g, (part) => part.replace(/[^\n]/g, " "));
}

function broken(problem: string): SiteFile {
  return { properties: [], problems: [problem] };
}
