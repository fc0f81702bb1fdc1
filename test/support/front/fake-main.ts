import type { StrataError } from "../../../engine/core/errors.js";
import { StrataError as Coded, ERRORS, type ErrorCode } from "../../../engine/core/errors.js";
import type { RpcError } from "../../../protocol/client/completion.js";
import { RemoteError } from "../../../protocol/codec/errors.js";
import { operationNamed } from "../../../protocol/codec/operations.js";
import type { OperationName, RequestOf, ResponseOf } from "../../../protocol/schema/messages.js";
import type { ScmAddress } from "../../../protocol/schema/records.js";
import { BugReports } from "../../../workers/front/bug-reports.js";
import type { FrontContext } from "../../../workers/front/front-context.js";
import type { MainConnection, MainLink } from "../../../workers/front/main-connection.js";
import type { HadoopCall, HadoopProtocol } from "../../../workers/front/rpc/call.js";
import type { FrontBug } from "../../../workers/shared/front-bug.js";
import { uuidOf } from "../records.js";
import { EncodingConnection } from "./encoding-connection.js";

type Answers = {
  [N in OperationName]?: (request: RequestOf<N>) => ResponseOf<N> | RpcError;
};

/** What a connection was opened for. */
interface Opened {
  readonly path: string;
  readonly remoteAddress: string;
  readonly clientName: string;
}

/** Main, as its connections are seen by the front: answers by a table, through the real encoders. */
export class FakeMain implements MainLink {
  readonly answers: Answers = {};
  readonly opened: Opened[] = [];
  readonly requests: { readonly name: OperationName; readonly request: unknown }[] = [];
  openCount = 0;

  connect(
    path: string,
    remoteAddress: string,
    clientName: string,
    onClosed: (error: RpcError) => void,
  ): MainConnection {
    this.opened.push({ path, remoteAddress, clientName });
    this.openCount++;
    return new FakeConnection(this, (error) => {
      this.openCount--;
      onClosed(error);
    });
  }

  /** The answer's body, or an error. */
  answer(name: OperationName, body: Uint8Array): Uint8Array | RpcError {
    const { request: requestCodec, response } = operationNamed(name);
    const request = requestCodec.decode(body, 0, body.length);
    this.requests.push({ name, request });
    const make = this.answers[name] as ((request: unknown) => unknown) | undefined;
    if (make === undefined) return new Coded("UNSUPPORTED_OPERATION", { op: name });
    const value = make(request);
    return value instanceof Error ? (value as RpcError) : response.encodeValue(value);
  }
}

class FakeConnection extends EncodingConnection {
  readonly #main: FakeMain;
  readonly #onClosed: (error: RpcError) => void;
  isOpen = true;

  constructor(main: FakeMain, onClosed: (error: RpcError) => void) {
    super();
    this.#main = main;
    this.#onClosed = onClosed;
  }

  requestEncoded(name: OperationName, body: Uint8Array, done: (body: Uint8Array | RpcError) => void): void {
    const answer = this.#main.answer(name, body);
    queueMicrotask(() => done(answer));
  }

  protected refuse(_name: OperationName, _request: RequestOf<OperationName>, done: () => void): void {
    queueMicrotask(done);
  }

  close(reason: StrataError): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#onClosed(reason);
  }
}

/** An error as main answers it. */
export function remoteError(
  code: ErrorCode,
  message: string,
  redirect: { readonly leaderHint?: string; readonly members?: readonly ScmAddress[] } = {},
): RemoteError {
  return new RemoteError({
    code: ERRORS[code].wire,
    name: code,
    message,
    retryAfterMs: 0,
    term: 3,
    ...redirect,
  });
}

type TestContext = FrontContext & {
  readonly timers: (() => void)[];
  /** Those that were told. */
  readonly toldBugs: readonly FrontBug[];
  nowMs: number;
};

/** A context around `main`; its timers run when a test calls them. */
export function contextOf(main: MainLink): TestContext {
  const timers: (() => void)[] = [];
  const bugs: FrontBug[] = [];
  const now = (): number => context.nowMs;
  const address = { host: "127.0.0.1", port: 0 };
  const context = {
    timers,
    toldBugs: bugs,
    nowMs: 1_000_000,
    settings: {
      clusterId: "CID-1",
      scmId: uuidOf(77),
      hostName: "scm1.example.com",
      listen: { client: address, datanode: address, block: address },
      connectionCountMax: 100,
      frameBytesMax: { client: 2 ** 24, datanode: 2 ** 27, block: 2 ** 25 },
      bufferedBytesMax: 2 ** 29,
      ipcPackage: "ipc_",
      heartbeatIntervalMs: 30_000,
      deadIntervalMs: 600_000,
      heldReportBytesMax: 2 ** 29,
    },
    clock: { monotonicMs: now, wallMs: now },
    scheduler: {
      after: () => ({ cancel: () => undefined }),
      every: (_: number, task: () => void) => {
        timers.push(task);
        return { cancel: () => undefined };
      },
      endOfTurn: (task: () => void) => queueMicrotask(task),
    },
    random: { unit: () => 0, below: () => 0, fill: () => undefined },
    main,
    bugs: new BugReports({ monotonicMs: now }, (bug) => bugs.push(bug) > 0),
    ports: { client: 9860, datanode: 9861, block: 9863 },
  };
  return context as unknown as TestContext;
}

/** What a call was answered. */
export type CallOutcome =
  | { readonly reply: Uint8Array }
  | { readonly className: string; readonly message: string };

/** Makes a call and waits for its answer. */
export function callOf(
  protocol: HadoopProtocol,
  body: Uint8Array,
  { method = "send", user = "om", remoteAddress = "10.1.1.1" } = {},
): Promise<CallOutcome> {
  return new Promise((resolve) => {
    const call: HadoopCall = {
      user,
      realUser: undefined,
      remoteAddress,
      method,
      body,
      type: method,
      isAnswered: false,
      reply: (message) => {
        resolve({ reply: message.slice() });
        return true;
      },
      fail: (className, message) => {
        resolve({ className, message });
        return true;
      },
      onUndelivered: undefined,
    };
    protocol.handle(call);
  });
}
