/** The surroundings do not let the server run: one line, exit code 69. */
export class EnvironmentError extends Error {
  override readonly name = "EnvironmentError";
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

export function isSystemError(error: unknown): boolean {
  return typeof codeOf(error) === "string" && error instanceof Error && "syscall" in error;
}
