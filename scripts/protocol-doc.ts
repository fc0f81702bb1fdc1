import { ERRORS } from "../engine/core/errors.js";
import { UNKNOWN_DEPTH_MAX } from "../protocol/codec/body-reader.js";
import { closeCodeOf } from "../protocol/codec/errors.js";
import { FLAG_ANSWER, FLAG_ERROR, FRAME_HEADER_BYTES, FRAME_VERSION } from "../protocol/codec/frame.js";
import * as rows from "../protocol/codec/report-rows.js";
import type { RecordSchema } from "../protocol/schema/fields.js";
import type { OperationName } from "../protocol/schema/messages.js";
import * as messages from "../protocol/schema/messages.js";
import { PEER_CHAPTER } from "./peer-protocol-doc.js";
import { cell, enumTable, fieldTable, messageTable, namedEnums, recordsWithin } from "./protocol-tables.js";

/** Text of `docs/PROTOCOL.md`: prose about the connection, and every message from its declaration. */
export function renderProtocolDoc(): string {
  return [
    INTRODUCTION,
    FRAMES,
    BODIES,
    CONNECTION,
    DATANODES,
    ADMINISTRATORS,
    COMPATIBILITY,
    `## Operations\n\n${operationTable()}`,
    ...operationNames().map(operationSection),
    `## Error answers\n\n${messageTable(messages.ERROR_BODY)}`,
    `## Records\n\nRecords that messages carry; on the wire an array within the array.`,
    ...recordsWithin(requestsAndResponses()).map(
      (schema) => `### ${schema.name}\n\n${schema.doc}\n\n${fieldTable(schema)}`,
    ),
    `## Enumerations\n\nNumbers on the wire, names everywhere else.`,
    ...namedEnums().map(([name, values]) => `### ${name}\n\n${enumTable(values)}`),
    ...PEER_CHAPTER,
  ].join("\n\n");
}

const INTRODUCTION = `# Protocol

How datanodes and administrators talk to a Strata SCM. The client library \`strata-scm/client\` speaks it;
this page is for who writes another client, or looks at the wire. Its source is \`protocol/schema/\`, from
which types, encoders, decoders and this page are made.

Messages are binary WebSocket messages on the port of \`strata.ws.address\` (default 9865), subprotocol
\`${messages.SUBPROTOCOL}\`, on one of two paths: \`${messages.DATANODE_PATH}\` for datanodes,
\`${messages.ADMIN_PATH}\` for administrators. This is version ${messages.PROTOCOL_VERSION} of the protocol.`;

const FRAMES = `## Frames

A message is a header of ${FRAME_HEADER_BYTES} bytes, little-endian, and a body:

| bytes | field | type | meaning |
| --- | --- | --- | --- |
| 0 | op | u8 | which operation, never 0 |
| 1 | version | u8 | of the header: ${FRAME_VERSION} |
| 2 – 3 | flags | u16 | ${FLAG_ANSWER}: an answer; ${FLAG_ERROR}: the body is an error; others are refused |
| 4 – 7 | bodyLength | u32 | bytes behind the header, exactly |
| 8 – 15 | requestId | f64 | whole number 1 … 2^53 − 1, ascending on a connection |

A frame has at most ${bytes(messages.FRAME_BYTES_MAX)}. A text message or a larger one closes the
connection.`;

const BODIES = `## Bodies

The body is one msgpack value: a record, which is an array of its fields in the order of the tables below.
Nothing in it is a map or an extension. Fields that a receiver does not know nest at most
${UNKNOWN_DEPTH_MAX} deep.

| type | on the wire |
| --- | --- |
| u8, u16, u32 | whole number from 0 that fits the bits |
| count | whole number 0 … 2^53 − 1, as integer or float |
| integer | whole number −(2^53 − 1) … 2^53 − 1, as integer or float |
| u64, i64 | 64-bit integer, all values; never through a float above 2^53 |
| bool | true or false |
| uuid | 16 bytes, most significant first |
| text ≤ n | UTF-8, at most n UTF-16 code units |
| bytes ≤ n | bin, at most n bytes |
| an enumeration | its number |
| list ≤ n of t | array of at most n |
| a record | array of its fields |

An optional field is nil when it is absent; optional fields at the end of a record may also be missing.
What breaks a rule of this section, or a limit of a table below, closes the connection.`;

