/** Text to value, one function a type (spec 11 §1.2–1.4). Nothing throws: a wrong text is an answer, since
 * all problems of a configuration are reported together. */
import { isAbsolute, normalize } from "node:path";
import type { Address, KeyDeclaration } from "./fields.js";

export type Parsed<T> =
  | { readonly ok: true; readonly value: T; readonly warning?: string }
  | { readonly ok: false; readonly reason: string };

type Value = boolean | number | string | readonly string[] | Address;

/** Parses `text` (trimmed, not empty) and checks it against the key's range and choices. */
export function parseValue(declaration: KeyDeclaration, text: string): Parsed<Value> {
  const parsed = parseType(declaration, text);
  if (!parsed.ok) return parsed;
  const { value } = parsed;
  const { choices } = declaration;
  if (choices !== undefined && !choices.includes(String(value)))
    return fail(`must be one of ${choices.join(", ")}`);
  const problem = typeof value === "number" ? rangeProblem(declaration, value) : undefined;
  return problem === undefined ? parsed : fail(problem);
}

function parseType(declaration: KeyDeclaration, text: string): Parsed<Value> {
  switch (declaration.type) {
    case "bool":
      return parseBoolean(text);
    case "int":
    case "long":
      return parseInteger(text);
    case "dbl":
      return parseDecimal(text);
    case "time":
      return parseTime(text);
    case "size":
      return parseSize(text);
    case "list":
      return done(parseList(text));
    case "dir":
      return parsePath(text);
    case "host":
      return parseHost(text);
    case "addr":
      return parseAddress(text, defaultPort(declaration));
    case "str":
      return done(text);
  }
}

/** `true` or `false` in any case. The reference takes anything else for "not set", which hides mistakes. */
export function parseBoolean(text: string): Parsed<boolean> {
  const lower = text.toLowerCase();
  if (lower === "true" || lower === "false") return done(lower === "true");
  return fail("must be true or false");
}

/** Decimal or 0x…, with sign. */
export function parseInteger(text: string): Parsed<number> {
  const match = /^([+-]?)(0[xX][0-9a-fA-F]+|\d+)$/.exec(text);
  if (match === null) return fail("must be a whole number (decimal or 0x…)");
  const value = Number(match[2]) * (match[1] === "-" ? -1 : 1);
  return Number.isSafeInteger(value) ? done(value) : fail("is beyond 2^53");
}

/** A decimal fraction; a trailing f is tolerated (0.9f). */
export function parseDecimal(text: string): Parsed<number> {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[fF]?$/.test(text)) return fail("must be a number");
  return done(Number(text.replace(/[fF]$/, "")));
}

const MS_BY_TIME_UNIT: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Whole milliseconds: an integer directly followed by ns, us, ms, s, m, h or d in any case; parts of a
 * millisecond are cut off. Without a unit the number is milliseconds, with a warning. */
export function parseTime(text: string): Parsed<number> {
  const match = /^([+-]?\d+)([a-zA-Z]*)$/.exec(text);
  const unit = match?.[2]?.toLowerCase() ?? "";
  const factor = unit === "" ? 1 : MS_BY_TIME_UNIT[unit];
  if (match === null || factor === undefined) {
    return fail("must be a whole number directly followed by ns, us, ms, s, m, h or d, such as 30s");
  }
  const value = Math.trunc(Number(match[1]) * factor);
  if (!Number.isSafeInteger(value)) return fail("is beyond 2^53 ms");
  return unit === "" ? { ok: true, value, warning: `has no unit: taken as ${value}ms` } : done(value);
}

const SIZE_UNITS = ["b", "k", "m", "g", "t", "p", "e"];
const LONG_SIZE_UNITS = [
  "bytes",
  "kilobytes",
  "megabytes",
  "gigabytes",
  "terabytes",
  "petabytes",
  "exabytes",
];

