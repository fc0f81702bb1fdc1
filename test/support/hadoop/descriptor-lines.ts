import { fromBinary } from "@bufbuild/protobuf";
import type {
  DescriptorProto,
  EnumDescriptorProto,
  FieldDescriptorProto,
  FileDescriptorProto,
} from "@bufbuild/protobuf/wkt";
import {
  FileDescriptorSetSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import { HADOOP_FILES } from "./schemas.js";

/** Messages and enums, each as lines of text: a line a field or value, in order of numbers. Two sets of types
 * are equal on the wire, and in every name, when their lines are. */
type TypeLines = ReadonlyMap<string, readonly string[]>;

/** What protocol/hadoop has, as a file holds it. */
export function textOfOurs(): string {
  return textOf(ourLines());
}

/** What `set`, a FileDescriptorSet, says of the types that protocol/hadoop has too. */
export function textOfReleased(set: Uint8Array): string {
  const ours = ourLines();
  const released = linesOf(fromBinary(FileDescriptorSetSchema, set).file);
  return textOf(new Map([...released].filter(([name]) => ours.has(name))));
}

function ourLines(): TypeLines {
  return linesOf(HADOOP_FILES.map(({ proto }) => proto));
}

function linesOf(files: readonly FileDescriptorProto[]): TypeLines {
  const types = new Map<string, readonly string[]>();
  for (const file of files) {
    for (const message of file.messageType) addMessage(types, file.package, message);
    for (const type of file.enumType) addEnum(types, file.package, type);
  }
  return types;
}

function addMessage(types: Map<string, readonly string[]>, scope: string, message: DescriptorProto): void {
  const name = `${scope}.${message.name}`;
  const fields = [...message.field].sort((a, b) => a.number - b.number);
  types.set(`message ${name}`, fields.map(fieldLine));
  for (const inner of message.nestedType) addMessage(types, name, inner);
  for (const inner of message.enumType) addEnum(types, name, inner);
}

function addEnum(types: Map<string, readonly string[]>, scope: string, type: EnumDescriptorProto): void {
  const values = [...type.value].sort((a, b) => a.number - b.number);
  const lines = values.map(({ name, number }) => `${number} ${name}`);
  types.set(`enum ${scope}.${type.name}`, lines);
}

function fieldLine(field: FieldDescriptorProto): string {
  const { number, name, label, type, typeName, defaultValue, options } = field;
  const kind = typeName === "" ? Type[type].toLowerCase() : typeName.slice(1);
  const isPacked = options?.packed === true ? " packed" : "";
  const standard = defaultValue === "" ? "" : ` = ${defaultValue}`;
  return `${number} ${name} ${Label[label].toLowerCase()} ${kind}${standard}${isPacked}`;
}

function textOf(types: TypeLines): string {
  const lines = [...types.keys()]
    .sort()
    .flatMap((name) => [name, ...(types.get(name) ?? []).map((line) => `  ${line}`)]);
  return `${lines.join("\n")}\n`;
}
