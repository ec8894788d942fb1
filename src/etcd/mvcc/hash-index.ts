/**
 * From a key's name to its item by hash: what reading and writing single keys goes through, at a quarter of a descent in the
 * tree. Many small maps, because one map of millions of entries stops the program for a tenth of a second each time it grows,
 * and ends at 2^24 entries.
 */
const SHARDS = 256;

export class HashIndex<Item> {
  readonly #shards: readonly Map<string, Item>[] = Array.from({ length: SHARDS }, () => new Map<string, Item>());

  get(key: string): Item | undefined {
    return (this.#shards[shardOf(key)] as Map<string, Item>).get(key);
  }

  set(key: string, item: Item): void {
    (this.#shards[shardOf(key)] as Map<string, Item>).set(key, item);
  }

  delete(key: string): void {
    (this.#shards[shardOf(key)] as Map<string, Item>).delete(key);
  }
}

/** Keys differ mostly near their ends. */
function shardOf(key: string): number {
  let hash = key.length;
  for (let at = Math.max(0, key.length - 8); at < key.length; at++) hash = Math.imul(hash, 31) + key.charCodeAt(at);
  return (hash ^ (hash >>> 8) ^ (hash >>> 16)) & (SHARDS - 1);
}
