import assert from "node:assert/strict";
import { test } from "node:test";
import { isFieldSet } from "@bufbuild/protobuf";
import {
  GetReconfigureStatusResponseProtoSchema,
  GetServerNameResponseProtoSchema,
  ListReconfigurePropertiesResponseProtoSchema,
} from "../../../../../protocol/hadoop/generated/reconfigure_pb.js";
import { decodeMessage } from "../../../../../protocol/hadoop/message.js";
import { ReconfigureProtocol } from "../../../../../workers/front/location/reconfigure-protocol.js";
import { type CallOutcome, callOf, contextOf, FakeMain } from "../../../../support/front/fake-main.js";

function ask(method: string): Promise<CallOutcome> {
  const protocol = new ReconfigureProtocol(contextOf(new FakeMain()));
  assert.ok(protocol.methods.has(method));
  return callOf(protocol, new Uint8Array(), { method });
}

async function replyTo(method: string): Promise<Uint8Array> {
  const outcome = await ask(method);
  assert.ok("reply" in outcome);
  return outcome.reply;
}

test("the server says its name, that no key can be changed, and that nothing was begun", async () => {
  assert.equal(decodeMessage(GetServerNameResponseProtoSchema, await replyTo("getServerName")).name, "SCM");
  const schema = ListReconfigurePropertiesResponseProtoSchema;
  assert.deepEqual(decodeMessage(schema, await replyTo("listReconfigureProperties")).name, []);
  const status = await replyTo("getReconfigureStatus");
  const { startTime, changes } = decodeMessage(GetReconfigureStatusResponseProtoSchema, status);
  assert.equal(startTime, 0n);
  assert.deepEqual(changes, []);
  const { endTime } = GetReconfigureStatusResponseProtoSchema.field;
  assert.equal(isFieldSet(decodeMessage(GetReconfigureStatusResponseProtoSchema, status), endTime), false);
});

test("to begin one fails at once", async () => {
  assert.deepEqual(await ask("startReconfigure"), {
    className: "org.apache.hadoop.hdds.scm.exceptions.SCMException",
    message: "UNSUPPORTED_OPERATION: startReconfigure: not supported yet by Strata",
  });
});
