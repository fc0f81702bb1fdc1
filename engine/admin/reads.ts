import type { OperationName, RequestOf } from "../../protocol/schema/messages.js";
import type { Operation } from "../cluster/operation.js";
import type { Consensus } from "../consensus/consensus.js";
import { StrataError } from "../core/errors.js";
import type { LateAnswer } from "../gateway/answer.js";
import type { RequestHandler } from "../gateway/rpc-server.js";

/** Answers a read: the state is as new as it has to be. May throw a StrataError in place of `answer.fail`. */
export type Read<N extends OperationName> = (request: RequestOf<N>, answer: LateAnswer<N>) => void;

/** The handler of a read that must see everything that was acknowledged to anybody before it was asked: only
 * the leader answers it, and only when a quorum has confirmed that it still is (raft.md §9). */
export function linearizable<N extends OperationName>(
  consensus: Pick<Consensus<Operation>, "readBarrier">,
  read: Read<N>,
): RequestHandler<N> {
  return (_session, request, answer) => {
    const late = answer.defer();
    consensus.readBarrier((refusal) => {
      if (refusal !== undefined) late.fail(refusal);
      else if (late.isWanted) answered(late, () => read(request, late));
      else late.fail(new StrataError("CONNECTION_LOST", { reason: "closed" }));
    });
  };
}

function answered<N extends OperationName>(late: LateAnswer<N>, task: () => void): void {
  try {
    task();
  } catch (error) {
    if (!(error instanceof StrataError) || error.class === "CorruptionError") throw error;
    late.fail(error);
  }
}
