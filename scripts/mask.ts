/** Blanks what is not code in TypeScript source, so that `tidy` can search it with regular expressions. */
export type MaskOptions = { readonly keepStrings: boolean };

/** After these, a `/` starts a regular expression; after anything else it divides. */
const REGEX_MAY_FOLLOW =
  /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|do|else|yield|await|throw))\s*$/;
const BEFORE_SLASH_CHARS = 32;

/** `source` with comments, regular expressions and (unless kept) the inside of strings replaced by spaces.
 * Offsets, quotes and line ends stay as they are; code inside of `${…}` stays code. */
export function mask(source: string, options: MaskOptions): string {
  const out = source.split("");
  /** Depth of braces at which each open `${` ends. */
  const templates: number[] = [];
  let depth = 0;
  let at = 0;

  const blank = (from: number, to: number): void => {
    for (let i = from; i < to; i++) if (out[i] !== "\n") out[i] = " ";
  };
  const endOf = (pattern: RegExp): number => {
    pattern.lastIndex = at;
    const found = pattern.exec(source);
    return found === null ? source.length : found.index + found[0].length;
  };
  /** Reads a template from after its backtick or `}` to its end or the next `${`. */
  const template = (): void => {
    const end = endOf(/(?:\\[\s\S]|\$(?!\{)|[^`\\$])*(?:`|\$\{)/y);
    const opens = source.startsWith("${", end - 2);
    if (!options.keepStrings) blank(at, end - (opens ? 2 : 1));
    if (opens) templates.push(depth++);
    at = end;
  };

  while (at < source.length) {
    const char = source[at];
    const two = source.slice(at, at + 2);
    if (two === "//" || two === "/*") {
      const end = endOf(two === "//" ? /.*/y : /\/\*[\s\S]*?\*\//y);
      blank(at, end);
      at = end;
    } else if (char === '"' || char === "'") {
      const end = endOf(char === '"' ? /"(?:\\[\s\S]|[^"\\\n])*"?/y : /'(?:\\[\s\S]|[^'\\\n])*'?/y);
      if (!options.keepStrings) blank(at + 1, end - 1);
      at = end;
    } else if (
      char === "/" &&
      REGEX_MAY_FOLLOW.test(out.slice(Math.max(0, at - BEFORE_SLASH_CHARS), at).join(""))
    ) {
      const end = endOf(/\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/\w*|\//y);
      blank(at, end);
      at = end;
    } else {
      at++;
      if (char === "`") template();
      else if (char === "{") depth++;
      else if (char === "}") {
        depth--;
        if (templates.at(-1) === depth) {
          templates.pop();
          template();
        }
      }
    }
  }
  return out.join("");
}
