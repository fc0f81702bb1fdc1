/** The only source of time. Health, leases and timeouts use `monotonicMs`; `wallMs` is for people and for
 * times that are written down. */
export interface Clock {
  /** Milliseconds since an arbitrary origin; never goes back; fractions allowed. */
  monotonicMs(): number;
  /** Milliseconds since 1970-01-01 UTC, whole. */
  wallMs(): number;
}
