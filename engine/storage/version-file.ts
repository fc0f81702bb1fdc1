import type { Disk } from "../core/disk.js";
import { StrataError } from "../core/errors.js";
import { isCount } from "../core/ids.js";
import { parseUuid, type Uuid } from "../core/uuid.js";

/** Newest layout feature that this release knows (spec 07 §13.1); a new store gets it. */
export const METADATA_LAYOUT_VERSION = 10;

const NODE_TYPE = "SCM";

/** What `current/VERSION` says, by the reference's keys (spec 07 §1.1). */
export interface VersionFile {
  readonly clusterId: string;
  readonly scmId: Uuid;
  /** Epoch ms of `--init`. */
  readonly createdMs: number;
  readonly layoutVersion: number;
  /** Whether the Raft storage was initialised. */
  readonly scmHa: boolean;
  readonly primaryScmId: Uuid;
}

/** Throws CorruptionError VERSION_FILE_CORRUPT, StorageError STORAGE_NOT_INITIALIZED when there is none, and
 * STORAGE_FORMAT when it is of a newer release. */
export function readVersionFile(disk: Disk, path: string): VersionFile {
  const bytes = disk.readFile(path);
  if (bytes === undefined) throw new StrataError("STORAGE_NOT_INITIALIZED", { path });
  const properties = parseProperties(Buffer.from(bytes).toString("latin1"));
  const corrupt = (reason: string) => new StrataError("VERSION_FILE_CORRUPT", { path, reason });
  const text = (key: string): string => {
    const value = properties.get(key);
    if (value === undefined || value === "") throw corrupt(`${key} is missing`);
    return value;
  };
  const count = (key: string, value: string): number => {
    const number = Number(value);
    if (!isCount(number)) throw corrupt(`${key} is no number: ${value}`);
    return number;
  };
  const uuid = (key: string): Uuid => {
    const value = parseUuid(text(key));
    if (value === undefined) throw corrupt(`${key} is no UUID: ${text(key)}`);
    return value;
  };
  if (text("nodeType") !== NODE_TYPE) throw corrupt(`nodeType is ${text("nodeType")}, not ${NODE_TYPE}`);
  const layoutVersion = count("layoutVersion", properties.get("layoutVersion") ?? "0");
  if (layoutVersion > METADATA_LAYOUT_VERSION) {
    const details = { path, found: `layout ${layoutVersion}`, expected: `up to ${METADATA_LAYOUT_VERSION}` };
    throw new StrataError("STORAGE_FORMAT", details);
  }
  return {
    clusterId: text("clusterID"),
    scmId: uuid("scmUuid"),
    createdMs: count("cTime", text("cTime")),
    layoutVersion,
    scmHa: properties.get("scmHA") === "true",
    primaryScmId: uuid("primaryScmNodeId"),
  };
}

/** `wallMs` dates the comment at its head. */
export function writeVersionFile(disk: Disk, path: string, version: VersionFile, wallMs: number): void {
  const text = formatProperties(
    [
      ["nodeType", NODE_TYPE],
      ["scmUuid", version.scmId],
      ["clusterID", version.clusterId],
      ["cTime", String(version.createdMs)],
      ["layoutVersion", String(version.layoutVersion)],
      ["scmHA", String(version.scmHa)],
      ["primaryScmNodeId", version.primaryScmId],
    ],
    javaDate(wallMs),
  );
  disk.writeFile(path, Buffer.from(text, "latin1"));
}

/** `Sat Nov 21 00:09:42 UTC 2026`, as java.util.Properties dates its files. */
function javaDate(wallMs: number): string {
  const [weekday, day, month, year, time] = new Date(wallMs).toUTCString().split(/,? /);
  return `${weekday} ${month} ${day} ${time} UTC ${year}`;
}

/** The text form of java.util.Properties: a comment, then `key=value` lines; `:` `=` `#` `!` and `\` are
 * escaped by a backslash, so are blanks in keys and at the beginning of values, and what is not printable
 * Latin-1 by `\uXXXX`. */
export function formatProperties(
  properties: readonly (readonly [string, string])[],
  comment: string,
): string {
  const lines = properties.map(([key, value]) => `${escapeText(key, / /g)}=${escapeText(value, /^ /)}`);
  return [`#${comment}`, ...lines, ""].join("\n");
}

const CONTROL: Readonly<Record<string, string>> = { "\t": "\\t", "\n": "\\n", "\r": "\\r", "\f": "\\f" };

function escapeText(text: string, blanks: RegExp): string {
  return text
    .replace(/[\\:=#!]/g, "\\$&")
    .replace(blanks, "\\ ")
    .replace(
      /[^\x20-\x7e]/g,
      (character) => CONTROL[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
}

/** Reads the same form, also with `:` or blanks as separator, `!` comments and lines continued by a
 * backslash. The last of equal keys counts. */
export function parseProperties(text: string): Map<string, string> {
  const properties = new Map<string, string>();
  const lines = text.split(/\r\n|\n|\r/);
  for (let i = 0; i < lines.length; i++) {
    let line = trimStart(lines[i]!);
    if (line === "" || line.startsWith("#") || line.startsWith("!")) continue;
    while (endsInBackslash(line) && i + 1 < lines.length) line = line.slice(0, -1) + trimStart(lines[++i]!);
    const match = /^((?:\\.|[^\\:= \t\f])*)[ \t\f]*[:=]?[ \t\f]*(.*)$/s.exec(line);
    if (match !== null) properties.set(unescapeText(match[1]!), unescapeText(match[2]!));
  }
  return properties;
}

function trimStart(line: string): string {
  return line.replace(/^[ \t\f]+/, "");
}

function endsInBackslash(line: string): boolean {
  return /\\*$/.exec(line)![0].length % 2 === 1;
}

const NAMED: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r", f: "\f" };

function unescapeText(text: string): string {
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|(.?))/gs, (_, hex: string | undefined, single: string) =>
    hex !== undefined ? String.fromCharCode(Number.parseInt(hex, 16)) : (NAMED[single] ?? single),
  );
}
