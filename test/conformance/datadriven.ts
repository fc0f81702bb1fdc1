/** Reads scenario files of the form that etcd's suites have (cockroachdb/datadriven):
 *
 *   # comment
 *   command flag key=value key=(one,two)
 *   input lines
 *   ----
 *   expected lines, up to an empty one; between two pairs of ---- lines also empty ones
 */
export interface Directive {
  /** 1 … of the command in its file. */
  readonly line: number;
  /** The command line as it is written. */
  readonly source: string;
  readonly command: string;
  readonly args: readonly Argument[];
  readonly input: string;
  /** Ends with a line feed, unless it is empty. */
  readonly expected: string;
}

export interface Argument {
  readonly key: string;
  readonly values: readonly string[];
}

/** What stands where a directive should. */
export interface SyntaxFault {
  readonly line: number;
  readonly source: string;
  readonly fault: string;
}

const SEPARATOR = "----";

/** Lines may end as on Windows. After a fault reading goes on behind the next empty line. */
export function parseDirectives(text: string): (Directive | SyntaxFault)[] {
  const lines = text.split(/\r?\n/);
  const found: (Directive | SyntaxFault)[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lineAt(lines, at);
    if (line === "" || line.startsWith("#")) {
      at++;
      continue;
    }
    const { item, next } = parseDirective(lines, at);
    found.push(item);
    at = next;
  }
  return found;
}

/** The one whose command is at `start`, and where to read on. */
function parseDirective(
  lines: readonly string[],
  start: number,
): { readonly item: Directive | SyntaxFault; readonly next: number } {
  let at = start;
  let source = lineAt(lines, at++);
  while (source.endsWith("\\")) source = `${source.slice(0, -1)} ${lineAt(lines, at++)}`;
  const inputStart = at;
  while (lineAt(lines, at) !== "" && lines[at] !== SEPARATOR) at++;
  const place = { line: start + 1, source };
  if (lines[at] !== SEPARATOR) return { item: { ...place, fault: `no ${SEPARATOR} follows` }, next: at };
  const input = lines.slice(inputStart, at).join("\n");
  const { expected, next } = parseExpected(lines, at + 1);
  const [command, rest] = splitWord(source);
  const args = parseArguments(rest);
  if (args === undefined) return { item: { ...place, fault: "cannot read the arguments" }, next };
  return { item: { ...place, command, args, input, expected }, next };
}

function parseExpected(
  lines: readonly string[],
  start: number,
): { readonly expected: string; readonly next: number } {
  const isBlock = lines[start] === SEPARATOR;
  const isEnd = (at: number): boolean => {
    if (at >= lines.length) return true;
    if (isBlock) return lines[at] === SEPARATOR && lines[at + 1] === SEPARATOR;
    return lineAt(lines, at) === "";
  };
  const first = isBlock ? start + 1 : start;
  let end = first;
  while (!isEnd(end)) end++;
  const expected = lines
    .slice(first, end)
    .map((line) => `${line}\n`)
    .join("");
  return { expected, next: isBlock ? end + 2 : end };
}

/** Trimmed; empty beyond the end. */
function lineAt(lines: readonly string[], at: number): string {
  return (lines[at] ?? "").trim();
}

function splitWord(text: string): readonly [word: string, rest: string] {
  const end = text.search(/\s|$/);
  return [text.slice(0, end), text.slice(end)];
}

/** Undefined when `text` is no list of arguments. */
function parseArguments(text: string): Argument[] | undefined {
  const args: Argument[] = [];
  const pattern = /\s*([^\s=]+)(?:=(?:\(([^)]*)\)|(?!\()(\S*)))?(?=\s|$)/y;
  let end = 0;
  while (text.slice(end).trim() !== "") {
    pattern.lastIndex = end;
    const match = pattern.exec(text);
    if (match === null) return undefined;
    end = pattern.lastIndex;
    const [, key = "", list, single] = match;
    const values = list === undefined ? (single === undefined ? [] : [single]) : list.split(",");
    args.push({ key, values: values.map((value) => value.trim()).filter((value) => value !== "") });
  }
  return args;
}

/** Values of `key`, empty when it was not given. */
export function valuesOf(directive: Directive, key: string): readonly string[] {
  return directive.args.find((arg) => arg.key === key)?.values ?? [];
}

export function hasArgument(directive: Directive, key: string): boolean {
  return directive.args.some((arg) => arg.key === key);
}
