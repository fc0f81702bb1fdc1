import { parseXml, readXmlFile, type XmlElement } from "./xml.js";

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

const KNOWN_TAGS = new Set(["name", "value", "final", "description", "tag", "source"]);

/** Reads a file in the form of Hadoop's `*-site.xml`. Never throws: an unreadable or malformed file is a
 * problem. */
export function readSiteFile(path: string): SiteFile {
  return siteFileOf(readXmlFile(path));
}

export function parseSiteFile(xml: string): SiteFile {
  return siteFileOf(parseXml(xml));
}

function siteFileOf(roots: readonly XmlElement[] | string): SiteFile {
  if (typeof roots === "string") return broken(roots);
  const [root] = roots;
  if (root === undefined || roots.length > 1 || root.name !== "configuration") {
    return broken("must hold one <configuration> element");
  }
  const properties: SiteProperty[] = [];
  const problems: string[] = [];
  for (const element of root.children) {
    const property = readProperty(element);
    if (typeof property === "string") problems.push(`line ${element.line}: ${property}`);
    else properties.push(property);
  }
  return { properties, problems };
}

/** A problem as text, or the property. */
function readProperty({ name: tag, children, line }: XmlElement): SiteProperty | string {
  if (tag !== "property") return `<${tag}> where <property> is expected`;
  const fields = new Map<string, string>();
  for (const child of children) {
    if (!KNOWN_TAGS.has(child.name)) return `<${child.name}> in a <property>`;
    if (fields.has(child.name) && child.name !== "source") return `two <${child.name}> in a <property>`;
    fields.set(child.name, child.text);
  }
  const name = fields.get("name") ?? "";
  if (name === "") return "a <property> without <name>";
  if (/[\s=]/.test(name)) return `the name "${name}" holds a space or =`;
  const value = fields.get("value") ?? "";
  return { name, value, final: fields.get("final")?.toLowerCase() === "true", line };
}

function broken(problem: string): SiteFile {
  return { properties: [], problems: [problem] };
}
