/**
 * The slow twin of the store: every change that ever was in one list, everything looked for when it is asked. Encodes and hashes by
 * itself, bit by bit.
 */
export interface TwinChange {
  readonly main: number;
  readonly sub: number;
  readonly key: string;
  readonly value: string;
  readonly created: number;
  /** 0: a tombstone. */
  readonly version: number;
  readonly lease: number;
}

export class StoreTwin {
  readonly changes: readonly TwinChange[];
  readonly revision: number;
  readonly compacted: number;

  constructor(changes: readonly TwinChange[] = [], revision = 1, compacted = -1) {
    this.changes = changes;
    this.revision = revision;
    this.compacted = compacted;
  }

  put(sub: number, key: string, value: string, lease: number): StoreTwin {
    const before = this.get(key, Number.POSITIVE_INFINITY);
    const main = this.revision + 1;
    const change = {
      main,
      sub,
      key,
      value,
      created: before?.created ?? main,
      version: (before?.version ?? 0) + 1,
      lease,
    };
    return new StoreTwin([...this.changes, change], this.revision, this.compacted);
  }

  remove(sub: number, key: string): StoreTwin {
    const change = { main: this.revision + 1, sub, key, value: "", created: 0, version: 0, lease: 0 };
    return new StoreTwin([...this.changes, change], this.revision, this.compacted);
  }

  commit(): StoreTwin {
    return new StoreTwin(this.changes, this.revision + 1, this.compacted);
  }

  compact(revision: number): StoreTwin | "compacted" | "future" {
    if (revision <= this.compacted) return "compacted";
    return revision > this.revision ? "future" : new StoreTwin(this.changes, this.revision, revision);
  }

  get(key: string, at: number): TwinChange | null {
    const last = this.changes.findLast((change) => change.key === key && change.main <= at);
    return last === undefined || last.version === 0 ? null : last;
  }

  /** In order of key. */
  range(from: string, to: string | null, at: number): readonly TwinChange[] {
    const keys = [...new Set(this.changes.map(({ key }) => key))].sort((a, b) => (a < b ? -1 : 1));
    const inside = keys.filter((key) => key >= from && (to === null || key < to));
    return inside.map((key) => this.get(key, at)).filter((change) => change !== null);
  }

  /** What a finished compaction leaves. */
  kept(): readonly TwinChange[] {
    return this.changes.filter((change) => {
      if (change.main > this.compacted) return true;
      const newest = this.changes.findLast(({ key, main }) => key === change.key && main <= this.compacted);
      return change === newest && (change.version > 0 || change.main === this.compacted);
    });
  }

  /** What is told of the time from a revision on, the compacted one or later. */
  historyFrom(revision: number): readonly TwinChange[] {
    const keeps = new Set(this.kept());
    return this.changes.filter(
      (change) => change.main >= revision && (change.main > this.compacted || keeps.has(change)),
    );
  }

  hash(revision: number): number {
    const upTo = this.kept().filter(({ main }) => main <= revision);
    const alive = this.range("", null, revision);
    const counted = upTo.filter((change) => {
      if (change.main > this.compacted) return true;
      if (change.version === 0) return false;
      return alive.length === 0 || alive.includes(change);
    });
    const bytes = [...Buffer.from("key")];
    for (const change of counted) bytes.push(...nameOf(change), ...encoded(change));
    return slowCrc32c(bytes);
  }
}

export function nameOf({ main, sub, version }: TwinChange): Uint8Array {
  const name = Buffer.alloc(version === 0 ? 18 : 17);
  name.writeBigUInt64BE(BigInt(main), 0);
  name.write("_", 8);
  name.writeBigUInt64BE(BigInt(sub), 9);
  if (version === 0) name.write("t", 17);
  return name;
}

/** mvccpb.KeyValue; a tombstone's has the key alone. */
export function encoded({ key, created, main, version, value, lease }: TwinChange): Uint8Array {
  const bytes: number[] = [];
  const varint = (number: number): void => {
    for (let left = number; ; left = Math.floor(left / 128)) {
      if (left < 128) return void bytes.push(left);
      bytes.push((left % 128) | 128);
    }
  };
  const field = (tag: number, number: number): void => {
    if (number === 0 || version === 0) return;
    bytes.push(tag);
    varint(number);
  };
  const text = (tag: number, content: string): void => {
    if (content === "") return;
    bytes.push(tag);
    varint(content.length);
    bytes.push(...Buffer.from(content, "latin1"));
  };
  text(0x0a, key);
  field(0x10, created);
  field(0x18, main);
  field(0x20, version);
  text(0x2a, value);
  field(0x30, lease);
  return Uint8Array.from(bytes);
}

function slowCrc32c(bytes: readonly number[]): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}
