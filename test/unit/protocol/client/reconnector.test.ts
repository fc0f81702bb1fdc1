import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "../../../../engine/core/random.js";
import { Backoff } from "../../../../protocol/client/backoff.js";
import type { RpcError } from "../../../../protocol/client/completion.js";
import { Reconnector } from "../../../../protocol/client/reconnector.js";
import { ADMIN_PATH } from "../../../../protocol/schema/messages.js";
import { ClientWorld } from "../../../support/client-world.js";

const BACKOFF = { initialMs: 100, maximumMs: 1600 };

class Followed {
  readonly reconnector: Reconnector;
  readonly urls: string[] = [];
  readonly lost: { atMs: number; error: RpcError }[] = [];

  constructor(world: ClientWorld, endpoints = world.endpoints) {
    const options = { endpoints, clientName: "test 1.0", backoff: BACKOFF };
    this.reconnector = new Reconnector(world.environment, options, ADMIN_PATH, {
      onReady: ({ url }) => this.urls.push(url),
      onLost: (error) => this.lost.push({ atMs: world.nowMs, error }),
    });
    this.reconnector.start();
  }
}

function urlOf(index: number): string {
  return `ws://10.0.0.${index + 1}:9865/admin`;
}

test("pauses are drawn evenly below a bound that doubles up to the maximum", () => {
  const count = 4000;
  const sums = new Array<number>(8).fill(0);
  for (let seed = 0; seed < count; seed++) {
    const backoff = new Backoff(BACKOFF, new SeededRandom(seed));
    for (let i = 0; i < sums.length; i++) {
      const pauseMs = backoff.nextMs();
      const bound = Math.min(1600, 100 * 2 ** i);
      ok(pauseMs >= 0 && pauseMs < bound, `${i}: ${pauseMs}`);
      sums[i] = (sums[i] ?? 0) + pauseMs / bound;
    }
  }
  for (const sum of sums) ok(Math.abs(sum / count - 0.5) < 0.03, `mean ${sum / count}`);
});

test("after a success the first pause is short again", () => {
  const backoff = new Backoff(BACKOFF, new SeededRandom(3));
  for (let i = 0; i < 10; i++) backoff.nextMs();
  backoff.succeeded();
  ok(backoff.nextMs() < 100);
});

test("endpoints are tried in turn until one answers", async () => {
  const world = await ClientWorld.withScms(1);
  const endpoints = ["ws://10.0.0.8:1", "ws://10.0.0.9:1/", ...world.endpoints];
  const followed = new Followed(world, endpoints);
  await world.until("one answers", () => followed.urls.length === 1);
  deepEqual(followed.urls, [urlOf(0)]);
  equal(followed.lost.length, 2);
});

test("an unreachable SCM is dialled for ever with pauses of at most the maximum", async () => {
  const world = new ClientWorld();
  const followed = new Followed(world, ["ws://10.0.0.9:1"]);
  await world.pass(60_000);
  const times = followed.lost.map(({ atMs }) => atMs);
  const pauses = times.slice(1).map((atMs, i) => atMs - (times[i] ?? 0));
  ok(pauses.length > 30, `${pauses.length} attempts`);
  ok(Math.max(...pauses) < 1600 + 10, `${Math.max(...pauses)} ms`);
  ok(Math.max(...pauses) > 1000, `${Math.max(...pauses)} ms`);
});

test("a lost connection is made again", async () => {
  const world = await ClientWorld.withScms(1);
  const followed = new Followed(world);
  await world.until("it is ready", () => followed.reconnector.connection !== undefined);
  for (const connection of world.network.connections) connection.reset();
  await world.until("it is lost", () => followed.lost.length === 1);
  equal(followed.reconnector.connection, undefined);
  await world.until("it is ready again", () => followed.urls.length === 2);
});

test("an SCM that greets and then closes is not dialled without pauses", async () => {
  const world = await ClientWorld.withScms(1);
  const followed = new Followed(world);
  for (let i = 1; i <= 20; i++) {
    await world.until("it is ready", () => followed.urls.length === i);
    world.scm().connection.close(1001, "");
    await world.until("it is lost", () => followed.lost.length === i);
  }
  ok(world.nowMs > 5000, `20 connections in ${world.nowMs} ms`);
});

test("an SCM that did what it was asked is dialled again soon after a loss", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const world = await ClientWorld.withScms(1, seed);
    const followed = new Followed(world);
    for (let i = 1; i <= 8; i++) {
      await world.until("it is ready", () => followed.urls.length === i);
      if (i === 8) followed.reconnector.succeeded();
      world.scm().connection.close(1001, "");
      await world.until("it is lost", () => followed.lost.length === i);
    }
    const lostMs = world.nowMs;
    await world.until("it is ready", () => followed.urls.length === 9);
    ok(world.nowMs - lostMs < 100 + 10, `${world.nowMs - lostMs} ms (seed ${seed})`);
  }
});

test("once stopped it dials no more, until it is started again", async () => {
  const world = await ClientWorld.withScms(1);
  const followed = new Followed(world);
  await world.until("it is ready", () => followed.urls.length === 1);
  followed.reconnector.stop("done");
  equal(followed.lost.length, 1);
  await world.pass(60_000);
  equal(followed.urls.length, 1);
  followed.reconnector.start();
  followed.reconnector.start();
  await world.until("it is ready again", () => followed.urls.length === 2);
  await world.pass(60_000);
  equal(world.scm().opened.length, 2);
});

test("stopping while it pauses cancels the next attempt", async () => {
  const world = new ClientWorld();
  const followed = new Followed(world, ["ws://10.0.0.9:1"]);
  await world.until("the first attempt failed", () => followed.lost.length === 1);
  followed.reconnector.stop("done");
  await world.pass(60_000);
  equal(followed.lost.length, 1);
});
