import type { Uuid } from "../../core/uuid.js";
import type { NodeId } from "../../raft/types.js";

/** Ports by which a member is reached; 0 = that service does not run there (spec 12 §8.2 H14). */
export interface MemberPorts {
  /** Raft peers: `ozone.scm.ratis.port`. */
  readonly raft: number;
  /** Datanodes and administrators over WebSocket: `strata.ws.address`. */
  readonly strata: number;
  /** Web pages. */
  readonly http: number;
  /** Hadoop RPC, by protocol (spec 07 §3). */
  readonly client: number;
  readonly datanode: number;
  readonly block: number;
  readonly security: number;
}

/** One entry of the address book: who a member of the Raft group is, and where it is found. */
export interface Member {
  /** Given when it joins, never used again for another SCM. */
  readonly nodeId: NodeId;
  readonly scmId: Uuid;
  /** Its name in `ozone.scm.nodes.<service>`; empty without a service. */
  readonly name: string;
  /** As configured there: `ozone.scm.address`. Not resolved, so that name servers may change. */
  readonly host: string;
  readonly ports: MemberPorts;
}
