import { spawn } from "node:child_process";

const OUTPUT_KEPT_CHARACTERS = 64 * 1024;

export interface CommandOptions {
  readonly environment: NodeJS.ProcessEnv;
  readonly folder?: string;
  readonly signal: AbortSignal;
  readonly limitMs: number;
}

/** A program that was started did not end with 0; the message says in one line which, how, and its own last word. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
}

/**
 * Runs a program to its end and answers its standard output; null when there is no such program. Rejects with CommandFailure. On an
 * abort, and after the limit, it is ended with all that it has started.
 */
export async function runCommand(command: readonly string[], options: CommandOptions): Promise<string | null> {
  const [program = "", ...args] = command;
  const ends = AbortSignal.any([options.signal, AbortSignal.timeout(options.limitMs)]);
  ends.throwIfAborted();
  // A group of its own, so that nothing it starts outlives it, and Ctrl-C reaches only the harness.
  const child = spawn(program, args, {
    cwd: options.folder,
    env: options.environment,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = collect(child.stdout);
  const errors = collect(child.stderr);
  const end = (): void => killGroup(child.pid);
  ends.addEventListener("abort", end);
  try {
    const outcome = await new Promise<NodeJS.ErrnoException | number | string>((resolve) => {
      child.once("error", resolve);
      child.once("close", (code, signal) => resolve(signal ?? code ?? 0));
    });
    if (outcome === 0) return output();
    if (typeof outcome === "object") {
      if (outcome.code === "ENOENT" || outcome.code === "EACCES") return null;
      throw new CommandFailure(`${command.join(" ")}: ${outcome.message}`);
    }
    const why = options.signal.aborted ? "was interrupted" : ends.aborted ? "took too long" : `ended with ${outcome}`;
    throw new CommandFailure(`${command.join(" ")} ${why}: ${lastLine(errors()) || "it said nothing"}`);
  } finally {
    ends.removeEventListener("abort", end);
  }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Gone already.
  }
}

/** The end of what a stream says. */
function collect(stream: NodeJS.ReadableStream): () => string {
  let text = "";
  stream.setEncoding("utf8");
  stream.on("data", (part: string) => {
    text = (text + part).slice(-OUTPUT_KEPT_CHARACTERS);
  });
  return () => text;
}

function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1)?.trim() ?? "";
}
