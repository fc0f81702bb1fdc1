import assert from "node:assert/strict";
import { test } from "node:test";
import { addressText, normalAddress } from "../../../../engine/core/remote-address.js";

test("IPv4 addresses are dotted, also when they came through an IPv6 socket", () => {
  assert.equal(addressText(Uint8Array.of(10, 0, 255, 1)), "10.0.255.1");
  const mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 7];
  assert.equal(addressText(Uint8Array.from(mapped)), "10.0.0.7");
  assert.equal(normalAddress("::ffff:10.0.0.7"), "10.0.0.7");
  assert.equal(normalAddress("10.0.0.7"), "10.0.0.7");
});

test("IPv6 addresses have the form that Node.js gives", () => {
  const loopback = new Uint8Array(16);
  loopback[15] = 1;
  assert.equal(addressText(loopback), "::1");
  const address = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xab, 0xcd];
  assert.equal(addressText(Uint8Array.from(address)), "2001:db8::abcd");
  assert.equal(normalAddress("2001:db8::abcd"), "2001:db8::abcd");
  assert.equal(normalAddress("::ffff:1"), "::ffff:1");
});
