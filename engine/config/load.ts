import { createHash } from "node:crypto";
import { availableParallelism, homedir, hostname, networkInterfaces, tmpdir, userInfo } from "node:os";
import { StrataError } from "../core/errors.js";
import { checkTogether } from "./check.js";
import type { Config, EffectiveEntry } from "./config.js";
import type { Address, KeyDeclaration } from "./fields.js";
import { type GroupNode, groupOf, isWildcard, readEndpoints, readOthers } from "./group.js";
import { redirectWarnings } from "./hadoop-endpoints.js";
import { findLocalNode, type HostFacts } from "./identity.js";
import { misspelled, nearest } from "./names.js";
import { type ConfigValues, SCHEMA } from "./schema.js";
import { Settings } from "./settings.js";
import { formatNumber, parseValue } from "./values.js";

/** Where a configuration comes from; later wins: defaults, `ozone-site.xml`, overrides. */
export interface ConfigSources {
  /** Directory of `ozone-site.xml`; when left out, `OZONE_CONF_DIR` of `env`; without both there is no
   * file. */
  readonly configDir?: string | undefined;
  /** `key=value` each, from `-D`. */
  readonly overrides?: readonly string[] | undefined;
  /** `process.env` when left out. Only `OZONE_CONF_DIR` and `${env.NAME}` come from it. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** This machine when left out. */
  readonly host?: HostFacts | undefined;
}

/** What a program needs that only talks to an SCM. */
export interface ClientConfig {
  /** Where the SCMs answer (WebSocket); at least one. */
  readonly endpoints: readonly Address[];
  readonly containerListCountMax: number;
}

const DECLARATIONS: readonly KeyDeclaration[] = Object.values(SCHEMA).flatMap((group) =>
  Object.values(group),
);
const DECLARATION_BY_KEY = new Map(DECLARATIONS.map((declaration) => [declaration.key, declaration]));
const DEFAULTS = new Map(
  DECLARATIONS.flatMap((d) => (d.default === undefined ? [] : [[d.key, d.default] as const])),
);
const KEYS = [...DECLARATION_BY_KEY.keys()];
const REDACTED = "******";
const SECRET_NAME = /(?:secret|password|passphrase|credential|keystore\.pass|\.token|-token)s?$/i;
const SHARD_COUNT_MAX = 8;

/** Reads, checks and freezes the configuration of an SCM.
 * @throws StrataError CONFIG_INVALID, which names all problems at once. */
export function loadConfig(sources: ConfigSources = {}): Config {
  const host = sources.host ?? thisHost();
  const reader = new Reader(sources, host);
  reader.checkNames();
  const node = findLocalNode(reader.settings, host);
  let others: GroupNode[] = [];
  if (node !== undefined) {
    others = readOthers(reader, node);
    for (const { key } of DECLARATIONS.filter((declaration) => declaration.perNode === true)) {
      reader.settings.replace(key, `${key}.${node.serviceId}.${node.nodeId}`);
    }
  }
  const values = reader.readAll(host);
  reader.problems.push(...checkTogether(values, (key) => !reader.badKeys.has(key)));
  reader.throwProblems();
  const effective = deepFreeze(reader.effective(values));
  const hash = hashOf(values);
  const redirects = values.hadoop.isEnabled && others.length > 0 ? redirectWarnings(values) : [];
  const warnings = [...new Set([...reader.settings.warnings, ...redirects])];
  const group = groupOf(reader, node, values, others);
  return deepFreeze({ ...values, group, warnings, effective: () => effective, hash: () => hash });
}

/** Reads only what a client needs, so that a mistake in the server's keys does not lock an administrator out.
 * @throws StrataError CONFIG_INVALID */
