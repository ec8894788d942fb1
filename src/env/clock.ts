/** Time as the server sees it. `monotonicMs` never goes back; only it may drive elections, leases and time-outs. */
export interface Clock {
  /** Milliseconds, fractional, from an arbitrary start. */
  monotonicMs(): number;
  /** Milliseconds since 1970, for people and for ids; may jump. */
  wallMs(): number;
  /** Runs `action` once after `delayMs`; the caller owns the timer and cancels it when it no longer wants it. */
  after(delayMs: number, action: () => void): Timer;
}

export interface Timer {
  cancel(): void;
}
