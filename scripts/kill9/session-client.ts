import type { OperationName, RequestOf, ResponseOf } from "../../protocol/client/index.js";
import { codeOf, defaultEnvironment, promised, type RpcError } from "../../protocol/client/index.js";
import { RpcConnection } from "../../protocol/client/rpc-connection.js";
import { ADMIN_PATH } from "../../protocol/schema/messages.js";
import { type Lane, NOT_DONE, type Step } from "./lane.js";
import { answerText } from "./lane-model.js";
import type { LoadClient, LoadClientOptions } from "./load-client.js";

/** Operations on the way at a time. */
const DEPTH = 12;
/** Answered operations that are not acknowledged yet, so that they can be asked again. */
const KEPT = 40;
const REQUEST_TIMEOUT_MS = 30_000;

interface Sent {
  readonly sequence: number;
  readonly step: Step;
}

/** An administrator who handles the session by hand: sends one stream of operations many at a time, keeps
 * what was on the way when the connection broke, and asks everything again within the session, what was
 * answered and what was not. */
export class SessionClient implements LoadClient {
  readonly lanes: readonly [Lane];
  readonly #lane: Lane;
  readonly #options: LoadClientOptions;
  #connection: RpcConnection | undefined;
  #sessionId = 0;
  #lastSequence = 0;
  /** Told to the SCM with the operation sent last. */
  #ackedSequence = 0;
  /** Told with an operation that was answered: the SCM has forgotten the answers up to here. */
  #forgottenSequence = 0;
  /** Neither acknowledged nor refused without trace, in order. */
  #sent: Sent[] = [];
  #isPaused = true;
  #inFlightCount = 0;
  #onSettled: (() => void) | undefined;

  constructor(lane: Lane, options: LoadClientOptions) {
    this.#lane = lane;
    this.lanes = [lane];
    this.#options = options;
  }

  get sessionId(): number {
    return this.#sessionId;
  }

  /** Dials, and opens the session the first time. */
  async connect(): Promise<void> {
    this.#connection?.close("dialling again");
    this.#connection = await connected(this.#options.endpoint);
    if (this.#sessionId !== 0) return;
    const opened = await this.#ask("openSession", { clientName: "kill9 session" });
    this.#sessionId = (opened as ResponseOf<"openSession">).sessionId;
  }

  async resume(): Promise<void> {
    this.#isPaused = false;
    for (let i = 0; i < DEPTH; i++) this.#sendNext();
  }

  pause(): void {
    this.#isPaused = true;
  }

  async settled(): Promise<void> {
    if (this.#inFlightCount === 0) return;
    await new Promise<void>((resolve) => {
      this.#onSettled = resolve;
    });
  }

  /** Asks everything again that the session has not acknowledged, in order, and requires of each the first
   * answer. Answers how many. */
  async askAgain(): Promise<number> {
    const sent = this.#sent.filter(({ step }) => step.answer !== NOT_DONE);
    await Promise.all(sent.map((each) => this.#repeat(each)));
    await this.#askForgotten();
    return sent.length;
  }

  close(): void {
    this.#connection?.close("the end");
  }

  #sendNext(): void {
    const connection = this.#connection;
    if (this.#isPaused || connection === undefined || !connection.isReady) return;
    const step = this.#lane.next(this.#options.isNodeRegistered(this.#lane.index));
    const sent: Sent = { sequence: ++this.#lastSequence, step };
    this.#sent.push(sent);
    this.#acknowledge();
    this.#inFlightCount++;
    this.#request(sent).then(
      () => this.#landed(),
      (error: unknown) => {
        this.#options.onProblem(error);
        this.#landed();
      },
    );
  }

  #landed(): void {
    this.#inFlightCount--;
    this.#sendNext();
    if (this.#inFlightCount > 0) return;
    this.#onSettled?.();
    this.#onSettled = undefined;
  }

  /** Sends one and takes the answer; without one it stays as it is. */
  async #request(sent: Sent): Promise<void> {
    const { name } = sent.step.operation;
    const acked = this.#ackedSequence;
    let answer: string;
    try {
      answer = answerText(name, await this.#ask(name, this.#body(sent)));
    } catch (error) {
      const code = codeOf(error);
      if (code === undefined) throw error;
      if ((error as RpcError).retry !== "never") {
        // Lost, or the SCM is stopping: to send on would only fill the session's window.
        this.#isPaused = true;
        return;
      }
      answer = code;
    }
    if (answer !== NOT_DONE) this.#forgottenSequence = Math.max(this.#forgottenSequence, acked);
    this.#lane.answered(sent.step, answer);
  }

  async #repeat(sent: Sent): Promise<void> {
    await this.#request(sent);
    if (sent.step.answer === undefined)
      throw new Error(`lane ${this.#lane.index}: no answer after the restart`);
  }

  /** What was acknowledged must not be done again, whatever its answer was. */
  async #askForgotten(): Promise<void> {
    const sequence = this.#forgottenSequence;
    if (sequence === 0) return;
    const request = {
      containerIds: [1],
      suppress: true,
      sessionId: this.#sessionId,
      sequence,
      ackedSequence: 0,
    };
    const code = await this.#ask("suppressContainers", request).then(() => "done", codeOf);
    if (code !== "SESSION_SEQUENCE")
      throw new Error(`sequence ${sequence} was forgotten, but asked again: ${code}`);
  }

  /** Lets the SCM forget the oldest answers, except for KEPT of them. */
  #acknowledge(): void {
    while (this.#sent.length > KEPT && this.#sent[0]?.step.answer !== undefined) {
      this.#ackedSequence = this.#sent.shift()?.sequence ?? 0;
    }
    // A refusal without trace must not be asked again: it could be carried out then, behind later ones.
    this.#sent = this.#sent.filter(({ step }) => step.answer !== NOT_DONE);
  }

  #body({ sequence, step }: Sent): object {
    const ackedSequence = Math.min(this.#ackedSequence, sequence - 1);
    return { ...step.operation.request, sessionId: this.#sessionId, sequence, ackedSequence };
  }

  #ask(name: OperationName, request: object): Promise<object> {
    return promised<object>((completion) => {
      const body = request as RequestOf<never>;
      const isSent = this.#connection?.request(name, body, completion, REQUEST_TIMEOUT_MS) === true;
      if (!isSent) throw new Error(`lane ${this.#lane.index} is not connected`);
    });
  }
}

/** A connection that is ready. Throws when it cannot be had: the SCM serves. */
function connected(endpoint: string): Promise<RpcConnection> {
  return new Promise((resolve, reject) => {
    const options = {
      url: endpoint + ADMIN_PATH,
      clientName: "kill9 session",
      clusterId: undefined,
      handshakeTimeoutMs: 10_000,
    };
    const connection = new RpcConnection(defaultEnvironment(), options, {
      onReady: () => resolve(connection),
      onClosed: reject,
    });
  });
}
