import { assert } from "../base/assert.ts";

/** RFC 7541, appendix A: name and value alternate; entry n of the table (from 1) stands at 2n - 2. */
// biome-ignore format: one entry a line
const STATIC: readonly string[] = [
  ":authority", "",
  ":method", "GET",
  ":method", "POST",
  ":path", "/",
  ":path", "/index.html",
  ":scheme", "http",
  ":scheme", "https",
  ":status", "200",
  ":status", "204",
  ":status", "206",
  ":status", "304",
  ":status", "400",
  ":status", "404",
  ":status", "500",
  "accept-charset", "",
  "accept-encoding", "gzip, deflate",
  "accept-language", "",
  "accept-ranges", "",
  "accept", "",
  "access-control-allow-origin", "",
  "age", "",
  "allow", "",
  "authorization", "",
  "cache-control", "",
  "content-disposition", "",
  "content-encoding", "",
  "content-language", "",
  "content-length", "",
  "content-location", "",
  "content-range", "",
  "content-type", "",
  "cookie", "",
  "date", "",
  "etag", "",
  "expect", "",
  "expires", "",
  "from", "",
  "host", "",
  "if-match", "",
  "if-modified-since", "",
  "if-none-match", "",
  "if-range", "",
  "if-unmodified-since", "",
  "last-modified", "",
  "link", "",
  "location", "",
  "max-forwards", "",
  "proxy-authenticate", "",
  "proxy-authorization", "",
  "range", "",
  "referer", "",
  "refresh", "",
  "retry-after", "",
  "server", "",
  "set-cookie", "",
  "strict-transport-security", "",
  "transfer-encoding", "",
  "user-agent", "",
  "vary", "",
  "via", "",
  "www-authenticate", "",
];

const STATIC_COUNT = 61;
/** What each entry costs beside its two strings (RFC 7541, section 4.1). */
const ENTRY_OVERHEAD_BYTES = 32;

const staticByField = new Map<string, number>();
const staticByName = new Map<string, number>();
assert(STATIC.length === 2 * STATIC_COUNT, "the static table is complete");
for (let index = STATIC_COUNT; index >= 1; index--) {
  staticByField.set(`${STATIC[2 * index - 2]}\n${STATIC[2 * index - 1]}`, index);
  staticByName.set(STATIC[2 * index - 2]!, index);
}

export function entryBytes(name: string, value: string): number {
  return name.length + value.length + ENTRY_OVERHEAD_BYTES;
}

/**
 * The static and the dynamic table under one index (RFC 7541, section 2.3): the newest dynamic entry is 62. The dynamic part is
 * a ring; `generation` changes whenever an index may have changed its meaning, so what was derived from indices can be kept
 * until then.
 */
export class HpackTable {
  generation = 0;
  #names: string[];
  #values: string[];
  #mask: number;
  /** Entries ever inserted: the newest stands at (inserted - 1) & mask. */
  #inserted = 0;
  #count = 0;
  #bytes = 0;
  #maxBytes: number;

  /** `maxBytes` may be lowered and raised again later, but never above what is given here. */
  constructor(maxBytes: number) {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(1, Math.floor(maxBytes / ENTRY_OVERHEAD_BYTES))));
    this.#names = new Array<string>(slots).fill("");
    this.#values = new Array<string>(slots).fill("");
    this.#mask = slots - 1;
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get maxBytes(): number {
    return this.#maxBytes;
  }

  has(index: number): boolean {
    return index >= 1 && index <= STATIC_COUNT + this.#count;
  }

  /** The index must exist: ask `has` about one that came from outside. */
  name(index: number): string {
    if (index <= STATIC_COUNT) return STATIC[2 * index - 2]!;
    return this.#names[this.#slot(index)]!;
  }

  value(index: number): string {
    if (index <= STATIC_COUNT) return STATIC[2 * index - 1]!;
    return this.#values[this.#slot(index)]!;
  }

  /** Index of the whole field, or 0. */
  findField(name: string, value: string): number {
    const index = staticByField.get(`${name}\n${value}`);
    if (index !== undefined) return index;
    for (let age = 0; age < this.#count; age++) {
      const slot = (this.#inserted - 1 - age) & this.#mask;
      if (this.#names[slot] === name && this.#values[slot] === value) return STATIC_COUNT + 1 + age;
    }
    return 0;
  }

  /** Index of a field with this name, or 0. */
  findName(name: string): number {
    const index = staticByName.get(name);
    if (index !== undefined) return index;
    for (let age = 0; age < this.#count; age++) {
      if (this.#names[(this.#inserted - 1 - age) & this.#mask] === name) return STATIC_COUNT + 1 + age;
    }
    return 0;
  }

  /** An entry larger than the table empties it (RFC 7541, section 4.4). */
  insert(name: string, value: string): void {
    const bytes = entryBytes(name, value);
    this.generation++;
    this.#evict(this.#maxBytes - bytes);
    if (bytes > this.#maxBytes) return;
    const slot = this.#inserted & this.#mask;
    this.#names[slot] = name;
    this.#values[slot] = value;
    this.#inserted++;
    this.#count++;
    this.#bytes += bytes;
    assert(this.#count <= this.#mask + 1, "the ring holds every entry that fits", { count: this.#count });
  }

  resize(maxBytes: number): void {
    this.generation++;
    this.#maxBytes = maxBytes;
    this.#evict(maxBytes);
  }

  #evict(targetBytes: number): void {
    while (this.#count > 0 && this.#bytes > targetBytes) {
      const slot = (this.#inserted - this.#count) & this.#mask;
      this.#bytes -= entryBytes(this.#names[slot]!, this.#values[slot]!);
      this.#names[slot] = "";
      this.#values[slot] = "";
      this.#count--;
    }
  }

  #slot(index: number): number {
    assert(index - STATIC_COUNT <= this.#count, "a dynamic index within the table", { index, count: this.#count });
    return (this.#inserted - (index - STATIC_COUNT)) & this.#mask;
  }
}
