import { CommandError, EXIT } from "./exit.ts";

/**
 * Writes a result to standard output, all of it. A reader that has gone away (`| head`) is no mistake; a disk that is full is: a
 * result that nobody can read must not look like a pass. Throws `CommandError`.
 */
export async function print(text: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      if (error.code === "EPIPE") resolve();
      else reject(new CommandError(`the result could not be written: ${error.message}`, EXIT.environment));
    };
    process.stdout.once("error", failed);
    process.stdout.write(`${text}\n`, (error) => {
      if (error != null) return failed(error);
      process.stdout.off("error", failed);
      resolve();
    });
  });
}
