import { ByteReader } from "../core/byte-reader.js";
import { ByteWriter } from "../core/byte-writer.js";
import { SAFE_INTEGER_MAX } from "../core/ids.js";
import type { ConfChange, ConfChangeStep } from "./types.js";
import { CONF_CHANGE, CONF_CHANGE_TRANSITION, nodeId } from "./types.js";

const EMPTY_PAYLOAD = new Uint8Array(0);
const KINDS: readonly number[] = Object.values(CONF_CHANGE);
const TRANSITIONS: readonly number[] = Object.values(CONF_CHANGE_TRANSITION);

/** Payload of a change's entry: transition u8, number of steps u16, per step kind u8 and node id f64, then
 * the context; little-endian. The change that leaves a joint configuration has no payload at all, so that
 * no limit in bytes ever refuses it. */
export function encodeConfChange({ transition, steps, context }: ConfChange): Uint8Array {
  if (transition === CONF_CHANGE_TRANSITION.AUTO && steps.length === 0 && context.length === 0) {
    return EMPTY_PAYLOAD;
  }
  const writer = new ByteWriter();
  writer.u8(transition);
  writer.u16(steps.length);
  for (const step of steps) {
    writer.u8(step.type);
    writer.f64(step.nodeId);
  }
  writer.raw(context);
  return writer.take();
}

/** Undefined for bytes that `encodeConfChange` never makes. */
export function decodeConfChange(payload: Uint8Array): ConfChange | undefined {
  if (payload.length === 0) return { transition: CONF_CHANGE_TRANSITION.AUTO, steps: [], context: payload };
  const reader = new ByteReader(payload);
  try {
    const transition = reader.u8();
    if (!TRANSITIONS.includes(transition)) return undefined;
    const stepCount = reader.u16();
    const steps: ConfChangeStep[] = [];
    for (let i = 0; i < stepCount; i++) {
      const type = reader.u8();
      const id = reader.f64();
      if (!KINDS.includes(type) || !Number.isInteger(id) || id < 0 || id > SAFE_INTEGER_MAX) return undefined;
      steps.push({ type: type as ConfChangeStep["type"], nodeId: nodeId(id) });
    }
    const context = reader.raw(reader.remaining);
    return { transition: transition as ConfChange["transition"], steps, context };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
