import { DEFAULT_PEER_LIMITS } from "../engine/peers/peer-limits.js";
import type { RecordSchema } from "../protocol/schema/fields.js";
import * as peer from "../protocol/schema/peer-messages.js";
import { fieldTable, messageTable, recordsWithin } from "./protocol-tables.js";

const { pingIntervalMs, silentPingsMax, handshakeTimeoutMs, redialMsMax } = DEFAULT_PEER_LIMITS;

const SILENCE_SECONDS = (pingIntervalMs * silentPingsMax) / 1000;

const INTRODUCTION = `## Members of the Raft group

How SCMs of one group talk to each other: on the port of \`ozone.scm.ratis.port\` (default 9894), subprotocol
\`${peer.PEER_SUBPROTOCOL}\`, paths \`${peer.RAFT_PATH}\` and \`${peer.SNAPSHOT_PATH}\`.
Nobody else speaks it: this chapter is for who looks at the wire. Headers, bodies and close codes are those of
the chapters above, except that a WebSocket message holds one or more frames, one behind the other, and has at
most ${bytes(peer.PEER_MESSAGE_BYTES_MAX)}; a frame on \`${peer.RAFT_PATH}\` has at most
${bytes(peer.PEER_FRAME_BYTES_MAX)}.

1. Each member dials each other one and sends its messages there; what comes back on that connection are only
   the answers to \`hello\` and \`ping\`. Frames of who dialled have the request ids 1, 2, 3 … without a
   gap.
2. \`hello\` is the first frame, within ${handshakeTimeoutMs / 1000} s. Both sides describe themselves; who
   dialled says whom it means. Refused are another cluster (\`CLUSTER_ID_MISMATCH\`), an SCM that is no member
   (\`MEMBER_UNKNOWN\`), one that means another node (\`PEER_NODE_ID\`), and one with the node id of who is
   dialled (\`NODE_ID_TAKEN\`). The refusal is an error answer, and closes the connection.
3. Every message names sender and receiver; another sender than hello's closes the connection
   (\`PEER_MESSAGE_INVALID\`), except that a \`readIndex\` that is passed on keeps the name of who asked
   first.
4. Who dialled sends \`ping\` every ${pingIntervalMs} ms, and hangs up when for ${SILENCE_SECONDS} s nothing
   came and nothing left. It dials again at once, then after random pauses of at most ${redialMsMax} ms.
5. A newer connection of a member on \`${peer.RAFT_PATH}\` takes the place of its older one.
6. On \`${peer.SNAPSHOT_PATH}\`, behind hello, both sides send frames of op ${peer.SNAPSHOT_PART_OP} with
   bytes of the snapshot's own as their body, at most ${bytes(peer.SNAPSHOT_PART_BYTES_MAX)}.
   They are numbered in each direction; those of who answers begin with 1.`;

/** The part of `docs/PROTOCOL.md` about members. */
export const PEER_CHAPTER: readonly string[] = [
  INTRODUCTION,
  `### Messages of members\n\n${operationTable()}`,
  ...distinct(schemas()).map(messageTable),
  ...recordsWithin(schemas()).map((schema) => `### ${schema.name}\n\n${schema.doc}\n\n${fieldTable(schema)}`),
];

function operationTable(): string {
  const requests = Object.entries(peer.PEER_REQUESTS).map(([name, { op, request, response }]) => {
    return [op, name, `${request.name}, answered with ${response.name}`] as const;
  });
  const others = Object.entries(peer.PEER_MESSAGES).map(([name, { op, message }]) => {
    return [op, name, message.name] as const;
  });
  const lines = [...requests, ...others].map(([op, name, body]) => `| ${op} | ${name} | ${body} |`);
  return `| op | name | body |\n| --: | --- | --- |\n${lines.join("\n")}`;
}

function schemas(): RecordSchema[] {
  return [
    ...Object.values(peer.PEER_REQUESTS).flatMap(({ request, response }) => [request, response]),
    ...Object.values(peer.PEER_MESSAGES).map(({ message }) => message),
  ];
}

function distinct<T>(items: readonly T[]): T[] {
  return [...new Set(items)];
}

function bytes(count: number): string {
  return `${count.toLocaleString("en-US")} bytes`;
}
