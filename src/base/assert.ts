/** A broken invariant: never expected, never caught to go on. Whoever owns the process ends it. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
  readonly evidence: Readonly<Record<string, unknown>>;
  constructor(message: string, evidence: Readonly<Record<string, unknown>>) {
    super(`${message} ${describe(evidence)}`);
    this.evidence = evidence;
  }
}

const NO_EVIDENCE: Readonly<Record<string, unknown>> = Object.freeze({});

/**
 * Throws unless `condition` holds. Stays on in production. The message is static (a template string built on each call
 * costs ten times the check); what varies goes into `evidence`.
 */
export function assert(
  condition: boolean,
  message: string,
  evidence: Readonly<Record<string, unknown>> = NO_EVIDENCE,
): asserts condition {
  if (!condition) throw new AssertionError(message, evidence);
}

/** The default branch of a switch over a union: the compiler proves it dead, and at run time it throws. */
export function unreachable(value: never): never {
  throw new AssertionError("a switch met a case it does not know", { value });
}

function describe(evidence: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(evidence, (_, value: unknown) => (typeof value === "bigint" ? value.toString(16) : value));
}