/** Whole bytes: a decimal number and a unit, 1024-based, in any case: B, K or KB or kilobytes, M …, E. */
export function parseSize(text: string): Parsed<number> {
  const match = /^(\d+\.?\d*|\.\d+)\s*([a-zA-Z]+)$/.exec(text);
  const unit = match?.[2]?.toLowerCase() ?? "";
  const long = LONG_SIZE_UNITS.indexOf(unit);
  const power = long >= 0 ? long : SIZE_UNITS.indexOf(unit.replace(/^([kmgtpe])b$/, "$1"));
  if (match === null || power < 0)
    return fail("must be a number with a unit B, KB, MB, GB, TB, PB or EB, such as 8MB");
  const value = Math.trunc(Number(match[1]) * 1024 ** power);
  return Number.isSafeInteger(value) ? done(value) : fail("is beyond 2^53 bytes");
}

/** Split at commas, trimmed, empty parts dropped. */
export function parseList(text: string): readonly string[] {
  return Object.freeze(
    text
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== ""),
  );
}

/** One absolute path, also as a `file:` URI. */
export function parsePath(text: string): Parsed<string> {
  const path = text.replace(/^file:(?:\/\/(?=\/))?/, "");
  if (path.includes(",")) return fail("must be one directory, not a list");
  if (!isAbsolute(path)) return fail("must be an absolute path");
  const clean = normalize(path);
  return done(clean.length > 1 ? clean.replace(/\/+$/, "") : clean);
}

const HOST = /^(?=.{1,253}$)[a-zA-Z0-9_]([a-zA-Z0-9_.-]*[a-zA-Z0-9_])?$/;
const IPV6 = /^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(%\w+)?$/;

/** A name or an address; IPv6 with or without brackets. */
export function parseHost(text: string): Parsed<string> {
  const bare = text.replace(/^\[(.*)\]$/, "$1");
  if (HOST.test(bare) || IPV6.test(bare)) return done(bare);
  return fail("must be a host name or an IP address");
}

/** `host:port` or `host`, then with `portWhenMissing`. */
export function parseAddress(text: string, portWhenMissing: number | undefined): Parsed<Address> {
  const match = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(text);
  const host = match === null ? undefined : parseHost(match[1] ?? "");
  if (match === null || host?.ok !== true) return fail("must be host:port; an IPv6 address in brackets");
  const port = match[2] === undefined ? portWhenMissing : Number(match[2]);
  if (port === undefined) return fail("must be host:port");
  if (port > 65_535) return fail("has a port above 65535");
  return done(Object.freeze({ host: host.value, port }));
}

/** Host and port as text, fit for a URL. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A time as a person would write it: the largest unit that leaves it whole. */
export function formatTime(ms: number): string {
  const units = ["d", "h", "m", "s"].map((unit) => [unit, MS_BY_TIME_UNIT[unit] ?? 1] as const);
  const [unit, factor] = units.find(([, size]) => ms !== 0 && ms % size === 0) ?? ["ms", 1];
  return `${ms / factor}${unit}`;
}

/** A size as a person would write it. */
export function formatSize(bytes: number): string {
  let power = 0;
  while (power < 6 && bytes !== 0 && bytes % 1024 ** (power + 1) === 0) power++;
  return `${bytes / 1024 ** power}${power === 0 ? "B" : `${SIZE_UNITS[power]?.toUpperCase()}B`}`;
}

/** A number of the key's type as a person would write it. */
export function formatNumber(type: KeyDeclaration["type"], value: number): string {
  if (type === "time") return formatTime(value);
  return type === "size" ? formatSize(value) : String(value);
}

function rangeProblem({ type, min, max, powerOfTwo }: KeyDeclaration, value: number): string | undefined {
  const show = (bound: number) => formatNumber(type, bound);
  if (min !== undefined && value < min) return `is less than ${show(min)}, the least value allowed`;
  if (max !== undefined && value > max) return `is more than ${show(max)}, the greatest value allowed`;
  if (powerOfTwo === true && Math.log2(value) % 1 !== 0) return "must be a power of two";
  return undefined;
}

function defaultPort(declaration: KeyDeclaration): number | undefined {
  if (declaration.mayLackPort === true) return 0;
  const port = /:(\d+)$/.exec(declaration.default ?? "")?.[1];
  return port === undefined ? undefined : Number(port);
}

function done<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

function fail(reason: string): { readonly ok: false; readonly reason: string } {
  return { ok: false, reason };
}