const CONNECTION = `## Life of a connection

1. The client opens the WebSocket and sends \`hello\` as its first message, within
   \`strata.ws.handshake.timeout\`. The answer names the cluster, the SCM, the version used from now on and
   the limits. A client that names another cluster is refused and the connection is closed.
2. The client sends requests, each with a higher requestId than the one before. It need not wait for an
   answer before the next request, up to \`requestsInFlightMax\` of the hello answer.
3. Each request gets exactly one answer with its op and requestId, or the connection is closed. Answers come
   in any order; requests are taken in the order in which they were sent.
4. An error answer says with its code whether the same request may succeed later, elsewhere or never
   ([ERRORS.md](ERRORS.md)). An unknown op is answered with \`UNSUPPORTED_OPERATION\`.
5. A side that closes because of an error gives the close code 4000 + the error's number, for example
   ${closeCodeOf("FRAME_MALFORMED")} for \`FRAME_MALFORMED\` (${ERRORS.FRAME_MALFORMED.wire}),
   and a reason that begins with its name. 1001 says that the SCM stops.
6. A peer that does not read what it is sent is closed, and so is one that is silent for
   \`strata.ws.idle.timeout\` and does not answer a ping.

What was asked and not answered when a connection ends may or may not have been done. A client dials again
after a random pause below a bound that doubles with every failure, so that a fleet does not return at one
moment.`;

const DATANODES = `## Datanodes

A datanode keeps a connection to every SCM. After hello it sends \`register\`, then heartbeats every
\`heartbeatIntervalMs\`. It has one connection to an SCM: a newer one, once registered, takes the place of
the older. The answer to a heartbeat carries the orders for the datanode, in order, each with the term of
the leader that gave it. A reregisterCommand among them, or the error \`NOT_REGISTERED\`, asks for a new
registration on the same connection. An SCM that was just started answers \`register\` with \`NOT_READY\`
until it has caught up with the others: ask again.

### Terms

Every SCM takes registrations, heartbeats and reports; only the leader gives orders, and only its answers
carry a term (others: 0). A leader that was deposed and does not know it must have no effect:

1. As long as a datanode knows no term it holds what it is ordered, until more than half of the SCMs have
   answered its registration. The highest term of what waits, or of any answer, is the first one.
2. Then the highest term rises with every order and every answer. Orders of a lower one are dropped.
3. An order to delete, replicate or reconstruct is looked at again when it begins: its term must be the
   highest still, and its deadline not over.
4. \`termSeen\` of a heartbeat is the highest term at the moment when the heartbeat is made, and
   \`commandCounts\` counts what waits or runs then. A new leader deletes no replica of a container until
   every datanode that holds one has said so, its term and no delete, or until the last delete of an earlier
   term is past its deadline.

### Full reports

A full report travels in chunks, so that a heartbeat is never far behind it, and only with credit, so that
after a restart the reports queue up with the datanodes and not in the SCM:

1. \`fullReportWanted\` in a heartbeat's answer asks for a report. The datanode sends \`fullReportBegin\` and
   waits; the answer comes when there is room, however long that takes. It gives the report's id and how many
   chunks may be without an answer at a time. A later begin takes the place of the earlier one.
2. The datanode sends chunks with \`fullReportChunk\`. A chunk states what is true for the ids fromId … toId
   at its place among the connection's messages: a container in that range without a row is not there. So it
   is built when it is sent. The first range starts at 0, each next one behind the one before, and the last
   one (\`last\`) ends at 2^53 − 1. Ids of rows ascend strictly and lie in the range.
3. The dictionary of origins comes with the first chunk. Rows name an origin by its index.
4. The answer to a chunk says that it has been merged, and returns its credit. The report is complete with the
   answer to the last chunk.
5. A datanode that has credit and stops sending is closed with \`REPORT_STALLED\`. A report that was not
   completed is asked for again.

\`incrementalReport\` tells of replicas that changed. It needs no credit, may be sent at any time after the
registration, and keeps its place between the chunks: what was sent later is truer. A row with the state
DELETED takes the replica away.

### Report rows

Rows have ${rows.ROW_BYTES} bytes, or ${rows.ROW_BYTES_WITH_CHECKSUM} with checksums, little-endian, one
behind the other:

| offset | field | type |
| --- | --- | --- |
| ${rows.ROW_ID} | container id, 1 … 2^53 − 1 | f64 |
| ${rows.ROW_USED_BYTES} | used bytes | f64 |
| ${rows.ROW_SEQUENCE_ID} | block commit sequence id | f64 |
| ${rows.ROW_KEY_COUNT} | keys | u32 |
| ${rows.ROW_ORIGIN} | index of the origin in the dictionary | u16 |
| ${rows.ROW_STATE} | [ReplicaState](#replicastate) in bits 0 – 3, "is empty" in bit 7 | u8 |
| ${rows.ROW_REPLICA_INDEX} | replica index, 1 … n for EC, else 0 | u8 |
| ${rows.ROW_CHECKSUM} | checksum of the data, 0 = unknown; only in the longer rows | u64 |`;

