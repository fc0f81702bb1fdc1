import { join } from "node:path";
import { presentName } from "./names.js";
import { readSiteFile } from "./site-file.js";

export const SITE_FILE = "ozone-site.xml";
const SUBSTITUTIONS_MAX = 20;
const VARIABLE = /\$\{([^${}\s]+)\}/;

/** One key as somebody set it. */
export interface Setting {
  readonly text: string;
  /** `ozone-site.xml line 12` or `-D`; more when the value came in by another name. */
  readonly origin: string;
  readonly final: boolean;
}

/** What was set, before anybody knows which keys exist: sources merged, old names replaced, variables to
 * expand. */
export class Settings {
  readonly problems: string[] = [];
  readonly warnings: string[] = [];
  readonly #byKey = new Map<string, Setting>();
  /** Old name by which a key was given, for the report of a contradiction. */
  readonly #givenAs = new Map<string, string>();
  readonly #variables: ReadonlyMap<string, string>;

  /** @param variables what `${name}` may also mean, such as `env.HOME` or `user.name`; they win over keys */
  constructor(variables: ReadonlyMap<string, string>) {
    this.#variables = variables;
  }

  /** Takes over `ozone-site.xml` of a directory. */
  addDirectory(directory: string): void {
    const path = join(directory, SITE_FILE);
    const { properties, problems } = readSiteFile(path);
    this.problems.push(...problems.map((problem) => `${path}: ${problem}`));
    for (const { name, value, final, line } of properties) {
      this.#add(name, { text: value, origin: `${SITE_FILE} line ${line}`, final }, SITE_FILE);
    }
  }

  /** Takes over `key=value` of a command line. */
  addOverride(word: string): void {
    const [, name, text] = /^([^=\s]+)=(.*)$/s.exec(word) ?? [];
    if (name === undefined || text === undefined) {
      this.problems.push(`-D ${word}: must have the form key=value`);
      return;
    }
    this.#add(name, { text: text.trim(), origin: "-D", final: false }, "-D");
  }

  #add(name: string, setting: Setting, source: string): void {
    const present = presentName(name);
    const key = present ?? name;
    const origin = present === undefined ? setting.origin : `${setting.origin} as ${name}`;
    if (present !== undefined)
      this.warnings.push(`${name} (${setting.origin}) is an old name: use ${present}`);
    const before = this.#byKey.get(key);
    if (before?.final === true) {
      this.problems.push(`${key} (${origin}): is final in ${before.origin} and cannot be set again`);
      return;
    }
    const given = `${source} ${name}`;
    const givenBefore = this.#givenAs.get(key);
    const isContradiction =
      before !== undefined && givenBefore !== given && givenBefore?.startsWith(`${source} `);
    if (isContradiction === true && before.text !== setting.text) {
      this.problems.push(
        `${key}: is set to different values under its old and its present name (${before.origin}, ${origin})`,
      );
    }
    this.#givenAs.set(key, given);
    this.#byKey.set(key, { ...setting, origin });
  }

  /** What was set for `key`; an empty value counts as not set. */
  get(key: string): Setting | undefined {
    const setting = this.#byKey.get(key);
    return setting === undefined || setting.text === "" ? undefined : setting;
  }

  /** Puts the value of a longer name in the place of the plain one (spec 07 §3 rule 5). */
  replace(key: string, byKey: string): void {
    const setting = this.get(byKey);
    if (setting !== undefined) this.#byKey.set(key, { ...setting, origin: `${setting.origin} as ${byKey}` });
  }

  keys(): string[] {
    return [...this.#byKey.keys()].filter((key) => this.get(key) !== undefined).sort();
  }

  /** `text` with each `${name}` replaced, or why that is impossible.
   * @param defaults text of keys that are not set */
  expand(
    text: string,
    defaults: ReadonlyMap<string, string>,
  ): { ok: true; value: string } | { ok: false; reason: string } {
    let expanded = text;
    for (let count = 0; count <= SUBSTITUTIONS_MAX; count++) {
      const match = VARIABLE.exec(expanded);
      const name = match?.[1];
      if (match === null || name === undefined) return { ok: true, value: expanded.trim() };
      const value =
        this.#variables.get(name) ?? this.get(presentName(name) ?? name)?.text ?? defaults.get(name);
      if (value === undefined) return { ok: false, reason: `names \${${name}}, which is not set` };
      expanded = expanded.slice(0, match.index) + value + expanded.slice(match.index + match[0].length);
    }
    return { ok: false, reason: `needs more than ${SUBSTITUTIONS_MAX} replacements of \${…}` };
  }
}
