import type { RequestOf, ResponseOf } from "../../protocol/schema/messages.js";
import type { ScmAddress } from "../../protocol/schema/records.js";
import type { Member } from "../cluster/members/member.js";
import type { Candidate } from "../cluster/members/membership-rules.js";
import type { MemberRole } from "../consensus/group.js";
import { StrataError } from "../core/errors.js";
import { type LogIndex, logIndex } from "../core/ids.js";
import type { Answer } from "../gateway/answer.js";
import type { RpcSession } from "../gateway/rpc-session.js";
import type { AdminServices } from "./admin-services.js";
import type { Mutations } from "./mutations.js";

/** An address, as opposed to a name. */
const IP_ADDRESS = /^[\d.]+$|:/;

/** Who is in the Raft group, and changes of it. The requests carry no session: each of them says what is to
 * be, so that a repetition does nothing. */
export class GroupRequests {
  readonly #services: AdminServices;
  readonly #mutations: Mutations;

  constructor(services: AdminServices, mutations: Mutations) {
    this.#services = services;
    this.#mutations = mutations;
  }

  roles(_session: RpcSession, _request: RequestOf<"scmRoles">, answer: Answer<"scmRoles">): void {
    const { term, configVersion, isJoint, roles } = this.#services.group.view();
    answer.done({ peers: roles.map((role) => this.#peerOf(role)), term, configVersion, isJoint });
  }

  add(session: RpcSession, request: RequestOf<"addScm">, answer: Answer<"addScm">): void {
    const { clusterId, scm, expectedVersion } = request;
    const candidate = candidateOf(scm);
    const parameters = { scmId: scm.scmId, name: scm.name, host: scm.host, raftPort: scm.raftPort };
    this.#mutations.carryOut<"addScm">(session, answer, {
      audit: { operation: "ADD_SCM", parameters },
      task: (onOutcome) => {
        this.#requireCluster(clusterId);
        requireAddress(scm);
        this.#services.group.add(candidate, versionOf(expectedVersion), onOutcome);
      },
      respond: () => this.#added(candidate),
    });
  }

  decommission(
    session: RpcSession,
    { scmId, force, expectedVersion }: RequestOf<"decommissionScm">,
    answer: Answer<"decommissionScm">,
  ): void {
    this.#mutations.carryOut<"decommissionScm">(session, answer, {
      audit: { operation: "DECOMMISSION_SCM", parameters: { scmId, force } },
      task: (onOutcome) => {
        this.#services.group.remove(scmId, { force, expected: versionOf(expectedVersion) }, onOutcome);
      },
      respond: () => ({ configVersion: this.#services.cluster.members.configVersion }),
    });
  }

  transfer(
    session: RpcSession,
    { scmId }: RequestOf<"transferLeadership">,
    answer: Answer<"transferLeadership">,
  ): void {
    let leader: ResponseOf<"transferLeadership"> | undefined;
    this.#mutations.carryOut<"transferLeadership">(session, answer, {
      audit: { operation: "TRANSFER_LEADERSHIP", parameters: { scmId: scmId ?? "" } },
      task: (onOutcome) => {
        this.#services.group.transfer(scmId, (outcome) => {
          if (outcome instanceof StrataError) {
            onOutcome(outcome);
            return;
          }
          leader = outcome;
          onOutcome(undefined);
        });
      },
      respond: () => leader as ResponseOf<"transferLeadership">,
    });
  }

  #added({ scmId }: Candidate): ResponseOf<"addScm"> {
    const { cluster, identity, primaryScmId } = this.#services;
    const row = cluster.members.withScmId(scmId);
    if (row === undefined) throw new StrataError("MEMBER_UNKNOWN", { scmId });
    const { configVersion } = cluster.members;
    return { nodeId: row.nodeId, clusterId: identity.clusterId, primaryScmId, configVersion };
  }

  /** Ids of another cluster would look like members of this one. */
  #requireCluster(given: string): void {
    const expected = this.#services.identity.clusterId;
    if (given !== expected) throw new StrataError("CLUSTER_ID_MISMATCH", { given, expected });
  }

  #peerOf({ member, role, progress }: MemberRole): ResponseOf<"scmRoles">["peers"][number] {
    const { host, identity } = this.#services;
    const isOwn = member.nodeId === identity.nodeId;
    const address = isOwn ? host.address : IP_ADDRESS.test(member.host) ? member.host : "";
    return {
      nodeId: member.nodeId,
      scmId: member.scmId,
      host: member.host,
      ratisPort: member.ports.raft,
      role,
      address,
      name: member.name,
      ...(progress === undefined
        ? {}
        : { match: progress.match, lagCount: progress.lagCount, isLive: progress.isLive }),
    };
  }
}

function candidateOf(scm: ScmAddress): Candidate {
  const { scmId, name, host } = scm;
  const ports: Member["ports"] = {
    raft: scm.raftPort,
    strata: scm.strataPort,
    http: scm.httpPort,
    client: scm.clientPort,
    datanode: scm.datanodePort,
    block: scm.blockPort,
    security: scm.securityPort,
  };
  return { scmId, name, host, ports };
}

function requireAddress(scm: ScmAddress): void {
  if (scm.host === "") throw new StrataError("INVALID_ARGUMENT", { field: "host", reason: "is empty" });
  for (const [field, value] of Object.entries(scm)) {
    if (typeof value === "number" && field.endsWith("Port") && value > 65_535) {
      throw new StrataError("INVALID_ARGUMENT", { field, reason: `${value} is no port` });
    }
  }
}

function versionOf(expected: number | undefined): LogIndex | undefined {
  return expected === undefined ? undefined : logIndex(expected);
}
