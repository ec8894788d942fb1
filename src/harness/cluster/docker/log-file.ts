import { appendFileSync } from "node:fs";
import { dirname } from "node:path";
import { type Readable, Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { makeDirectories } from "../../../env/node/directories.ts";
import type { Dockerode, EngineContainer } from "./engine.ts";

/** RFC 3339 with nine decimals, as the engine puts it before each line: text in the order of time. */
const STAMP = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z) /;

/**
 * What a container says on both of its outputs, appended to a file while it runs, over its restarts. It is read from the engine's
 * own log, never from the container itself: a harness that is slow to read must not hold up a member that writes.
 */
export class LogFile {
  readonly path: string;
  readonly #container: EngineContainer;
  readonly #modem: Dockerode["modem"];
  #newest = "";
  #following: Promise<void> = Promise.resolve();

  constructor(path: string, container: EngineContainer, modem: Dockerode["modem"]) {
    this.path = path;
    this.#container = container;
    this.#modem = modem;
    makeDirectories(dirname(path));
    appendFileSync(path, "");
  }

  /** To be called after each start: follows until the container ends. */
  follow(): void {
    this.#following = this.#following.then(() => this.#copy()).catch(() => undefined);
  }

  /** Resolves when everything up to the container's end is in the file, or it cannot be had. */
  get ended(): Promise<void> {
    return this.#following;
  }

  async #copy(): Promise<void> {
    const since = Math.floor(Date.parse(this.#newest) / 1000) || 0;
    const options = { follow: true, stdout: true, stderr: true, timestamps: true, since } as const;
    const stream = (await this.#container.logs(options)) as unknown as Readable;
    const output = new Writable({
      write: (chunk: Buffer, _, done) => {
        try {
          this.#append(chunk.toString());
        } catch {
          // A full disk: what the run itself cannot write is told elsewhere.
        }
        done();
      },
    });
    this.#modem.demuxStream(stream, output, output);
    await finished(stream, { writable: false });
  }

  /** One line, or one piece of a very long one. What was there before a restart comes again and is left out. */
  #append(text: string): void {
    const stamp = STAMP.exec(text)?.[1] ?? null;
    if (stamp !== null && stamp <= this.#newest) return;
    this.#newest = stamp ?? this.#newest;
    appendFileSync(this.path, stamp === null ? text : text.slice(stamp.length + 1));
  }
}
