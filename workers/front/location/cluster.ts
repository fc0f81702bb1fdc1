import { lookup } from "node:dns/promises";
import { CONTAINER_HEALTH, CONTAINER_STATE } from "../../../engine/core/enums.js";
import type { ProtoWriter } from "../../../protocol/hadoop/proto-writer.js";
import type { ResponseOf } from "../../../protocol/schema/messages.js";
import type { FrontContext } from "../front-context.js";
import { exceptionOf, failureOf, notSupported } from "../hadoop-errors.js";
import { bodyOf, uuidOfText } from "../request-parts.js";
import { requireLeader } from "../require-leader.js";
import { LOCATION_PROTOCOL, type LocationHandler, type LocationHandlers } from "./location-call.js";

type Peer = ResponseOf<"scmRoles">["peers"][number];

/** The SCMs, safe mode and services (spec 09 §4.4). */
export function clusterHandlers(context: FrontContext): LocationHandlers {
  const info: LocationHandler = async ({ main }, body) => {
    await requireLeader(main);
    const { peers } = await main.ask<"scmRoles">("scmRoles", {});
    body.text(1, context.settings.clusterId);
    body.text(2, context.settings.scmId);
    for (const role of await Promise.all(peers.map(roleOf))) body.text(3, role);
  };

  const decommission: LocationHandler = async ({ message, main }, body) => {
    const request = bodyOf(message.decommissionScmRequest, "decommissionScmRequest");
    try {
      const scmId = uuidOfText("scmId", request.scmId);
      await main.ask<"decommissionScm">("decommissionScm", { scmId, force: false });
      body.boolean(1, true);
    } catch (error) {
      const call = { port: "client", protocol: LOCATION_PROTOCOL, type: "DecommissionScm" } as const;
      const failure = failureOf(error, call, context);
      if (failure.kind !== "refusal") throw error;
      body.boolean(1, false);
      body.text(2, exceptionOf(failure).message);
    }
  };

  return {
    GetScmInfo: info,
    TransferLeadership: transfer,
    DecommissionScm: decommission,
    InSafeMode: (_, body) => body.boolean(1, false),
    ForceExitSafeMode: (_, body) => body.boolean(1, true),
    // None is left to be fulfilled.
    GetSafeModeRuleStatuses: () => undefined,
    GetReplicationManagerStatus: async ({ main }, body) => {
      await requireLeader(main);
      body.boolean(1, false);
    },
    StartReplicationManager: () => {
      throw notSupported("StartReplicationManager");
    },
    // It does not run.
    StopReplicationManager: () => undefined,
    GetReplicationManagerReport: report,
    // Both are dead in the reference, which answers the same (spec 09 §4.1).
    ResetDeletedBlockRetryCount: (_, body) => body.number(1, 0),
    GetFailedDeletedBlocksTransaction: () => undefined,
  };
}

const transfer: LocationHandler = async ({ message, main }) => {
  const { newLeaderId } = bodyOf(message.transferScmLeadershipRequest, "transferScmLeadershipRequest");
  const which = newLeaderId === "" ? {} : { scmId: uuidOfText("newLeaderId", newLeaderId) };
  await main.ask<"transferLeadership">("transferLeadership", which);
};

/** `host:ratisPort:ROLE:scmId:ip`, which clients split at the colons and want whole (spec 12 §4). */
async function roleOf({ host, ratisPort, role, scmId, address }: Peer): Promise<string> {
  const ip = address === "" || address.includes(":") ? await addressOf(host) : address;
  return `${host}:${ratisPort}:${role === "LEADER" ? "LEADER" : "FOLLOWER"}:${scmId}:${ip}`;
}

async function addressOf(host: string): Promise<string> {
  try {
    return (await lookup(host, { family: 4 })).address;
  } catch {
    return host;
  }
}

const report: LocationHandler = async ({ main }, body) => {
  const answer = await main.ask<"containerReport">("containerReport", {});
  const counts = new Map<string, number>();
  for (const name of [...Object.keys(CONTAINER_STATE), ...Object.keys(CONTAINER_HEALTH)]) counts.set(name, 0);
  for (const { state, containerCount } of answer.states) counts.set(state, containerCount);
  for (const { health, containerCount } of answer.healths) counts.set(health, containerCount);
  body.openMessage(1);
  body.number(1, answer.timeMs);
  for (const [name, value] of counts) writeCount(body, name, value);
  for (const { health, sample } of answer.healths) if (sample.length > 0) writeSample(body, health, sample);
  body.number(4, answer.sampleCountMax);
  body.closeMessage();
};

function writeCount(body: ProtoWriter, name: string, value: number): void {
  body.openMessage(2);
  body.text(1, name);
  body.number(2, value);
  body.closeMessage();
}

function writeSample(body: ProtoWriter, name: string, containerIds: readonly number[]): void {
  body.openMessage(3);
  body.text(1, name);
  for (const id of containerIds) {
    body.openMessage(2);
    body.number(1, id);
    body.closeMessage();
  }
  body.closeMessage();
}
