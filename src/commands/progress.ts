/** What a person sees while the load runs: one line that is drawn over on a terminal, a plain line every few seconds elsewhere. */
export class Progress {
  readonly #terminal: boolean;
  readonly #out: NodeJS.WriteStream;
  readonly #startMs = performance.now();
  #lastPlainMs = Number.NEGATIVE_INFINITY;
  #drawn = false;

  constructor(out: NodeJS.WriteStream = process.stderr) {
    this.#out = out;
    this.#terminal = out.isTTY === true && process.env["TERM"] !== "dumb";
  }

  /** A line that stays: a step begun, a fault, a surprise. */
  say(text: string): void {
    this.#clear();
    this.#out.write(`${this.#clock()} ${text}\n`);
  }

  /** The state of things just now; call it as often as you like. */
  show(text: string): void {
    if (this.#terminal) {
      this.#clear();
      this.#out.write(`${this.#clock()} ${text}`.slice(0, (this.#out.columns ?? 80) - 1));
      this.#drawn = true;
      return;
    }
    const nowMs = performance.now();
    if (nowMs - this.#lastPlainMs < PLAIN_EVERY_MS) return;
    this.#lastPlainMs = nowMs;
    this.#out.write(`${this.#clock()} ${text}\n`);
  }

  end(): void {
    this.#clear();
  }

  #clear(): void {
    if (this.#drawn) this.#out.write("\r\u001b[2K");
    this.#drawn = false;
  }

  #clock(): string {
    return `${((performance.now() - this.#startMs) / 1000).toFixed(1).padStart(6)}s`;
  }
}

const PLAIN_EVERY_MS = 5000;