export function loadClientConfig(sources: ConfigSources = {}): ClientConfig {
  const reader = new Reader(sources, sources.host ?? thisHost());
  const { scm, gateway, client } = SCHEMA;
  const address = reader.read(gateway.wsAddress);
  const names = reader.read(scm.scmNames);
  const containerListCountMax = reader.read(client.containerListCountMax) as number;
  const endpoints = readEndpoints(reader);
  reader.throwProblems();
  if (endpoints.length > 0) return deepFreeze({ endpoints, containerListCountMax });
  const { host, port } = address as Address;
  const [firstName] = names as readonly string[];
  const named = firstName?.replace(/:\d+$/, "") ?? reader.settings.get(scm.hostName.key)?.text;
  const endpoint = { host: isWildcard(host) ? (named ?? "127.0.0.1") : host, port };
  return deepFreeze({ endpoints: [endpoint], containerListCountMax });
}

/** Reads only where an SCM keeps its data, for tools that work on a stopped one.
 * @throws StrataError CONFIG_INVALID */
export function loadDirectories(sources: ConfigSources = {}): Pick<Config["storage"], DirectoryName> {
  const reader = new Reader(sources, sources.host ?? thisHost());
  const { metadataDir, stateDir, raftDir } = SCHEMA.storage;
  const paths = [metadataDir, stateDir, raftDir].map((declaration) => String(reader.read(declaration)));
  reader.throwProblems();
  return { metadataDir: paths[0] ?? "", stateDir: paths[1] ?? "", raftDir: paths[2] ?? "" };
}

type DirectoryName = "metadataDir" | "stateDir" | "raftDir";

function thisHost(): HostFacts {
  const addresses = Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).map(({ address }) => address),
  );
  return { hostName: hostname(), addresses, coreCount: availableParallelism() };
}

/** Reads declared keys out of the settings and gathers problems. */
class Reader {
  readonly settings: Settings;
  /** Keys that have no value though they should. */
  readonly badKeys = new Set<string>();
  readonly #texts = new Map<string, string>();

  constructor(sources: ConfigSources, host: HostFacts) {
    const env = sources.env ?? process.env;
    this.settings = new Settings(variablesOf(env, host));
    const configDir = sources.configDir ?? env["OZONE_CONF_DIR"];
    if (configDir !== undefined && configDir !== "") this.settings.addDirectory(configDir);
    for (const word of sources.overrides ?? []) this.settings.addOverride(word);
  }

  get problems(): string[] {
    return this.settings.problems;
  }

  throwProblems(): void {
    // A plain key that is wrong is met once for each node that it holds for.
    const problems = [...new Set(this.problems)];
    if (problems.length === 0) return;
    const lines = problems.map((problem) => `  ${problem}`).join("\n");
    throw new StrataError("CONFIG_INVALID", { count: problems.length, problems: lines });
  }

  /** Unknown `strata.*` keys and misspellings of known ones are problems; other unknown keys belong to
   * somebody else. */
  checkNames(): void {
    for (const key of this.settings.keys()) {
      if (isDeclared(key)) continue;
      const isOurs = key.toLowerCase().startsWith("strata.");
      const meant = isOurs ? nearest(key, KEYS)?.name : misspelled(key, KEYS);
      if (meant === undefined) continue;
      const origin = this.settings.get(key)?.origin;
      this.problems.push(`${key} (${origin}): is not known; the nearest known key is ${meant}`);
    }
  }

  /** The value of one key; undefined when it is not set, or wrong (which is then a problem). */
  read(declaration: KeyDeclaration): unknown {
    const { key } = declaration;
    const setting = this.settings.get(key);
    const text = setting?.text ?? declaration.default;
    if (text === undefined) {
      if (declaration.required !== true) return undefined;
      this.problems.push(`${key}: must be set`);
      this.badKeys.add(key);
      return undefined;
    }
    const expanded = this.settings.expand(text, DEFAULTS);
    const parsed = expanded.ok ? parseValue(declaration, expanded.value) : expanded;
    if (!parsed.ok) {
      const shown = isSecret(key) ? REDACTED : text;
      this.badKeys.add(key);
      // A default can only be wrong through the key that it names, and that one has been reported.
      if (setting !== undefined)
        this.problems.push(`${key} = ${shown} (${setting.origin}): ${parsed.reason}`);
      return undefined;
    }
    if ("warning" in parsed)
      this.settings.warnings.push(`${key} = ${text} (${setting?.origin}) ${parsed.warning}`);
    if (expanded.ok) this.#texts.set(key, expanded.value);
    return parsed.value;
  }

