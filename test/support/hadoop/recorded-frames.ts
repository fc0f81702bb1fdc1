import { readFileSync, writeFileSync } from "node:fs";

/** What `npm run record-frames` has recorded of the released programs and SCM. */
export const GOLDEN_FRAMES = new URL("../../../../test/golden/hadoop/frames.txt", import.meta.url);

/** The frames of a call as they were on the wire, with the length before each. */
export interface CallFrames {
  /** The last word of the protocol's name. */
  readonly protocol: string;
  readonly method: string;
  readonly request: Uint8Array;
  readonly response: Uint8Array;
}

export interface RpcCall extends CallFrames {
  /** Of `npm run interop`, during which it was recorded. */
  readonly step: string;
}

/** A file of three lines a call: what it is, its request, its answer. */
export function writeCalls(file: string | URL, calls: readonly RpcCall[]): void {
  const text = calls.map(
    ({ step, protocol, method, request, response }) =>
      `${step} ${protocol} ${method}\n${base64(request)}\n${base64(response)}\n`,
  );
  writeFileSync(file, text.join(""));
}

export function readCalls(file: string | URL): RpcCall[] {
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  return Array.from({ length: lines.length / 3 }, (_, at) => {
    const [head = "", request = "", response = ""] = lines.slice(at * 3, at * 3 + 3);
    const [step = "", protocol = "", method = ""] = head.split(" ");
    return { step, protocol, method, request: bytesOf(request), response: bytesOf(response) };
  });
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"));
}
