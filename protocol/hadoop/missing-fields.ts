import type { DescMessage, Message } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence as FieldPresence } from "@bufbuild/protobuf/wkt";

/** What a schema requires, found once: most messages need no look, or a look at few of their fields. */
interface Plan {
  readonly required: { readonly name: string; readonly localName: string }[];
  /** Fields that hold messages which require something, at any depth; in order of their numbers. */
  readonly nested: { readonly name: string; readonly localName: string; readonly plan: Plan }[];
}
type Fields = Readonly<Record<string, unknown>>;

const PLANS = new WeakMap<DescMessage, Plan>();

/** Names of the required fields that `message` lacks, in the form and order of Java's parser:
 * `id, members[1].ipAddress`. The depth is bounded by the reader, which does not look for them. */
export function missingFields(schema: DescMessage, message: Message): readonly string[] {
  const plan = planOf(schema);
  const missing: string[] = [];
  if (!isWhole(plan, message as unknown as Fields)) collect(plan, message as unknown as Fields, "", missing);
  return missing;
}

/** Apart from `collect`, which makes a path for each message: nearly all messages are whole. */
function isWhole(plan: Plan, message: Fields): boolean {
  for (const { localName } of plan.required) if (!Object.hasOwn(message, localName)) return false;
  for (const { localName, plan: inner } of plan.nested) {
    if (!Object.hasOwn(message, localName)) continue;
    const value = message[localName];
    if (!Array.isArray(value)) {
      if (!isWhole(inner, value as Fields)) return false;
      continue;
    }
    for (const item of value) if (!isWhole(inner, item)) return false;
  }
  return true;
}

function collect(plan: Plan, message: Fields, prefix: string, missing: string[]): void {
  for (const { name, localName } of plan.required) {
    if (!Object.hasOwn(message, localName)) missing.push(prefix + name);
  }
  for (const { name, localName, plan: inner } of plan.nested) {
    if (!Object.hasOwn(message, localName)) continue;
    const value = message[localName];
    if (Array.isArray(value)) {
      for (const [at, item] of value.entries()) collect(inner, item, `${prefix}${name}[${at}].`, missing);
    } else {
      collect(inner, value as Fields, `${prefix}${name}.`, missing);
    }
  }
}

function planOf(schema: DescMessage): Plan {
  let plan = PLANS.get(schema);
  if (plan === undefined) {
    const fields = [...schema.fields].sort((a, b) => a.number - b.number);
    const required = schema.fields.filter(({ presence }) => presence === FieldPresence.LEGACY_REQUIRED);
    plan = { required: required.map(({ name, localName }) => ({ name, localName })), nested: [] };
    PLANS.set(schema, plan); // before its fields: messages may hold their own kind
    for (const { name, localName, message } of fields) {
      if (message === undefined || !requiresAnything(message, new Set())) continue;
      plan.nested.push({ name, localName, plan: planOf(message) });
    }
  }
  return plan;
}

function requiresAnything(schema: DescMessage, seen: Set<DescMessage>): boolean {
  if (seen.has(schema)) return false;
  seen.add(schema);
  return schema.fields.some(
    ({ presence, message }) =>
      presence === FieldPresence.LEGACY_REQUIRED ||
      (message !== undefined && requiresAnything(message, seen)),
  );
}
