/** A member's storage in memory: a log whose syncs the test may hold or fail, a store that is durable at once, snapshots as they are. */
import assert from "node:assert/strict";
import type { LogIndex, Term } from "../../src/base/ids.ts";
import { NO_MEMBER } from "../../src/base/ids.ts";
import type { Clock } from "../../src/env/clock.ts";
import type { SnapshotSource } from "../../src/env/transport.ts";
import {
  type Backend,
  BUCKETS,
  type Bucket,
  type Change,
  type Committed,
  type KeyValue,
  type Range,
} from "../../src/etcd/backend/backend.ts";
import { encodeBase } from "../../src/etcd/backend/base-codec.ts";
import { visitAll } from "../../src/etcd/backend/layer.ts";
import { openMemoryBackend } from "../../src/etcd/backend/memory.ts";
import { bytesOf, textOf } from "../../src/etcd/backend/sorted.ts";
import { WriteBuffer } from "../../src/etcd/backend/write-buffer.ts";
import type { Entry, HardState, LogBase } from "../../src/etcd/model.ts";
import type { Founding, MemberStorage, SnapshotReceiver } from "../../src/etcd/storage.ts";
import type { SnapshotRecord, WalBatch } from "../../src/etcd/wal/record.ts";
import type { SnapshotFile } from "../../src/etcd/wal/snapshot-files.ts";
import { MemoryDisk } from "./disk.ts";

/** Of one commit: so few that a store that does not keep up is soon full. */
const MAX_OPERATIONS = 50;

type Done = (error: Error | null) => void;

interface State {
  readonly base: LogBase | null;
  /** By bucket and key, as text. */
  readonly keys: ReadonlyMap<string, Uint8Array>;
}

class MapBackend implements Backend {
  state: State;
  /** Commits end when this does. */
  gate: Promise<void> = Promise.resolve();

  constructor(state: State) {
    this.state = state;
  }

  get base(): LogBase | null {
    return this.state.base;
  }

  get(bucket: Bucket, key: Uint8Array): Uint8Array | null {
    return this.state.keys.get(`${bucket}/${textOf(key)}`) ?? null;
  }

  peek(bucket: Bucket, key: Uint8Array): Uint8Array | null {
    return this.get(bucket, key);
  }

  scan(bucket: Bucket, range: Range, visit: (key: Uint8Array, value: Uint8Array) => void): Uint8Array | null {
    return visitAll(this.range(bucket, range), visit);
  }

  get sizeBytes(): number {
    return [...this.state.keys].reduce((bytes, [key, value]) => bytes + key.length + value.length, 0);
  }

  get sizeInUseBytes(): number {
    return this.sizeBytes;
  }

  range(bucket: Bucket, { from, to, limit = Number.POSITIVE_INFINITY }: Range): readonly KeyValue[] {
    const [first, end] = [`${bucket}/${from ? textOf(from) : ""}`, to ? `${bucket}/${textOf(to)}` : null];
    const found = [...this.state.keys].filter(
      ([key]) => key.startsWith(`${bucket}/`) && key >= first && (end === null || key < end),
    );
    found.sort(([a], [b]) => (a < b ? -1 : 1));
    return found.slice(0, limit).map(([key, value]) => ({ key: bytesOf(key.slice(bucket.length + 1)), value }));
  }

  commit(changes: readonly Change[], base: LogBase): Committed {
    const keys = new Map(this.state.keys);
    for (const { bucket, key, value } of changes) {
      if (value === null) keys.delete(`${bucket}/${textOf(key)}`);
      else keys.set(`${bucket}/${textOf(key)}`, value);
    }
    this.state = { base, keys };
    return { visible: this.gate, durable: this.gate };
  }

  copyTo(): Promise<LogBase> {
    return Promise.reject(new Error("snapshots are states here"));
  }

  async defragment(): Promise<void> {}

  async close(): Promise<void> {}
}

/** What a disk keeps: the rest of a ManualStorage is one life's. */
interface Kept {
  hardState: HardState;
  base: LogBase | null;
  entries: readonly Entry[];
  state: State;
}

export class ManualStorage implements MemberStorage {
  hardState: HardState;
  base: LogBase | null;
  entries: readonly Entry[];
  buffer: WriteBuffer;
  /** Syncs return when the test releases them. */
  held = false;
  error: Error | null = null;
  closed = false;
  readonly #clock: Clock;
  readonly #soon: (action: () => void) => void;
  readonly #kept: Kept;
  #backend: MapBackend;
  #received: State | null = null;
  #copy: Uint8Array = new Uint8Array(0);
  #waiting: { readonly write: () => void; readonly done: Done }[] = [];

  /** `before`: what it finds; null: a founder's, or with `founding` null a joiner's first start. */
  constructor(
    clock: Clock,
    soon: (action: () => void) => void,
    founding: Founding | null,
    before: ManualStorage | null,
  ) {
    this.#clock = clock;
    this.#soon = soon;
    this.#kept = before?.kept() ?? founded(founding);
    this.hardState = this.#kept.hardState;
    this.base = this.#kept.base;
    this.entries = this.#kept.entries;
    this.#backend = new MapBackend(this.#kept.state);
    this.buffer = this.#bufferAbove();
  }

