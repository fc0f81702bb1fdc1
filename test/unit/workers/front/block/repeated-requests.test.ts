import assert from "node:assert/strict";
import { test } from "node:test";
import { RepeatedRequests } from "../../../../../workers/front/block/repeated-requests.js";

test("a request is known by all its bytes, not by a hash of them", () => {
  const known = new RepeatedRequests<string>();
  // FNV-1a has the same 32 bits for both.
  const [first, second] = [Buffer.from("costarring"), Buffer.from("liquid")];
  known.keep(first, "first");
  assert.equal(known.find(Buffer.from(first)), "first");
  assert.equal(known.find(second), undefined);
  known.keep(second, "second");
  assert.equal(known.find(second), "second");
  assert.equal(known.find(first), undefined);
});

test("the bytes are its own, long requests are not kept, and there are never many", () => {
  const known = new RepeatedRequests<number>();
  const bytes = Buffer.from([1, 2, 3]);
  known.keep(bytes, 1);
  bytes[0] = 9;
  assert.equal(known.find(Buffer.from([1, 2, 3])), 1);
  const long = Buffer.alloc(1025);
  known.keep(long, 2);
  assert.equal(known.find(long), undefined);
  const requests = Array.from({ length: 1000 }, (_, i) => Buffer.from(`request ${i}`));
  for (const [i, request] of requests.entries()) known.keep(request, i);
  assert.equal(known.find(requests[999] as Buffer), 999);
  const count = requests.filter((request) => known.find(request) !== undefined).length;
  assert.ok(count <= 256, `${count} are kept`);
});
