import type { OperationName, ResponseOf } from "../../protocol/schema/messages.js";
import { OPERATION, type Operation, type SessionStamp } from "../cluster/operation.js";
import { bodyOfOutcome } from "../cluster/operation-result.js";
import type { OperationResult } from "../cluster/state-machine.js";
import type { GroupCallback } from "../consensus/consensus.js";
import { StrataError } from "../core/errors.js";
import type { Answer, LateAnswer } from "../gateway/answer.js";
import type { RpcSession } from "../gateway/rpc-session.js";
import type { AdminServices } from "./admin-services.js";

/** What a mutation is for the audit log. */
export interface MutationAudit {
  readonly operation: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** What is proposed and what its result means. */
export interface Decision<R> {
  readonly operation: Operation;
  /** Makes the answer of the result's body, as an object or as a frame whose body is encoded already, or the
   * refusal that it means. */
  readonly respond: (body: Uint8Array) => R | Uint8Array | StrataError;
  /** Told first what became of the operation. */
  readonly settled?: (outcome: OperationResult | StrataError) => void;
}

/** A refusal by what this SCM alone knows uses up its number in the log, too: an attempt of the same mutation
 * that is still on its way somewhere finds it there, and what an earlier attempt has done stays done. Its
 * result has a body; that of an operation that was carried out and has nothing to say is empty. */
export function refusalOf(session: SessionStamp): Operation {
  return { kind: OPERATION.hashAt, session };
}

/** Carries mutations through audit admission, the log and `apply` to their answer. */
export class Mutations {
  readonly #services: AdminServices;

  constructor(services: AdminServices) {
    this.#services = services;
  }

  /** Answers once the operation is durable and applied, or refused. While the audit log is full the
   * mutation waits: none happens without a record. `respond` makes the answer of the result's body, or the
   * refusal that it means. */
  run<N extends OperationName>(
    session: RpcSession,
    answer: Answer<N>,
    operation: Operation,
    audit: MutationAudit,
    respond: (body: Uint8Array) => ResponseOf<N> | StrataError,
  ): void {
    const late = answer.defer();
    this.#whenRecordable(late, () => this.#propose(session, late, { operation, respond }, audit));
  }

  /** The same for a mutation that depends on what datanodes have reported, which takes a moment to find out;
   * a StrataError says that it could not be found out. */
  runDecided<N extends OperationName>(
    session: RpcSession,
    answer: Answer<N>,
    audit: MutationAudit,
    decide: (onDecision: (decision: Decision<ResponseOf<N>> | StrataError) => void) => void,
  ): void {
    const late = answer.defer();
    this.#whenRecordable(late, () => {
      decide((decision) => {
        if (decision instanceof StrataError) {
          this.#record(session, 0, audit, decision);
          late.fail(decision);
        } else this.#propose(session, late, decision, audit);
      });
    });
  }

  /** The same for what goes another way than through an operation. What `task` throws is a refusal. */
  carryOut<N extends OperationName>(
    session: RpcSession,
    answer: Answer<N>,
    mutation: {
      readonly audit: MutationAudit;
      readonly task: (onOutcome: GroupCallback) => void;
      readonly respond: () => ResponseOf<N>;
    },
  ): void {
    const late = answer.defer();
    const onOutcome = (error: StrataError | undefined): void => {
      this.#record(session, 0, mutation.audit, error);
      if (error !== undefined) late.fail(error);
      else late.done(mutation.respond());
    };
    this.#whenRecordable(late, () => {
      try {
        mutation.task(onOutcome);
      } catch (error) {
        if (!(error instanceof StrataError)) throw error;
        onOutcome(error);
      }
    });
  }

  #whenRecordable<N extends OperationName>(late: LateAnswer<N>, task: () => void): void {
    const { audit } = this.#services;
    if (audit.ready()) {
      task();
      return;
    }
    void audit.whenReady().then((reason) => {
      if (reason === undefined) task();
      else late.fail(reason);
    });
  }

  #propose<N extends OperationName>(
    session: RpcSession,
    late: LateAnswer<N>,
    { operation, respond, settled }: Decision<ResponseOf<N>>,
    audit: MutationAudit,
  ): void {
    this.#services.consensus.propose(operation, (outcome) => {
      settled?.(outcome);
      const body = bodyOfOutcome(outcome);
      const response = body instanceof StrataError ? body : respond(body);
      const error = response instanceof StrataError ? response : undefined;
      this.#record(session, operation.session.sessionId, audit, error);
      if (response instanceof StrataError) late.fail(response);
      else if (response instanceof Uint8Array) late.doneEncoded(response);
      else late.done(response);
    });
  }

  #record(
    session: RpcSession,
    sessionId: number,
    { operation, parameters }: MutationAudit,
    error: StrataError | undefined,
  ): void {
    // Nothing was done, and the client asks the leader, which writes the record.
    if (error?.code === "NOT_LEADER") return;
    this.#services.audit.write({
      timeMs: this.#services.clock.wallMs(),
      sessionId,
      user: session.clientName,
      clientIp: session.connection.remoteAddress,
      operation,
      parameters,
      error: error?.code,
    });
  }
}
