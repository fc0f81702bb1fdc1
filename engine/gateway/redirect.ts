import type { Redirect } from "../../protocol/codec/errors.js";
import type { ScmAddress } from "../../protocol/schema/records.js";
import type { Member } from "../cluster/members/member.js";

/** What a client is told about the group: the highest term, who leads it, where everybody is. `leaderId` is
 * no member's when nobody is known to lead. */
export function redirectOf(term: number, leaderId: number, members: readonly Member[]): Redirect {
  const leader = members.find(({ nodeId }) => nodeId === leaderId);
  const leaderHint = leader === undefined ? undefined : endpointOf(leader.host, leader.ports.strata);
  return {
    term,
    ...(leaderHint === undefined ? {} : { leaderHint }),
    ...(members.length === 0 ? {} : { members: members.map(addressOf) }),
  };
}

/** URL of an SCM for clients of this protocol, undefined when it serves none. */
function endpointOf(host: string, port: number): string | undefined {
  if (port === 0) return undefined;
  return `ws://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function addressOf({ nodeId, scmId, name, host, ports }: Member): ScmAddress {
  return {
    nodeId,
    scmId,
    name,
    host,
    strataPort: ports.strata,
    raftPort: ports.raft,
    httpPort: ports.http,
    clientPort: ports.client,
    datanodePort: ports.datanode,
    blockPort: ports.block,
    securityPort: ports.security,
  };
}
