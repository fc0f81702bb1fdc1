import * as enums from "../engine/core/enums.js";
import type { Field, FieldType, RecordSchema } from "../protocol/schema/fields.js";

/** Tables of declared messages, for `docs/PROTOCOL.md`. */

/** A message with its fields. */
export function messageTable(schema: RecordSchema): string {
  const title = `**${schema.name}**: ${schema.doc}`;
  const isEmpty = Object.keys(schema.fields).length === 0;
  return `${title}${isEmpty ? " No fields." : `\n\n${fieldTable(schema)}`}`;
}

/** Fields of a record in wire order. */
export function fieldTable(schema: RecordSchema): string {
  const lines = Object.entries(schema.fields).map(([name, field], i) => fieldRow(name, field, i));
  const header = "| # | field | type | unit | since | meaning |\n| --: | --- | --- | --- | --: | --- |";
  return `${header}\n${lines.join("\n")}`;
}

function fieldRow(name: string, { type, unit = "", since, doc }: Field, position: number): string {
  return `| ${position} | ${name} | ${typeText(type)} | ${unit} | ${since} | ${cell(doc)} |`;
}

function typeText(type: FieldType): string {
  switch (type.kind) {
    case "text":
      return `text ≤ ${type.lengthMax.toLocaleString("en-US")}`;
    case "bytes":
      return `bytes ≤ ${type.bytesMax.toLocaleString("en-US")}`;
    case "list":
      return `list ≤ ${type.countMax.toLocaleString("en-US")} of ${typeText(type.of)}`;
    case "record":
      return `[${type.record.name}](#${type.record.name.toLowerCase()})`;
    case "optional":
      return `${typeText(type.of)}, optional`;
    case "enum": {
      const name = namedEnums().find(([, values]) => values === type.values)?.[0];
      if (name !== undefined) return `[${name}](#${name.toLowerCase()})`;
      const values = Object.entries(type.values).map(([value, number]) => `${number} ${value}`);
      return values.join(", ");
    }
    default:
      return type.kind;
  }
}

/** Records within messages, by name, each once. */
export function recordsWithin(schemas: Iterable<RecordSchema>): RecordSchema[] {
  const found = new Map<string, RecordSchema>();
  const collect = (type: FieldType): void => {
    if (type.kind === "list" || type.kind === "optional") collect(type.of);
    if (type.kind !== "record") return;
    found.set(type.record.name, type.record);
    for (const field of Object.values(type.record.fields)) collect(field.type);
  };
  for (const schema of schemas) for (const field of Object.values(schema.fields)) collect(field.type);
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The enumerations of the domain that messages use, under a readable name. */
export function namedEnums(): [string, Readonly<Record<string, number>>][] {
  return [
    ["CommandType", enums.COMMAND_TYPE],
    ["ContainerState", enums.CONTAINER_STATE],
    ["NodeHealth", enums.NODE_HEALTH],
    ["OperationalState", enums.OPERATIONAL_STATE],
    ["PipelineState", enums.PIPELINE_STATE],
    ["ReplicaState", enums.REPLICA_STATE],
    ["ReplicationType", enums.REPLICATION_TYPE],
    ["StorageType", enums.STORAGE_TYPE],
  ];
}

export function enumTable(values: Readonly<Record<string, number>>): string {
  const lines = Object.entries(values).map(([name, number]) => `| ${number} | ${name} |`);
  return `| number | name |\n| --: | --- |\n${lines.join("\n")}`;
}

/** Text for a cell of a table. */
export function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
