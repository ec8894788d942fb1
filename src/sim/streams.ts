/**
 * What connections between machines carry beside messages: snapshots piece by piece, and questions with their answers. A piece that
 * is cut off waits for the link, but not for ever; a connection may break between any two pieces, and after the last one, too.
 */
import type { MemberId } from "../base/ids.ts";
import type { ClusterTransportHandler, SnapshotSink, SnapshotSource } from "../env/transport.ts";
import type { Message } from "../etcd/model.ts";
import { isDiskError } from "./disk.ts";
import { machineName, memberId, type World } from "./world.ts";

/** One life of a process, as the network meets it. */
export interface NetworkProcess {
  readonly alive: boolean;
  /** Told when the process is gone. */
  readonly onEnd: Set<() => void>;
  readonly handler: ClusterTransportHandler<Message> | null;
  /** Whom it would talk to, and under which URLs; null: it has not said. */
  readonly peers: ReadonlyMap<MemberId, readonly string[]> | null;
  /** Who introduced itself there, in its life: it can answer those, too. */
  readonly heardOf: Set<MemberId>;
  /** Whom it refuses to hear. */
  readonly removed: ReadonlySet<MemberId>;
}

/** Where packets arrive: at whatever process the machine runs by then. */
export interface NetworkPort {
  readonly process: NetworkProcess | null;
  /** Its peer URLs. */
  readonly addresses: ReadonlySet<string>;
  /** Runs a step in this life of the process: now, when it goes on, or never. */
  run(process: NetworkProcess, action: () => void): void;
}

/** What the streams need to know of the links. */
export interface Links {
  isOpen(from: number, to: number): boolean;
  /** How long one piece is on its way. */
  delayUs(): number;
  /** Whether the connection breaks with this piece. */
  breaks(): boolean;
}

interface End {
  readonly number: number;
  readonly port: NetworkPort;
  readonly process: NetworkProcess;
}

/** A stream that stands still so long is given up. */
const STALLED_US = 5_000_000;
const RETRY_US = 100_000;

export class Streams {
  readonly #world: World;
  readonly #ports: readonly NetworkPort[];
  readonly #links: Links;
  /** Snapshots on their way. */
  readonly #streaming = new Set<{ readonly from: number; readonly to: number }>();

  constructor(world: World, ports: readonly NetworkPort[], links: Links) {
    this.#world = world;
    this.#ports = ports;
    this.#links = links;
  }

