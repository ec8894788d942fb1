/** The `grpc-timeout` header: at most eight digits and a unit (gRPC over HTTP/2). */

const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 0.001, n: 0.000_001 };
const DIGITS_MAX = 99_999_999;

/** Milliseconds, fractional; null when malformed. */
export function parseTimeout(text: string): number | null {
  const match = /^(\d{1,8})([HMSmun])$/.exec(text);
  if (match === null) return null;
  return Number(match[1]) * UNIT_MS[match[2] as string]!;
}

/** The shortest exact text, in the finest unit that holds it; rounded up, so that a server never gives up before its client. */
export function formatTimeout(timeoutMs: number): string {
  if (timeoutMs >= 1_000 && timeoutMs % 1_000 === 0 && timeoutMs / 1_000 <= DIGITS_MAX) return `${timeoutMs / 1_000}S`;
  const whole = Math.ceil(timeoutMs);
  if (whole <= DIGITS_MAX) return `${Math.max(0, whole)}m`;
  return `${Math.min(DIGITS_MAX, Math.ceil(timeoutMs / 1_000))}S`;
}