  /** All values; complete only when the reader is sound. */
  readAll(host: HostFacts): ConfigValues {
    const values: Record<string, Record<string, unknown>> = {};
    for (const [groupName, group] of Object.entries(SCHEMA)) {
      const entries = Object.entries<KeyDeclaration>(group);
      values[groupName] = Object.fromEntries(
        entries.map(([name, declaration]) => [name, this.read(declaration)]),
      );
    }
    // The schema's type says what each declaration yields; this is where the two meet.
    const typed = values as unknown as ConfigValues;
    const { shardCount } = typed.workers;
    const resolved =
      shardCount === 0 ? Math.min(SHARD_COUNT_MAX, Math.max(1, host.coreCount - 3)) : shardCount;
    return { ...typed, workers: { ...typed.workers, shardCount: resolved } };
  }

  effective(values: ConfigValues): EffectiveEntry[] {
    this.#texts.set(SCHEMA.workers.shardCount.key, String(values.workers.shardCount));
    const keys = new Set([...KEYS, ...this.settings.keys()]);
    return [...keys].sort().map((key) => {
      const setting = this.settings.get(key);
      const redacted = isSecret(key) && (setting !== undefined || DEFAULTS.has(key));
      const expanded = this.settings.expand(setting?.text ?? "", DEFAULTS);
      const text = this.#texts.get(key) ?? (expanded.ok ? expanded.value : (setting?.text ?? ""));
      const used = DECLARATION_BY_KEY.has(key);
      return { key, value: redacted ? REDACTED : text, origin: setting?.origin ?? "default", used, redacted };
    });
  }
}

function isDeclared(key: string): boolean {
  if (DECLARATION_BY_KEY.has(key)) return true;
  return DECLARATIONS.some(
    (declaration) => declaration.perNode === true && key.startsWith(`${declaration.key}.`),
  );
}

function isSecret(key: string): boolean {
  return DECLARATION_BY_KEY.get(key)?.secret === true || SECRET_NAME.test(key);
}

function variablesOf(
  env: Readonly<Record<string, string | undefined>>,
  host: HostFacts,
): Map<string, string> {
  const variables = new Map<string, string>([
    ["host.name", host.hostName],
    ["user.name", userName(env)],
    ["user.home", homedir()],
    ["user.dir", process.cwd()],
    ["java.io.tmpdir", tmpdir()],
  ]);
  for (const [name, value] of Object.entries(env))
    if (value !== undefined) variables.set(`env.${name}`, value);
  return variables;
}

/** A user id without an entry in the password file has no name there. */
function userName(env: Readonly<Record<string, string | undefined>>): string {
  try {
    return userInfo().username;
  } catch {
    return env["USER"] ?? "unknown";
  }
}

/** What shapes behaviour: numbers, switches and choices, but no paths, hosts and secrets, which differ by
 * machine. */
function hashOf(values: ConfigValues): string {
  const hash = createHash("sha256");
  for (const [groupName, group] of Object.entries(SCHEMA)) {
    for (const [name, declaration] of Object.entries<KeyDeclaration>(group)) {
      const { key, type, choices } = declaration;
      if (["dir", "host", "addr", "list"].includes(type) || (type === "str" && choices === undefined))
        continue;
      const value: unknown = Reflect.get(Reflect.get(values, groupName) as object, name);
      hash.update(`${key}=${typeof value === "number" ? formatNumber(type, value) : String(value)}\n`);
    }
  }
  return hash.digest("hex").slice(0, 16);
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === "object" && part !== null) deepFreeze(part);
  return Object.freeze(value);
}
