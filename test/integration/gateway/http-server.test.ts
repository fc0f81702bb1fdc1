import assert from "node:assert/strict";
import { request } from "node:http";
import { connect } from "node:net";
import { describe, test } from "node:test";
import type { ConfigurationEntry } from "../../../engine/gateway/conf-page.js";
import { type HttpPages, listenHttp } from "../../../engine/gateway/http-server.js";

const ENTRIES: readonly ConfigurationEntry[] = [
  { key: "ozone.scm.names", value: 'a<b&"c"\u0001', origin: "ozone-site.xml line 3", used: true },
  { key: "strata.some.secret", value: "******", origin: "-D", used: false },
];

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

async function withServer(
  changes: Partial<HttpPages>,
  run: (
    ask: (path: string, options?: object, body?: string) => Promise<Reply>,
    port: number,
  ) => Promise<void>,
): Promise<void> {
  const pages: HttpPages = {
    readiness: () => ({ ready: true, steps: [{ name: "log", state: "done", tookMs: 3 }] }),
    metrics: async () => "strata_up 1\n",
    metricsContentType: "text/plain; version=0.0.4",
    configuration: () => ENTRIES,
    onError: () => {},
    ...changes,
  };
  const listener = await listenHttp({ host: "127.0.0.1", port: 0 }, pages);
  const ask = (path: string, options: object = {}, body = ""): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const call = request({ host: "127.0.0.1", port: listener.port, path, ...options }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => {
          const { statusCode = 0, headers } = response;
          resolve({ status: statusCode, headers, body: Buffer.concat(chunks).toString() });
        });
      });
      call.on("error", reject);
      call.end(body);
    });
  try {
    await run(ask, listener.port);
  } finally {
    await listener.close();
  }
}

describe("HTTP server", () => {
  test("/healthz says that the process is alive", async () => {
    await withServer({}, async (ask) => {
      const { status, body } = await ask("/healthz");
      assert.deepEqual([status, JSON.parse(body)], [200, { status: "alive" }]);
    });
  });

  test("/readyz tells the steps of the boot, with 503 until it may serve", async () => {
    const steps = [{ name: "replay", state: "running", tookMs: 12 }] as const;
    await withServer({ readiness: () => ({ ready: false, steps }) }, async (ask) => {
      const { status, body, headers } = await ask("/readyz");
      assert.deepEqual([status, JSON.parse(body)], [503, { ready: false, steps }]);
      assert.match(String(headers["content-type"]), /^application\/json/);
    });
    await withServer({}, async (ask) => assert.equal((await ask("/readyz")).status, 200));
  });

  test("/prom gives the metrics page with its content type", async () => {
    await withServer({}, async (ask) => {
      const { status, body, headers } = await ask("/prom");
      assert.deepEqual([status, body], [200, "strata_up 1\n"]);
      assert.equal(headers["content-type"], "text/plain; version=0.0.4");
    });
  });

  test("/prom asks for its bearer token, and is gone when it is switched off", async () => {
    const authorized = (authorization: string) => ({ headers: { authorization } });
    await withServer({ metricsAccess: { enabled: true, token: "secret" } }, async (ask) => {
      const refused = await ask("/prom");
      assert.deepEqual([refused.status, refused.headers["www-authenticate"]], [401, "Bearer"]);
      assert.equal((await ask("/prom", authorized("Bearer wrong"))).status, 401);
      assert.equal((await ask("/prom", authorized("secret"))).status, 401);
      assert.equal((await ask("/prom", authorized("Bearer secret"))).status, 200);
      assert.equal((await ask("/healthz")).status, 200);
    });
    await withServer({ metricsAccess: { enabled: false, token: undefined } }, async (ask) => {
      assert.equal((await ask("/prom")).status, 404);
    });
  });

  test("/conf gives JSON with origins, as it was given redacted", async () => {
    await withServer({}, async (ask) => {
      const { status, body } = await ask("/conf");
      assert.equal(status, 200);
      assert.deepEqual(JSON.parse(body).properties[1], {
        key: "strata.some.secret",
        value: "******",
        isFinal: false,
        resource: "-D",
        used: false,
      });
    });
  });

  test("/conf gives XML to who accepts only that, with everything escaped", async () => {
    await withServer({}, async (ask) => {
      const { body, headers } = await ask("/conf", { headers: { accept: "text/xml" } });
      assert.match(String(headers["content-type"]), /^application\/xml/);
      const value = "<value>a&lt;b&amp;&quot;c&quot;\ufffd</value>";
      assert.ok(body.includes(`<name>ozone.scm.names</name>${value}`), body);
      const both = await ask("/conf", { headers: { accept: "application/xml, application/json" } });
      assert.equal(JSON.parse(both.body).properties.length, 2);
    });
  });

  test("/conf gives one key by name, and 404 for one that is not set", async () => {
    await withServer({}, async (ask) => {
      const { body } = await ask("/conf?name=strata.some.secret");
      assert.equal(JSON.parse(body).property.value, "******");
      assert.equal((await ask("/conf?name=nothing")).status, 404);
    });
  });

  test("answers other paths 404, other methods 405 and bodies 413", async () => {
    await withServer({}, async (ask) => {
      assert.equal((await ask("/")).status, 404);
      assert.equal((await ask("/healthz/x")).status, 404);
      for (const path of ["//evil/healthz", "//[", "/%", "/healthz%00"]) {
        assert.equal((await ask(path)).status, 404, path);
      }
      const put = await ask("/healthz", { method: "PUT" }, "x");
      assert.deepEqual([put.status, put.headers["allow"]], [405, "GET, HEAD"]);
      assert.equal((await ask("/prom", { headers: { "content-length": "3" } }, "abc")).status, 413);
    });
  });

  test("HEAD has the headers of GET and no body", async () => {
    await withServer({}, async (ask) => {
      const { status, body, headers } = await ask("/prom", { method: "HEAD" });
      assert.deepEqual([status, body, headers["content-length"]], [200, "", "12"]);
    });
  });

  test("refuses headers above 16 KB and requests that are none", async () => {
    await withServer({}, async (ask, port) => {
      assert.equal((await ask("/healthz", { headers: { "x-big": "x".repeat(20_000) } })).status, 431);
      const socket = connect({ port, host: "127.0.0.1" });
      socket.end("garbage\r\n\r\n");
      const chunks: Buffer[] = [];
      for await (const chunk of socket) chunks.push(chunk as Buffer);
      assert.match(Buffer.concat(chunks).toString(), /^HTTP\/1.1 400 /);
      assert.equal((await ask("/healthz")).status, 200);
    });
  });

  test("answers 500 when a page fails, says so, and goes on", async () => {
    const errors: unknown[] = [];
    const changes: Partial<HttpPages> = {
      metrics: () => Promise.reject(new Error("no numbers")),
      onError: (path, error) => errors.push([path, String(error)]),
    };
    await withServer(changes, async (ask) => {
      const { status, body } = await ask("/prom");
      assert.deepEqual([status, body], [500, "internal error, see the log\n"]);
      assert.deepEqual(errors, [["/prom", "Error: no numbers"]]);
      assert.equal((await ask("/healthz")).status, 200);
    });
  });

  test("says clearly that its port is taken", async () => {
    await withServer({}, async (_, port) => {
      const pages = {} as HttpPages;
      await assert.rejects(listenHttp({ host: "127.0.0.1", port }, pages), { code: "LISTEN_FAILED" });
    });
  });
});
