import { type AdminClient, createAdminClient } from "../../protocol/client/index.js";
import type { LocalCluster } from "./local-cluster.js";

/** As short as a client that wants to notice a leader that hangs. */
const ATTEMPT_TIMEOUT_MS = 200;
const WRITE_MS = 50;
const LOOK_MS = 250;
/** What is longer than this, beyond the pause that the writer makes itself, is told. */
const PAUSE_MS = 50;
/** No container has it: the write is replicated and changes nothing. */
const CONTAINER_ID = 1;

/** Writes and looks until `end`, and tells who leads and how long writes stood still. */
export async function watch(cluster: LocalCluster, end: Promise<void>): Promise<void> {
  let isOver = false;
  void end.then(() => {
    isOver = true;
    client.close();
  });
  const client = createAdminClient({
    endpoints: cluster.endpoints,
    clientName: "cluster",
    attemptTimeoutMs: ATTEMPT_TIMEOUT_MS,
  });
  await Promise.all([write(cluster, client, () => isOver), look(cluster, client, () => isOver)]);
}

async function write(cluster: LocalCluster, client: AdminClient, isOver: () => boolean): Promise<void> {
  let lastMs = performance.now();
  for (let writes = 0; !isOver(); ) {
    try {
      await client.suppressContainers({ containerIds: [CONTAINER_ID], suppress: true });
      writes++;
    } catch {
      // The client was closed, or there was no quorum for a minute.
      continue;
    }
    const ms = Math.round(performance.now() - lastMs);
    if (ms > PAUSE_MS + WRITE_MS) cluster.emit({ event: "paused", ms, writes });
    lastMs = performance.now();
    await new Promise((resolve) => setTimeout(resolve, WRITE_MS));
  }
}

async function look(cluster: LocalCluster, client: AdminClient, isOver: () => boolean): Promise<void> {
  let told = "";
  while (!isOver()) {
    const roles = await client.scmRoles().catch(() => undefined);
    if (isOver()) return;
    const leader = roles?.peers.find(({ role }) => role === "LEADER");
    const name = leader === undefined ? "" : cluster.nameOf(leader.ratisPort);
    const now = roles === undefined || name === "" ? "" : `${name} ${roles.term}`;
    if (now !== told) {
      if (roles === undefined || name === "") cluster.emit({ event: "noLeader" });
      else cluster.emit({ event: "leader", name, term: roles.term ?? 0 });
      told = now;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
