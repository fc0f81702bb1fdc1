/** Checks the tree for what compiler and linter do not know: who may import whom, what pure code may name,
 * sizes, leftovers, dead files, unused error codes and configuration keys. Prints `file:line: message`.
 * `--soft` also prints what exceeds a soft limit. The folder rules stand in `layers.ts`. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { pathToFileURL } from "node:url";
import { isWithin, LAYERS, PACKAGE_HOMES, PURE_FOLDERS } from "./layers.js";
import { mask } from "./mask.js";

export type Finding = { file: string; line: number; message: string; soft: boolean };
type Source = { path: string; raw: string; code: string; withStrings: string; imports: Import[] };
type Import = { specifier: string; target: string | undefined; line: number; typeOnly: boolean };

const FILE_LINES = { soft: 500, hard: 800 };
const FUNCTION_LINES = { soft: 70, hard: 100 };
const LINE_COLUMNS_MAX = 110;
/** Files above the hard limit, each with its reason. */
const LONG_FILES: Readonly<Record<string, string>> = {
  "engine/raft/raft.ts": "the roles and their messages are one state machine, read from top to bottom",
};

/** A table whose names must all be in use. */
type UseRule = {
  /** The file, or the folder whose files it is made of. */
  readonly path: string;
  readonly what: string;
  /** Finds the names: the first group, or the second where a name has two forms. */
  readonly pattern: RegExp;
  /** Files that name them without making use of them. */
  readonly notUsers: readonly string[];
};
const ERROR_TABLE: UseRule = {
  path: "engine/core/errors.ts",
  what: "error code",
  pattern: /^ {2}([A-Z][A-Z0-9_]+): /gm,
  notUsers: [],
};
/** As the program says it, and as the file does. */
const KEY_TABLE: UseRule = {
  path: "engine/config/keys",
  what: "configuration key",
  pattern: /^ {2}(\w+): key\(\s*"([\w.-]+)"/gm,
  notUsers: ["engine/config/check.ts"],
};

const SKIPPED_FOLDERS = new Set([".git", "dist", "node_modules", ".strata-demo", "generated"]);
const TEXT_FILE = /\.(ts|mjs|json|md|css|html|txt|proto|npmrc|gitignore)$|^\.ci\/|^LICENSE$/;
const FORBIDDEN_GLOBALS =
  /(?<![\w.$#])(Date|setTimeout|setInterval|setImmediate|process|performance)\b(?!\??:)/g;
const LEFTOVER = /\b(?:T[O]DO|F[I]XME|X{3}|H[A]CK)\b(?!\(@?[\w-]+, ?#\d+\))/g;
const MACHINE_PATH = /(?<![\w.-])\/(?:work|root|Users|home)\/\w/g;
const REGISTRY_HOST =
  /registry\.[\w-]+\.\w+|\b(?:npm[j]s|yarnp[k]g)\.(?:org|com)|artif[a]ctory|verd[a]ccio/gi;
const COPIED_HEADER = /Licensed to the Ap[a]che Software|Copyright (?:\([cC]\)|\d{4})/g;

/** All findings in the tree at `root`, in order of file and line. */
export function tidy(root: string): Finding[] {
  const files = listFiles(root, "").filter((path) => TEXT_FILE.test(path));
  const texts = new Map(files.map((path) => [path, readFileSync(join(root, path), "utf8")]));
  const sources = [...texts].filter(([path]) => path.endsWith(".ts")).map(([path, raw]) => parse(path, raw));
  const findings = [
    ...[...texts].flatMap(([path, raw]) => checkText(path, raw)),
    ...sources.flatMap((source) => [...checkImports(source), ...checkNames(source), ...checkSizes(source)]),
    ...checkDeadFiles(sources, texts.get("package.json") ?? ""),
    ...checkUse(sources, ERROR_TABLE),
    ...checkUse(sources, KEY_TABLE),
  ];
  return findings.sort((a, b) => (a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1));
}

function listFiles(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((item) => {
    const path = posix.join(folder, item.name);
    if (item.isDirectory()) return SKIPPED_FOLDERS.has(item.name) ? [] : listFiles(root, path);
    return item.isFile() ? [path] : [];
  });
}

function parse(path: string, raw: string): Source {
  const code = mask(raw, { keepStrings: false });
  return {
    path,
    raw,
    code,
    withStrings: mask(raw, { keepStrings: true }),
    imports: importsOf(path, raw, code),
  };
}

function importsOf(path: string, raw: string, code: string): Import[] {
  const statement = /\b(?:import|export)(\s+type)?\b(?:[^;"'`=()]*?\bfrom\b)?\s*"( *)"/g;
  const call = /\b(?:import|new URL)(\()\s*"( *)"/g;
  return [...code.matchAll(statement), ...code.matchAll(call)].map((match) => {
    const end = match.index + match[0].length - 1;
    const specifier = raw.slice(end - (match[2]?.length ?? 0), end);
    const isOurs = specifier.startsWith(".");
    const target = isOurs ? posix.join(posix.dirname(path), specifier).replace(/\.js$/, ".ts") : undefined;
    return { specifier, target, line: lineOf(raw, end), typeOnly: match[1]?.trim() === "type" };
  });
}

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

function finding(file: string, line: number, message: string, soft = false): Finding {
  return { file, line, message, soft };
}

/** One finding for every match of `pattern` in `text`. */
function search(path: string, text: string, pattern: RegExp, message: (found: string) => string): Finding[] {
  return [...text.matchAll(pattern)].map((m) => finding(path, lineOf(text, m.index), message(m[1] ?? m[0])));
}

function checkText(path: string, raw: string): Finding[] {
  if (path === "LICENSE") return [];
  const findings = search(path, raw, REGISTRY_HOST, (host) => `names a registry: ${host}`);
  if (path === "package-lock.json") return findings;
  findings.push(...search(path, raw, MACHINE_PATH, () => "names a path of one machine"));
  findings.push(...search(path, raw, COPIED_HEADER, () => "copied licence header"));
  findings.push(
    ...search(path, raw, LEFTOVER, (word) => `${word} without owner and issue: ${word}(owner, #1)`),
  );
  return findings;
}

/** The most specific row of LAYERS that holds `path`. */
function folderOf(path: string): string | undefined {
  const rows = Object.keys(LAYERS).filter((folder) => isWithin(path, folder));
  return rows.sort((a, b) => b.length - a.length)[0];
}

function checkImports(source: Source): Finding[] {
  const own = folderOf(source.path);
  const layer = own === undefined ? undefined : LAYERS[own];
  if (layer === undefined) return [finding(source.path, 1, "its folder has no row in scripts/layers.ts")];
  const isPure = PURE_FOLDERS.some((folder) => isWithin(source.path, folder));
  return source.imports.flatMap(({ specifier, target, line, typeOnly }) => {
    const refuse = (why: string): Finding[] => [finding(source.path, line, why)];
    if (target === undefined) {
      const homes = PACKAGE_HOMES[specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/")];
      if (isPure) return refuse(`pure code imports "${specifier}"`);
      if (homes === undefined || homes.some((home) => isWithin(source.path, home))) return [];
      return refuse(`"${specifier}" may only be imported in ${homes.join(", ")}`);
    }
    if (!target.endsWith(".ts") || source.code.split("\n")[line - 1]?.includes("new URL(")) return [];
    if (/^workers\/[\w-]+\/entry\.ts$/.test(target)) return refuse(`imports a worker's entry: ${target}`);
    if (folderOf(target) === own || mayImport(layer, target, typeOnly)) return [];
    const isTypeRule = mayImport(layer, target, true);
    return refuse(isTypeRule ? `may import only types of ${target}` : `${own} may not import ${target}`);
  });
}

function mayImport(layer: readonly string[], target: string, typeOnly: boolean): boolean {
  if (layer.some((entry) => entry.startsWith("!") && isWithin(target, entry.slice(1)))) return false;
  return layer.some((entry) => {
    const needsType = entry.startsWith("type:");
    const folder = needsType ? entry.slice("type:".length) : entry;
    return (!needsType || typeOnly) && isWithin(target, folder);
  });
}

function checkNames({ path, code }: Source): Finding[] {
  const findings: Finding[] = [];
  if (PURE_FOLDERS.some((folder) => isWithin(path, folder))) {
    findings.push(...search(path, code, FORBIDDEN_GLOBALS, (name) => `pure code names ${name}`));
    findings.push(...search(path, code, /\bMath\.random\b/g, (name) => `pure code names ${name}`));
  }
  if (!isWithin(path, "engine/config")) {
    findings.push(...search(path, code, /\bprocess\.env\b/g, () => "process.env outside of engine/config"));
  }
  if (!isWithin(path, "workers/shared") && !isWithin(path, "test")) {
    findings.push(...search(path, code, /\bAtomics\b/g, () => "Atomics outside of workers/shared"));
  }
  return findings;
}

function checkSizes(source: Source): Finding[] {
  const lines = source.raw.trimEnd().split("\n");
  const findings: Finding[] = [];
  if (lines.length > FILE_LINES.soft && LONG_FILES[source.path] === undefined) {
    const message = `file of ${lines.length} lines (limit ${FILE_LINES.soft}, hard ${FILE_LINES.hard})`;
    findings.push(finding(source.path, 1, message, lines.length <= FILE_LINES.hard));
  }
  for (const [index, line] of lines.entries()) {
    const columns = [...line].length;
    if (columns <= LINE_COLUMNS_MAX) continue;
    findings.push(finding(source.path, index + 1, `line of ${columns} columns (limit ${LINE_COLUMNS_MAX})`));
  }
  return [...findings, ...checkFunctions(source)];
}

/** Finds functions by the formatter's layout: a body ends at the first `}` of its own indentation. */
function checkFunctions({ path, code }: Source): Finding[] {
  const lines = code.split("\n");
  return lines.flatMap((line, start) => {
    if (!startsFunction(line)) return [];
    const indent = line.search(/\S/);
    const end = lines.findIndex(
      (later, at) => at > start && later[indent] === "}" && later.search(/\S/) === indent,
    );
    const count = end - start + 1;
    if (count <= FUNCTION_LINES.soft) return [];
    const message = `function of ${count} lines (limit ${FUNCTION_LINES.soft}, hard ${FUNCTION_LINES.hard})`;
    return [finding(path, start + 1, message, count <= FUNCTION_LINES.hard)];
  });
}

function startsFunction(line: string): boolean {
  if (!line.endsWith("{") || /\b(describe|suite)\(/.test(line)) return false;
  if (/=> \{$|\bfunction\b|^\s*\).* \{$/.test(line)) return true;
  const method =
    /^\s+(?:(?:private|protected|public|static|override|async|get|set) )*[#*]?([\w$]+)(?:<.*>)?\(.*\).* \{$/;
  const name = method.exec(line)?.[1];
  return name !== undefined && !["if", "for", "while", "switch", "catch", "with"].includes(name);
}

/** A module lives when something imports it or package.json starts it, or as test, script or worker entry. */
function checkDeadFiles(sources: readonly Source[], packageJson: string): Finding[] {
  const imported = new Set(
    sources.flatMap(({ path, imports }) => imports.map((i) => i.target).filter((t) => t !== path)),
  );
  const isEntry = /^scripts\/[\w-]+\.ts$|^bench\/micro\/|\.test\.ts$|^workers\/[\w-]+\/entry\.ts$/;
  return sources.flatMap(({ path }) => {
    if (imported.has(path) || isEntry.test(path)) return [];
    if (packageJson.includes(`dist/${path.replace(/\.ts$/, ".js")}`)) return [];
    return [finding(path, 1, "nothing imports this file")];
  });
}

/** Every name that stands in the table must stand in code elsewhere; tests do not count. */
function checkUse(sources: readonly Source[], { path, what, pattern, notUsers }: UseRule): Finding[] {
  const tables = sources.filter((source) => isWithin(source.path, path));
  const users = sources.filter((source) => !isOneOf(source.path, [path, "test", ...notUsers]));
  const words = new Set(users.flatMap(({ withStrings }) => withStrings.match(/[\w.-]*\w/g) ?? []));
  const parts = new Set([...words].flatMap((word) => word.split(".")));
  return tables.flatMap((table) =>
    [...table.withStrings.matchAll(pattern)].flatMap((match) => {
      const [, name = "", alias = name] = match;
      if (words.has(name) || parts.has(name) || words.has(alias)) return [];
      return [finding(table.path, lineOf(table.raw, match.index), `${what} ${alias} is used nowhere`)];
    }),
  );
}

function isOneOf(path: string, folders: readonly string[]): boolean {
  return folders.some((folder) => isWithin(path, folder));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const root = process.argv.slice(2).find((word) => !word.startsWith("--")) ?? ".";
  if (!existsSync(join(root, "package.json"))) throw new Error(`no package.json in ${root}`);
  const withSoft = process.argv.includes("--soft");
  const findings = tidy(root);
  for (const { file, line, message, soft } of findings) {
    if (!soft || withSoft) console.log(`${file}:${line}: ${message}${soft ? " (soft)" : ""}`);
  }
  process.exitCode = findings.some(({ soft }) => !soft) ? 1 : 0;
}
