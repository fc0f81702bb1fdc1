/** What the calls of one type of one protocol came to. */
export class CallStats {
  readonly protocol: string;
  readonly type: string;
  count = 0;
  /** From the first byte of its handling to its answer. */
  totalMs = 0;
  requestBytes = 0;
  responseBytes = 0;
  /** Error frames by their exception class. */
  readonly errors = new Map<string, number>();

  constructor(protocol: string, type: string) {
    this.protocol = protocol;
    this.type = type;
  }

  failed(className: string): void {
    this.errors.set(className, (this.errors.get(className) ?? 0) + 1);
  }
}

/** Types beyond these are counted together: who calls may name what it likes. */
const TYPE_COUNT_MAX = 256;
const OTHERS = "others";

/** Those of one protocol. */
export class ProtocolStats {
  readonly #protocol: string;
  readonly #byType = new Map<string, CallStats>();

  constructor(protocol: string) {
    this.#protocol = protocol;
  }

  of(type: string): CallStats {
    return this.#byType.get(type) ?? this.#add(this.#byType.size < TYPE_COUNT_MAX ? type : OTHERS);
  }

  all(): Iterable<CallStats> {
    return this.#byType.values();
  }

  #add(type: string): CallStats {
    const stats = this.#byType.get(type) ?? new CallStats(this.#protocol, type);
    this.#byType.set(type, stats);
    return stats;
  }
}