  /** Commits of the store do not end before the returned function is called. */
  holdCommits(): () => void {
    let release = (): void => {};
    this.#backend.gate = new Promise((resolve) => {
      release = resolve;
    });
    return release;
  }

  /** What a start after a crash now would find. */
  kept(): Kept {
    return { ...this.#kept, state: this.#backend.state };
  }

  append({ snapshot = null, hardState, entries }: WalBatch, done: Done): void {
    assert.ok(!this.closed, "nothing is appended to a closed log");
    const kept = this.#kept;
    const write = (): void => {
      if (snapshot !== null) {
        const isOurs = snapshot.kind === "made";
        kept.entries = isOurs ? kept.entries.filter(({ index }) => index > snapshot.base.index) : [];
        kept.base = snapshot.base;
        // From here on a start would finish it.
        if (!isOurs && this.#received !== null) this.#backend.state = this.#received;
      }
      kept.hardState = hardState ?? kept.hardState;
      const [first] = entries;
      if (first !== undefined) kept.entries = [...kept.entries.filter(({ index }) => index < first.index), ...entries];
    };
    this.#waiting.push({ write, done });
    this.#soon(() => {
      if (!this.held) this.release();
    });
  }

  release(): void {
    this.held = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { write, done } of waiting) {
      if (this.error === null) write();
      done(this.error);
    }
  }

  /** Power is cut: what was not synced is gone, and nobody hears of it. */
  crash(): void {
    this.#waiting = [];
  }

  compact(before: LogBase | null, done: Done): LogBase | null {
    const base = this.buffer.durableBase;
    if (base === null || base.index <= (before?.index ?? 0)) return null;
    this.append({ snapshot: { kind: "made", base, file: null }, hardState: null, entries: [] }, done);
    return base;
  }

  async makeSnapshot(): Promise<SnapshotFile> {
    await this.buffer.commit();
    const { state } = this.#backend;
    this.#copy = await imageOf(state);
    return { name: "copy", base: state.base as LogBase };
  }

  async openSnapshot({ base }: SnapshotFile): Promise<SnapshotSource> {
    const bytes = this.#copy;
    return {
      header: encodeBase(base),
      bytes: bytes.length,
      read: async (offset, length) => bytes.subarray(offset, offset + length),
      close: async () => {},
    };
  }

  async receiveSnapshot(base: LogBase): Promise<SnapshotReceiver> {
    const pieces: Uint8Array[] = [];
    return {
      write: async (bytes) => {
        pieces.push(bytes);
      },
      finish: async () => {
        const image = Buffer.concat(pieces);
        this.#received = await stateIn(image);
        assert.deepEqual(this.#received.base, base);
        return { kind: "received", base, file: { bytes: image.length, checksum: 0 } };
      },
      discard: async () => {
        this.#received = null;
      },
    };
  }

  async install(record: SnapshotRecord): Promise<void> {
    assert.deepEqual(this.#kept.base, record.base, "the log's record is synced first");
    await this.buffer.close();
    this.#backend = new MapBackend(this.#received as State);
    this.#received = null;
    this.buffer = this.#bufferAbove();
  }

  #bufferAbove(): WriteBuffer {
    const failed = (error: Error): void => assert.fail(error);
    return new WriteBuffer({ backend: this.#backend, clock: this.#clock, failed, maxOperations: MAX_OPERATIONS });
  }

  async close(): Promise<void> {
    this.release();
    this.closed = true;
    await this.buffer.close();
  }
}

function founded(founding: Founding | null): Kept {
  const keys = (founding?.members ?? []).map(({ key, value }) => [`members/${textOf(key)}`, value] as const);
  return {
    hardState: { term: 0 as Term, vote: NO_MEMBER, commit: 0 as LogIndex },
    base: founding?.base ?? null,
    entries: [],
    state: { base: founding?.base ?? null, keys: new Map(keys) },
  };
}

/** The file that the memory backend keeps this state in: members on storages of either kind take each other's. */
async function imageOf({ base, keys }: State): Promise<Uint8Array> {
  const disk = new MemoryDisk();
  const backend = await openMemoryBackend(disk, "db");
  const changes = [...keys].map(([key, value]) => {
    const slash = key.indexOf("/");
    return { bucket: key.slice(0, slash) as Bucket, key: bytesOf(key.slice(slash + 1)), value };
  });
  await backend.commit(changes, base as LogBase).durable;
  return disk.contents("db");
}

async function stateIn(image: Uint8Array): Promise<State> {
  const disk = new MemoryDisk();
  disk.put("db", image);
  const backend = await openMemoryBackend(disk, "db");
  const keys = BUCKETS.flatMap((bucket) =>
    backend.range(bucket, {}).map(({ key, value }) => [`${bucket}/${textOf(key)}`, value] as const),
  );
  return { base: backend.base, keys: new Map(keys) };
}
