import type {
  DescriptorProto,
  EnumDescriptorProto,
  FieldDescriptorProto,
  FileDescriptorProto,
} from "@bufbuild/protobuf/wkt";
import {
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";

/** Messages and enums of .proto files, each as lines of text: a line a field or value, in order of numbers.
 * Two files are equal on the wire, and in every name, when their lines are. */
export function descriptorLines(files: readonly FileDescriptorProto[]): Map<string, readonly string[]> {
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
  types.set(
    `enum ${scope}.${type.name}`,
    values.map(({ name, number }) => `${number} ${name}`),
  );
}

function fieldLine({
  number,
  name,
  label,
  type,
  typeName,
  defaultValue,
  options,
}: FieldDescriptorProto): string {
  const kind = typeName === "" ? Type[type].toLowerCase() : typeName.slice(1);
  const isPacked = options?.packed === true ? " packed" : "";
  const standard = defaultValue === "" ? "" : ` = ${defaultValue}`;
  return `${number} ${name} ${Label[label].toLowerCase()} ${kind}${standard}${isPacked}`;
}

/** As a file holds them. */
export function textOfTypes(types: ReadonlyMap<string, readonly string[]>): string {
  const names = [...types.keys()].sort();
  return names
    .map((name) => [name, ...(types.get(name) ?? []).map((line) => `  ${line}`)].join("\n"))
    .join("\n");
}
