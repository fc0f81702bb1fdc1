import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { type Uuid, uuidHalves } from "../../../engine/core/uuid.js";
import { fieldValues, uuidTextOf } from "./message-values.js";

export const UUID_TEXT = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
const CONTAINER_ID = /^containerIDs?$/;
const UUID_MESSAGE = "hadoop.hdds.UUID";

/** Ids that a recorded SCM gave, and those that another SCM gave in their place. */
export class IdMap {
  readonly #uuids = new Map<string, string>();
  readonly #localIds = new Map<bigint, bigint>();
  readonly #containerIds = new Map<bigint, bigint>();

  /** Learns the ids at the same places of a recorded answer and of the one that came instead. */
  learn(schema: DescMessage, recorded: Message, found: Message): void {
    if (schema.typeName === UUID_MESSAGE) {
      this.#uuids.set(uuidTextOf(recorded), uuidTextOf(found));
      return;
    }
    for (const field of schema.fields) {
      const theirs = fieldValues(recorded, field);
      const ours = fieldValues(found, field);
      if (theirs.length !== ours.length) continue;
      for (const [at, value] of theirs.entries()) this.#learnValue(field, value, ours[at]);
    }
  }

  /** Whether the id is one that was learned here, for a recorded one. */
  isLearned(uuid: string): boolean {
    return [...this.#uuids.values()].includes(uuid);
  }

  /** A recorded request with the ids of here. */
  translate(schema: DescMessage, message: Message): Message {
    const copy = Object.assign(Object.create(Object.getPrototypeOf(message)), message);
    if (schema.typeName === UUID_MESSAGE) {
      const known = this.#uuids.get(uuidTextOf(message));
      return known === undefined ? message : Object.assign(copy, halvesOf(known));
    }
    for (const field of schema.fields) {
      const values = fieldValues(message, field).map((value) => this.#translateValue(field, value));
      if (values.length > 0) copy[field.localName] = field.fieldKind === "list" ? values : values[0];
    }
    return copy;
  }

  #learnValue(field: DescField, recorded: unknown, found: unknown): void {
    if (field.message !== undefined) this.learn(field.message, recorded as Message, found as Message);
    else if (field.name === "localID") this.#localIds.set(recorded as bigint, found as bigint);
    else if (CONTAINER_ID.test(field.name)) this.#containerIds.set(recorded as bigint, found as bigint);
    else if (typeof recorded === "string" && typeof found === "string") {
      const [theirs, ours] = [recorded.match(UUID_TEXT), found.match(UUID_TEXT)];
      if (theirs?.length !== ours?.length) return;
      for (const [at, uuid] of (theirs ?? []).entries()) this.#uuids.set(uuid, ours?.[at] ?? uuid);
    }
  }

  #translateValue(field: DescField, value: unknown): unknown {
    if (field.message !== undefined) return this.translate(field.message, value as Message);
    if (field.name === "localID") return this.#localIds.get(value as bigint) ?? value;
    if (CONTAINER_ID.test(field.name)) return this.#containerIds.get(value as bigint) ?? value;
    if (typeof value !== "string") return value;
    return value.replaceAll(UUID_TEXT, (uuid) => this.#uuids.get(uuid) ?? uuid);
  }
}

function halvesOf(text: string): { readonly mostSigBits: bigint; readonly leastSigBits: bigint } {
  const { mostSignificant, leastSignificant } = uuidHalves(text as Uuid);
  return {
    mostSigBits: BigInt.asIntN(64, mostSignificant),
    leastSigBits: BigInt.asIntN(64, leastSignificant),
  };
}
