/** What each exit code says; 1 and 2 follow only from a written verdict. Those of signals: `stoppedBy`. */
export const EXIT = {
  pass: 0,
  /** Performance or availability below what the gate asks. */
  gate: 1,
  /** A promise of the store was broken. */
  safety: 2,
  /** Not proven either way. */
  inconclusive: 3,
  usage: 64,
  environment: 69,
  bug: 70,
} as const;

/** Something the person who called can mend: printed as it is, one line for each mistake, without a stack. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exitCode: number;
  constructor(message: string, exitCode: number = EXIT.usage) {
    super(message);
    this.exitCode = exitCode;
  }
}
