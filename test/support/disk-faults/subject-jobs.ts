import type { ErrorCode } from "../../../engine/core/errors.js";

/** What a subject is asked to do, and what it says; a line of JSON each. */
export type Job =
  | {
      /** Checks with `verify` if asked to, starts, writes on, stops, starts again. */
      readonly kind: "inspect";
      readonly metadataDir: string;
      readonly verifyFirst: boolean;
      /** Operations written after the first start. */
      readonly furtherCount: number;
    }
  | {
      /** Starts and writes until it has written `count` operations; says each that is acknowledged. */
      readonly kind: "work";
      readonly metadataDir: string;
      readonly count: number;
      /** Flushes after every so many operations, every second time durably and with the log truncated. */
      readonly flushEvery: number;
      /** The watermark is due after every so many. */
      readonly markEvery: number;
      /** Made after the start: what is to fail fails from there on. */
      readonly armFile?: string;
      /** Nothing is written after the start before this file is there. */
      readonly awaitFile?: string;
    }
  | { readonly kind: "init"; readonly metadataDir: string };

/** Names the operations that a subject writes (see `writeAt`). */
export const FURTHER = "further";

export interface Refusal {
  readonly code: ErrorCode | undefined;
  readonly message: string;
  /** What the table of errors tells the operator to do. */
  readonly action: string;
  /** Where it has no code. */
  readonly stack: string;
}

export interface VerifyFinding {
  readonly severity: "error" | "warning";
  readonly what: string;
  readonly nextStep: string;
}

export interface Found {
  readonly last: number;
  readonly rows: readonly (readonly [row: number, value: string])[];
}

export type Said =
  | { readonly kind: "acknowledged"; readonly index: number }
  | { readonly kind: "verified"; readonly findings: readonly VerifyFinding[]; readonly lastIndex?: number }
  /** By the verification, which may not. */
  | { readonly kind: "changed"; readonly files: readonly string[] }
  /** The first or, after more was written, the second start of `inspect`; the start of `work`. */
  | ({ readonly kind: "started" } & Found)
  | { readonly kind: "entries"; readonly entries: readonly (readonly [index: number, digest: string])[] }
  | { readonly kind: "initialized"; readonly clusterId: string; readonly isNew: boolean }
  | ({ readonly kind: "refused" } & Refusal)
  /** The job is over, whatever came of it. */
  | { readonly kind: "done" };
