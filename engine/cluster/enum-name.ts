import { nameOf } from "../core/enums.js";

/** Name of a stored number. Throws RangeError, as ByteReader does, for a number that the table lacks. */
export function enumName<T extends Readonly<Record<string, number>>>(
  table: T,
  number: number,
): keyof T & string {
  const name = nameOf(table, number);
  if (name === undefined) throw new RangeError(`no enum value ${number}`);
  return name;
}
