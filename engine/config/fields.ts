/** The language in which configuration keys are declared as data. The typed `Config`, its parser, its
 * checks and `docs/CONFIGURATION.md` all derive from these declarations. */

export interface Address {
  readonly host: string;
  /** 0 = any free port, where the key allows it. */
  readonly port: number;
}

/** What a value may be; spec 11 §1.2–1.4 has the grammar. */
interface ValueByType {
  readonly bool: boolean;
  /** Whole number, 32 bits in the reference. */
  readonly int: number;
  /** Whole number below 2^53. */
  readonly long: number;
  /** Decimal fraction. */
  readonly dbl: number;
  /** In the program always whole milliseconds. */
  readonly time: number;
  /** In the program always whole bytes. */
  readonly size: number;
  readonly list: readonly string[];
  /** An absolute path. */
  readonly dir: string;
  readonly host: string;
  readonly addr: Address;
  readonly str: string;
}
export type KeyType = keyof ValueByType;

export interface KeyOptions {
  /** Least and greatest value allowed, in the program's unit (ms, bytes); inclusive. */
  readonly min?: number;
  readonly max?: number;
  readonly powerOfTwo?: true;
  /** The only values allowed. */
  readonly choices?: readonly string[];
  /** An address may come without a port, which is 0 then: another key has it. */
  readonly mayLackPort?: true;
  /** `.<service>.<node>` may follow the name (spec 11 §1.8). */
  readonly perNode?: true;
  /** Never shown. */
  readonly secret?: true;
  /** Must be set: there is no default. */
  readonly required?: true;
}

export interface KeyDeclaration extends KeyOptions {
  readonly key: string;
  readonly type: KeyType;
  /** As it would stand in the file; may name other keys as `${key}`. Undefined = not set. */
  readonly default: string | undefined;
  /** One sentence. */
  readonly meaning: string;
}

export type KeyGroup = Readonly<Record<string, KeyDeclaration>>;
export type Schema = Readonly<Record<string, KeyGroup>>;

/** The value of a declared key in the program. */
export type ValueOfKey<D extends KeyDeclaration> = D extends { readonly choices: readonly (infer C)[] }
  ? C
  : D extends { readonly default: string } | { readonly required: true }
    ? ValueByType[D["type"]]
    : ValueByType[D["type"]] | undefined;

/** All values of a schema, group by group. */
export type ValuesOf<S extends Schema> = {
  readonly [G in keyof S]: { readonly [K in keyof S[G]]: ValueOfKey<S[G][K]> };
};

/** Declares one key. */
export function key<
  const N extends string,
  const T extends KeyType,
  const D extends string | undefined,
  const O extends KeyOptions,
>(name: N, type: T, defaultText: D, meaning: string, options: O = {} as O) {
  return { key: name, type, default: defaultText, meaning, ...options } as const;
}

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;
export const TIB = 1024 * GIB;
export const SECOND_MS = 1000;
export const MINUTE_MS = 60 * SECOND_MS;
export const DAY_MS = 24 * 60 * MINUTE_MS;