const ADMINISTRATORS = `## Administrators

Any SCM takes a connection. All but \`findLeader\`, \`scmInfo\` and \`scmRoles\` is answered by the leader
alone, reads too: it first makes sure that it still leads, so that a read shows everything that was
acknowledged before. Another SCM answers \`NOT_LEADER\` with its term, the URL of the leader's endpoint
(without a path) when it knows it, and the address book of the group; hello and \`findLeader\` tell the
same.

An SCM leads when it says so itself (\`isLeader\`) and nobody has said so in a higher term. A hint of a
lower term than one that was followed is out of date. While nobody leads the client asks all of them again
and again, with short pauses at first and longer ones later.

A mutation happens exactly once, if it is part of a session. \`openSession\` gives the session's id. Each
mutation carries the id, a sequence number (1, 2, 3 …) and ackedSequence: every answer up to there has come.
When an answer is missing, the client sends the same mutation again with the same numbers, on any connection
and to any SCM; the SCM gives the answer that it has kept, or carries the mutation out if it never did.

- The sequence number is above ackedSequence and at most ${messages.SESSION_WINDOW} higher than it.
- Sessions that are not used are forgotten when there are too many: \`SESSION_EXPIRED\`. If an earlier attempt
  may have arrived, only a look at the state can tell whether it was carried out.
- With session id 0 a mutation is carried out at least once.`;

const COMPATIBILITY = `## Compatibility

Numbers of operations, flags, enumerations and errors are never used again for something else. Fields keep
their place and type. A later version may add optional fields at the end of a record; the column "since" says
which version brought a field. A receiver ignores fields behind those it knows, and takes fields that a sender
does not know yet as absent. The version in the answer to hello is the lower one of both sides' highest.`;

function bytes(count: number): string {
  return `${count.toLocaleString("en-US")} bytes`;
}

function operationNames(): OperationName[] {
  const { OPERATIONS } = messages;
  return (Object.keys(OPERATIONS) as OperationName[]).sort((a, b) => OPERATIONS[a].op - OPERATIONS[b].op);
}

function operationTable(): string {
  const lines = operationNames().map((name) => {
    const { op, paths, request } = messages.OPERATIONS[name];
    return `| ${op} | [${name}](#${name.toLowerCase()}) | ${paths.join(" ")} | ${cell(request.doc)} |`;
  });
  return `| op | name | paths | request |\n| --: | --- | --- | --- |\n${lines.join("\n")}`;
}

function operationSection(name: OperationName): string {
  const { op, request, response } = messages.OPERATIONS[name];
  return `### ${name}\n\nOp ${op}. ${messageTable(request)}\n\n${messageTable(response)}`;
}

function requestsAndResponses(): RecordSchema[] {
  return Object.values(messages.OPERATIONS).flatMap(({ request, response }) => [request, response]);
}
