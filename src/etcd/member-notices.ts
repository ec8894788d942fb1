/**
 * What a leader has to tell a peer that brings no entries: how far the log is committed. Under load the next append says so a moment
 * later, and the peer applies while it syncs that, not while this member answers its clients: so such a notice waits a little, and
 * goes by itself only if no append has taken its place. A peer that has forwarded something is told at once: its clients wait.
 */
import type { MemberId } from "../base/ids.ts";
import type { Clock, Timer } from "../env/clock.ts";
import type { Configuration, PromptMessage } from "./model.ts";

const WAIT_MS = 1;

export class Notices {
  readonly #clock: Clock;
  readonly #send: (messages: readonly PromptMessage[]) => void;
  /** The last one for each peer: it says all that those before it said. */
  readonly #waiting = new Map<MemberId, PromptMessage>();
  readonly #hasty = new Set<MemberId>();
  #timer: Timer | null = null;

  /** `send` gets what has waited long enough. */
  constructor(clock: Clock, send: (messages: readonly PromptMessage[]) => void) {
    this.#clock = clock;
    this.#send = send;
  }

  /** This peer's clients wait for what is committed next. */
  forwarded(peer: MemberId): void {
    this.#hasty.add(peer);
  }

  /** Of a turn's messages those that go now, in their order. Who is a member no more may not be reached any longer a moment later. */
  hold(messages: readonly PromptMessage[], { voters, learners }: Configuration): readonly PromptMessage[] {
    return messages.filter((message) => {
      if (message.kind !== "append") return true;
      const { to, entries } = message;
      if (entries.length === 0 && !this.#hasty.delete(to) && (voters.includes(to) || learners.includes(to))) {
        this.#waiting.set(to, message);
        this.#timer ??= this.#clock.after(WAIT_MS, () => this.#due());
        return false;
      }
      this.#waiting.delete(to);
      return true;
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#waiting.clear();
  }

  #due(): void {
    this.#timer = null;
    const messages = [...this.#waiting.values()];
    this.#waiting.clear();
    if (messages.length > 0) this.#send(messages);
  }
}
