/** Ids, each with the moment it is due, the earliest first: a binary heap that knows where each id is, so that a moment can change. */
import { assert } from "../../base/assert.ts";

export class DueQueue {
  readonly #ids: bigint[] = [];
  readonly #atMs: number[] = [];
  readonly #placeOf = new Map<bigint, number>();

  get size(): number {
    return this.#ids.length;
  }

  /** Puts an id in, or changes when it is due. */
  set(id: bigint, atMs: number): void {
    const place = this.#placeOf.get(id) ?? this.#ids.length;
    const before = this.#atMs[place] ?? Number.POSITIVE_INFINITY;
    this.#put(place, id, atMs);
    if (atMs <= before) this.#rise(place);
    else this.#sink(place);
  }

  delete(id: bigint): void {
    const place = this.#placeOf.get(id);
    if (place === undefined) return;
    this.#placeOf.delete(id);
    const last = this.#ids.length - 1;
    const lastId = this.#ids.pop() as bigint;
    const lastAtMs = this.#atMs.pop() as number;
    if (place === last) return;
    this.#put(place, lastId, lastAtMs);
    this.#rise(place);
    this.#sink(this.#placeOf.get(lastId) as number);
  }

  /** Takes out those that are due, at most `limit`, the earliest first. */
  take(nowMs: number, limit: number): readonly bigint[] {
    const taken: bigint[] = [];
    while (taken.length < limit && this.#ids.length > 0 && (this.#atMs[0] as number) <= nowMs) {
      const first = this.#ids[0] as bigint;
      taken.push(first);
      this.delete(first);
    }
    return taken;
  }

  #put(place: number, id: bigint, atMs: number): void {
    this.#ids[place] = id;
    this.#atMs[place] = atMs;
    this.#placeOf.set(id, place);
  }

  #rise(start: number): void {
    for (let place = start; place > 0; ) {
      const parent = (place - 1) >> 1;
      if ((this.#atMs[parent] as number) <= (this.#atMs[place] as number)) return;
      this.#swap(parent, place);
      place = parent;
    }
  }

  #sink(start: number): void {
    for (let place = start; ; ) {
      let least = place;
      for (const child of [2 * place + 1, 2 * place + 2])
        if (child < this.#ids.length && (this.#atMs[child] as number) < (this.#atMs[least] as number)) least = child;
      if (least === place) return;
      this.#swap(least, place);
      place = least;
    }
  }

  #swap(a: number, b: number): void {
    const [id, atMs] = [this.#ids[a], this.#atMs[a]];
    assert(id !== undefined && atMs !== undefined, "both places are taken", { a, b });
    this.#put(a, this.#ids[b] as bigint, this.#atMs[b] as number);
    this.#put(b, id, atMs);
  }
}
