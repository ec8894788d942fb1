const EMPTY = -1;

/**
 * The configurations a search has seen: (pending return, state, mask) in an open-addressing hash table of flat rows, and for
 * each the counts of uncertain effects it was reached with. A configuration is new unless one with the same key and no higher
 * count anywhere was added before.
 */
export class ConfigurationSet {
  readonly #maskWords: number;
  readonly #classes: number;
  /** A row: pending return, state, mask words, index of the first counts entry. */
  readonly #rowWords: number;
  #rows: Int32Array;
  #rowCount = 0;
  /** An entry: the counts of each class, index of the next entry. */
  #counts = new Int32Array(0);
  #countEntries = 0;
  #slots: Int32Array;

  constructor(maskWords: number, classes: number) {
    this.#maskWords = maskWords;
    this.#classes = classes;
    this.#rowWords = maskWords + 3;
    this.#rows = new Int32Array(this.#rowWords * 16);
    this.#slots = new Int32Array(32).fill(EMPTY);
  }

  /** Rows and counts held: what memory is proportional to. */
  get size(): number {
    return this.#rowCount + this.#countEntries;
  }

  /** False when the configuration, or one that dominates it, was there before. */
  add(pendingReturn: number, state: number, mask: Int32Array, counts: Int32Array): boolean {
    const slot = this.#find(pendingReturn, state, mask);
    let row = this.#slots[slot] as number;
    if (row === EMPTY) {
      row = this.#append(pendingReturn, state, mask);
      this.#slots[slot] = row;
      if (this.#rowCount * 2 > this.#slots.length) this.#rehash();
    } else if (this.#classes === 0 || this.#dominated(row, counts)) {
      return false;
    }
    if (this.#classes > 0) this.#appendCounts(row, counts);
    return true;
  }

  /** Distinct states seen with this pending return, at most `limit`. */
  statesAt(pendingReturn: number, limit: number): number[] {
    const states = new Set<number>();
    for (let row = 0; row < this.#rowCount && states.size < limit; row++) {
      const at = row * this.#rowWords;
      if (this.#rows[at] === pendingReturn) states.add(this.#rows[at + 1] as number);
    }
    return [...states];
  }

  #find(pendingReturn: number, state: number, mask: Int32Array): number {
    let hash = mix(mix(0, pendingReturn), state);
    for (let word = 0; word < this.#maskWords; word++) hash = mix(hash, mask[word] as number);
    const last = this.#slots.length - 1;
    let slot = finish(hash) & last;
    for (;;) {
      const row = this.#slots[slot] as number;
      if (row === EMPTY || this.#equals(row, pendingReturn, state, mask)) return slot;
      slot = (slot + 1) & last;
    }
  }

  #equals(row: number, pendingReturn: number, state: number, mask: Int32Array): boolean {
    const at = row * this.#rowWords;
    if (this.#rows[at] !== pendingReturn || this.#rows[at + 1] !== state) return false;
    for (let word = 0; word < this.#maskWords; word++) {
      if (this.#rows[at + 2 + word] !== mask[word]) return false;
    }
    return true;
  }

  #append(pendingReturn: number, state: number, mask: Int32Array): number {
    const at = this.#rowCount * this.#rowWords;
    if (at === this.#rows.length) this.#rows = doubled(this.#rows);
    this.#rows[at] = pendingReturn;
    this.#rows[at + 1] = state;
    this.#rows.set(mask, at + 2);
    this.#rows[at + this.#rowWords - 1] = EMPTY;
    return this.#rowCount++;
  }

  #dominated(row: number, counts: Int32Array): boolean {
    let entry = this.#rows[(row + 1) * this.#rowWords - 1] as number;
    while (entry !== EMPTY) {
      const at = entry * (this.#classes + 1);
      let higher = 0;
      while (higher < this.#classes && (this.#counts[at + higher] as number) <= (counts[higher] as number)) higher++;
      if (higher === this.#classes) return true;
      entry = this.#counts[at + this.#classes] as number;
    }
    return false;
  }

  #appendCounts(row: number, counts: Int32Array): void {
    const words = this.#classes + 1;
    const at = this.#countEntries * words;
    if (at === this.#counts.length) this.#counts = doubled(this.#counts, words * 16);
    this.#counts.set(counts, at);
    const first = (row + 1) * this.#rowWords - 1;
    this.#counts[at + this.#classes] = this.#rows[first] as number;
    this.#rows[first] = this.#countEntries++;
  }

  #rehash(): void {
    this.#slots = new Int32Array(this.#slots.length * 2).fill(EMPTY);
    for (let row = 0; row < this.#rowCount; row++) {
      const at = row * this.#rowWords;
      const mask = this.#rows.subarray(at + 2, at + 2 + this.#maskWords);
      this.#slots[this.#find(this.#rows[at] as number, this.#rows[at + 1] as number, mask)] = row;
    }
  }
}

function doubled(array: Int32Array, least = 0): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(array.length * 2, least));
  larger.set(array);
  return larger;
}

/** MurmurHash3's body and finalizer (Austin Appleby, public domain), 32 bits. */
function mix(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = (k << 15) | (k >>> 17);
  hash ^= Math.imul(k, 0x1b873593);
  hash = (hash << 13) | (hash >>> 19);
  return (Math.imul(hash, 5) + 0xe6546b64) | 0;
}

function finish(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
