import type { Allocation } from "../cluster/blocks/allocation.js";
import type { BlockRequest } from "../cluster/blocks/block-request.js";
import { isSameReplication, printReplication } from "../cluster/containers/replication-config.js";
import type { Clock } from "../core/clock.js";
import type { ErrorCode } from "../core/errors.js";
import type { Scheduler, Timer } from "../core/scheduler.js";
import type { RpcSession } from "../gateway/rpc-session.js";
import type { AuditLog } from "../telemetry/audit.js";

/** How long allocations gather into one line. */
const GATHER_MS = 1000;
const SAMPLE_COUNT = 10;
/** Lines that are being gathered; one more writes all of them. */
const LINE_COUNT_MAX = 1024;

/** Who asked: what a line says of it. */
type Caller = Pick<RpcSession, "clientName"> & { readonly connection: { readonly remoteAddress: string } };

interface Line {
  readonly caller: Caller;
  readonly owner: string;
  readonly replication: BlockRequest["replication"];
  readonly error: ErrorCode | undefined;
  calls: number;
  blocks: number;
  bytes: number;
  readonly sampleBlocks: string[];
}

export interface AllocationAuditParts {
  readonly audit: Pick<AuditLog, "write">;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
}

/** Allocations for the audit log: a line for each caller, owner, configuration and outcome, at most once a
 * second, with how many calls and blocks there were and the first ids (spec 05 §2.2 step 5). A line for each
 * call, as the reference writes it, would cost more than the call: 120,000 of them are 30 MB a second. */
export class AllocationAudit {
  readonly #parts: AllocationAuditParts;
  #lines: Line[] = [];
  /** Callers ask the same again and again. */
  readonly #lastOf = new Map<Caller, Line>();
  #timer: Timer | undefined;

  constructor(parts: AllocationAuditParts) {
    this.#parts = parts;
  }

  done(caller: Caller, request: BlockRequest, allocation: Allocation): void {
    const line = this.#lineOf(caller, request, undefined);
    line.calls++;
    line.blocks += allocation.count;
    line.bytes += allocation.count * request.size;
    for (let i = 0; i < allocation.count && line.sampleBlocks.length < SAMPLE_COUNT; i++) {
      const localId = (BigInt(allocation.idHigh[i] as number) << 32n) | BigInt(allocation.idLow[i] as number);
      line.sampleBlocks.push(`${allocation.containerIds[i]} ${localId}`);
    }
  }

  failed(caller: Caller, request: BlockRequest, error: ErrorCode): void {
    // Nothing was done, and the client asks the leader.
    if (error === "NOT_LEADER") return;
    this.#lineOf(caller, request, error).calls++;
  }

  /** Writes what has gathered. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const lines = this.#lines;
    this.#lines = [];
    this.#lastOf.clear();
    for (const { caller, owner, replication, error, calls, blocks, bytes, sampleBlocks } of lines) {
      const asked = { calls, owner, replication: printReplication(replication) };
      this.#parts.audit.write({
        timeMs: this.#parts.clock.wallMs(),
        sessionId: 0,
        user: caller.clientName,
        clientIp: caller.connection.remoteAddress,
        operation: "ALLOCATE_BLOCK",
        parameters: error === undefined ? { ...asked, blocks, bytes, sampleBlocks } : asked,
        error,
      });
    }
  }

  #lineOf(caller: Caller, request: BlockRequest, error: ErrorCode | undefined): Line {
    const last = this.#lastOf.get(caller);
    if (last !== undefined && isFor(last, request, error)) return last;
    let line = this.#lines.find((known) => known.caller === caller && isFor(known, request, error));
    if (line === undefined) {
      if (this.#lines.length >= LINE_COUNT_MAX) this.flush();
      const { owner, replication } = request;
      line = { caller, owner, replication, error, calls: 0, blocks: 0, bytes: 0, sampleBlocks: [] };
      this.#lines.push(line);
      this.#timer ??= this.#parts.scheduler.after(GATHER_MS, () => this.flush());
    }
    this.#lastOf.set(caller, line);
    return line;
  }
}

function isFor(line: Line, { owner, replication }: BlockRequest, error: ErrorCode | undefined): boolean {
  return line.error === error && line.owner === owner && isSameReplication(line.replication, replication);
}