  isStreaming(machine: number): boolean {
    return [...this.#streaming].some(({ from, to }) => from === machine || to === machine);
  }

  /** Whether the process at `to` took it, as far as the sender hears. Closes the source. */
  async sendSnapshot(from: number, to: number, source: SnapshotSource, pieces: number): Promise<boolean> {
    const sender = this.#end(from);
    if (sender === null) return false;
    this.#world.count("snapshots sent");
    this.#world.tell(machineName(from), () => `streams a snapshot of ${source.bytes} bytes to ${machineName(to)}`);
    const streaming = { from, to };
    this.#streaming.add(streaming);
    const taken = await this.#stream(sender, to, source, Math.max(1, Math.ceil(source.bytes / pieces)));
    this.#streaming.delete(streaming);
    if (taken === null) this.#world.count("snapshots broken");
    this.#world.tell(machineName(from), () => `its snapshot for ${machineName(to)} was ${verdictOf(taken)}`);
    await this.#in(sender, () => source.close());
    return taken === true;
  }

  /** Null when there is no answer in time. */
  request(from: number, to: number, request: Uint8Array, timeoutMs: number): Promise<Uint8Array | null> {
    const sender = this.#end(from);
    return new Promise((resolve) => {
      const end = (answer: Uint8Array | null): void => {
        if (sender !== null) sender.port.run(sender.process, () => resolve(answer));
      };
      this.#world.scheduler.after(timeoutMs * 1000, () => end(null));
      void this.#ask(from, to, request).then((answer) => answer !== null && end(answer));
    });
  }

  async #ask(from: number, to: number, request: Uint8Array): Promise<Uint8Array | null> {
    if (!(await this.#way(from, to))) return null;
    const receiver = this.#end(to);
    if (receiver === null) return null;
    const { handler } = receiver.process;
    const answer = await this.#in(receiver, async () => handler?.request(memberId(from), request) ?? null);
    return answer !== null && (await this.#way(to, from)) ? answer : null;
  }

  /** Null: it broke. */
  async #stream(sender: End, to: number, source: SnapshotSource, pieceBytes: number): Promise<boolean | null> {
    const from: MemberId = memberId(sender.number);
    if (!(await this.#way(sender.number, to))) return null;
    const receiver = this.#end(to);
    if (receiver === null) return null;
    const { handler } = receiver.process;
    const offered = this.#in(receiver, async () => handler?.snapshot(from, source.header) ?? null);
    const sink = await this.#soon(offered);
    if (sink === null) {
      // Whoever is ready when nobody waits any more is told so.
      void offered.then((late) => late && this.#in(receiver, () => late.discard()));
      return false;
    }
    let last: Promise<unknown> = Promise.resolve();
    /** One after the other, also when nobody waits for it any more. */
    const atSink = <Result>(action: (sink: SnapshotSink) => Promise<Result>): Promise<Result | null> => {
      const done = last.then(() => this.#in(receiver, () => action(sink)));
      last = done;
      return this.#soon(done);
    };
    for (let offset = 0; offset < source.bytes; offset += pieceBytes) {
      const piece = await this.#in(sender, () => source.read(offset, pieceBytes));
      const arrived = piece !== null && (await this.#way(sender.number, to));
      const written = arrived && (await atSink(async (each) => each.write(piece).then(() => true)));
      if (written !== true) {
        void atSink((each) => each.discard());
        return null;
      }
    }
    const taken = await atSink((each) => each.finish());
    return (await this.#way(to, sender.number)) ? taken : null;
  }

  /** Whether a piece has come from one machine to the other. */
  #way(from: number, to: number): Promise<boolean> {
    const { scheduler } = this.#world;
    const untilUs = scheduler.nowUs + STALLED_US;
    return new Promise((resolve) => {
      const arrive = (): void => {
        if (this.#links.breaks() || scheduler.nowUs > untilUs) resolve(false);
        else if (this.#links.isOpen(from, to)) resolve(true);
        else scheduler.after(RETRY_US, arrive);
      };
      scheduler.after(this.#links.delayUs(), arrive);
    });
  }

  /** Null when it takes too long. */
  #soon<Result>(work: Promise<Result | null>): Promise<Result | null> {
    return new Promise((resolve) => {
      const late = this.#world.scheduler.after(STALLED_US, () => resolve(null));
      void work.then((result) => {
        late.action = null;
        resolve(result);
      });
    });
  }

  /** Null when the process ends before, or the work fails. */
  #in<Result>({ port, process }: End, work: () => Promise<Result>): Promise<Result | null> {
    return new Promise((resolve) => {
      const gone = (): void => resolve(null);
      const ended = (result: Result | null): void => {
        process.onEnd.delete(gone);
        resolve(result);
      };
      if (!process.alive) {
        gone();
        return;
      }
      process.onEnd.add(gone);
      port.run(process, () => {
        void work().then(ended, (error: unknown) => {
          if (!isDiskError(error)) this.#world.attempt("a stream", () => rethrow(error));
          ended(null);
        });
      });
    });
  }

  #end(number: number): End | null {
    const port = this.#ports[number];
    const process = port?.process ?? null;
    return port === undefined || process === null ? null : { number, port, process };
  }
}

function rethrow(error: unknown): never {
  throw error;
}

function verdictOf(taken: boolean | null): string {
  if (taken === null) return "broken off";
  return taken ? "taken" : "not taken";
}
