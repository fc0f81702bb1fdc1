import assert from "node:assert/strict";
import { test } from "node:test";
import { type Interfaces, ownAddress } from "../../../../engine/host/own-address.js";

const v4 = { netmask: "255.0.0.0", mac: "00:00:00:00:00:00", cidr: null, family: "IPv4" } as const;
const v6 = { netmask: "ffff::", mac: "00:00:00:00:00:00", cidr: null, family: "IPv6", scopeid: 0 } as const;
const NETWORK: Interfaces = {
  lo: [{ ...v4, address: "127.0.0.1", internal: true }],
  eth0: [
    { ...v6, address: "fe80::1", internal: false },
    { ...v6, address: "2001:db8::1", internal: false },
    { ...v4, address: "10.0.0.7", internal: false },
  ],
};

test("the address that is listened on counts, unless it means all", () => {
  assert.equal(ownAddress("10.9.9.9", NETWORK), "10.9.9.9");
  assert.equal(ownAddress("0.0.0.0", NETWORK), "10.0.0.7");
  assert.equal(ownAddress("::", NETWORK), "10.0.0.7");
  assert.equal(ownAddress("scm1.example.com", NETWORK), "10.0.0.7");
});

test("IPv6 counts where there is no IPv4, loopback where there is no network", () => {
  const { eth0 = [] } = NETWORK;
  assert.equal(ownAddress("0.0.0.0", { eth0: eth0.slice(0, 2) }), "2001:db8::1");
  assert.equal(ownAddress("0.0.0.0", {}), "127.0.0.1");
});
