/** What etcdctl's exit codes say. */
export const ExitCode = {
  SUCCESS: 0,
  ERROR: 1,
  BAD_CONNECTION: 2,
  INVALID_INPUT: 3,
  BAD_FEATURE: 4,
  INTERRUPTED: 5,
  BAD_ARGUMENTS: 128,
} as const;

/** Ends the command with a message and an exit code. An empty message prints nothing: all was said already. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exitCode: number;

  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

export function badArguments(message: string): CommandError {
  return new CommandError(ExitCode.BAD_ARGUMENTS, message);
}
