/** Reads scenario files of the form that etcd's suites have:
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

const SEPARATOR = "----";

/** Throws Error when the text has no such form. */
export function parseDirectives(text: string): Directive[] {
  const lines = text.split("\n");
  const directives: Directive[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = (lines[at] as string).trim();
    if (line === "" || line.startsWith("#")) {
      at++;
      continue;
    }
    const commandLine = at + 1;
    let command = line;
    while (command.endsWith("\\")) command = `${command.slice(0, -1)} ${(lines[++at] ?? "").trim()}`;
    const inputStart = ++at;
    while (at < lines.length && lines[at] !== SEPARATOR) at++;
    if (at === lines.length) throw new Error(`line ${commandLine}: no ${SEPARATOR} follows`);
    const input = lines.slice(inputStart, at).join("\n");
    at++;
    const isBlock = lines[at] === SEPARATOR;
    if (isBlock) at++;
    const start = at;
    const isEnd = (): boolean =>
      isBlock ? lines[at] === SEPARATOR && lines[at + 1] === SEPARATOR : (lines[at] as string).trim() === "";
    while (at < lines.length && !isEnd()) at++;
    const expected = lines.slice(start, at);
    if (isBlock) at += 2;
    directives.push({
      line: commandLine,
      ...parseCommand(command, commandLine),
      input,
      expected: expected.length === 0 ? "" : `${expected.join("\n")}\n`,
    });
  }
  return directives;
}

function parseCommand(text: string, line: number): { command: string; args: Argument[] } {
  const match = /^(\S+)(.*)$/.exec(text);
  if (match === null) throw new Error(`line ${line}: no command`);
  const [, command, rest] = match as unknown as [string, string, string];
  const args: Argument[] = [];
  const pattern = /\s*([^\s=]+)(?:=(?:\(([^)]*)\)|([^\s(]\S*))?)?/y;
  let end = 0;
  while (rest.slice(end).trim() !== "") {
    pattern.lastIndex = end;
    const found = pattern.exec(rest);
    if (found === null) throw new Error(`line ${line}: cannot read arguments at: ${rest.slice(end)}`);
    end = pattern.lastIndex;
    const [, key, list, single] = found;
    const values = list === undefined ? (single === undefined ? [] : [single]) : list.split(",");
    args.push({
      key: key as string,
      values: values.map((value) => value.trim()).filter((value) => value !== ""),
    });
  }
  return { command, args };
}

/** Values of `key`, empty when it was not given. */
export function valuesOf(directive: Directive, key: string): readonly string[] {
  return directive.args.find((arg) => arg.key === key)?.values ?? [];
}

export function hasArgument(directive: Directive, key: string): boolean {
  return directive.args.some((arg) => arg.key === key);
}
