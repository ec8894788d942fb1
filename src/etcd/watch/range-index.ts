/**
 * Which members' key ranges contain a key. Single keys are looked up by hash. Other ranges form an interval tree laid over an
 * array sorted by start: the middle of a slice is the root of its subtree, and beside it stands the furthest end in that slice.
 * Members of an equal range share one node; the ends are computed again on the first search after a node came or went.
 */
import { assert } from "../../base/assert.ts";
import type { KeyRange } from "../mvcc/key.ts";

interface Node<Member> {
  readonly range: KeyRange;
  readonly members: Set<Member>;
}

export class RangeIndex<Member> {
  readonly #single = new Map<string, Set<Member>>();
  readonly #nodes: Node<Member>[] = [];
  /** Furthest end in the slice whose middle this is; null has no end. */
  #ends: (string | null)[] = [];
  #endsAreStale = false;

  add(range: KeyRange, member: Member): void {
    if (isSingle(range)) {
      const members = this.#single.get(range.from);
      if (members === undefined) this.#single.set(range.from, new Set([member]));
      else members.add(member);
      return;
    }
    const at = this.#position(range);
    const node = this.#nodes[at];
    if (node !== undefined && compare(node.range, range) === 0) node.members.add(member);
    else {
      this.#nodes.splice(at, 0, { range, members: new Set([member]) });
      this.#endsAreStale = true;
    }
  }

  remove(range: KeyRange, member: Member): void {
    if (isSingle(range)) {
      const members = this.#single.get(range.from);
      assert(members?.delete(member) === true, "only what was added is removed");
      if (members.size === 0) this.#single.delete(range.from);
      return;
    }
    const at = this.#position(range);
    const node = this.#nodes[at];
    assert(node !== undefined && compare(node.range, range) === 0, "only a range that was added is removed");
    assert(node.members.delete(member), "only what was added is removed");
    if (node.members.size > 0) return;
    this.#nodes.splice(at, 1);
    this.#endsAreStale = true;
  }

  /** Visits each member whose range contains the key, in no particular order. The index must not change meanwhile. */
  each(key: string, visit: (member: Member) => void): void {
    const members = this.#single.get(key);
    if (members !== undefined) for (const member of members) visit(member);
    if (this.#nodes.length === 0) return;
    if (this.#endsAreStale) {
      this.#ends = new Array(this.#nodes.length);
      this.#computeEnds(0, this.#nodes.length);
      this.#endsAreStale = false;
    }
    this.#stab(key, 0, this.#nodes.length, visit);
  }

  #stab(key: string, low: number, high: number, visit: (member: Member) => void): void {
    if (low >= high) return;
    const middle = (low + high) >> 1;
    const end = this.#ends[middle] as string | null;
    if (end !== null && end <= key) return;
    this.#stab(key, low, middle, visit);
    const { range, members } = this.#nodes[middle] as Node<Member>;
    if (range.from > key) return;
    if (range.to === null || key < range.to) for (const member of members) visit(member);
    this.#stab(key, middle + 1, high, visit);
  }

  #computeEnds(low: number, high: number): string | null {
    assert(low < high, "a subtree has a root");
    const middle = (low + high) >> 1;
    let end = (this.#nodes[middle] as Node<Member>).range.to;
    if (low < middle) end = further(end, this.#computeEnds(low, middle));
    if (middle + 1 < high) end = further(end, this.#computeEnds(middle + 1, high));
    this.#ends[middle] = end;
    return end;
  }

  /** Where the range stands, or would. */
  #position(range: KeyRange): number {
    let low = 0;
    let high = this.#nodes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compare((this.#nodes[middle] as Node<Member>).range, range) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function isSingle(range: KeyRange): boolean {
  return range.to !== null && range.to.length === range.from.length + 1 && range.to === `${range.from}\0`;
}

function further(a: string | null, b: string | null): string | null {
  if (a === null || b === null) return null;
  return a > b ? a : b;
}

function compare(a: KeyRange, b: KeyRange): number {
  if (a.from !== b.from) return a.from < b.from ? -1 : 1;
  if (a.to === b.to) return 0;
  if (a.to === null) return 1;
  return b.to === null || a.to < b.to ? -1 : 1;
}
