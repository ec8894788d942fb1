/**
 * Slots in the order of their keys: a B+tree whose leaves are chained, so that a range is one descent and a walk. Leaves hold slots
 * alone: what their keys are is asked of the table.
 */
import { assert } from "../../base/assert.ts";
import type { Slot } from "./key-table.ts";

/** What the tree must know of the slots in it. */
export interface OrderedKeys {
  /** Below 0 when the slot's key comes before `key`, 0 when it is that, else above. */
  compare(slot: Slot, key: Uint8Array): number;
  /** A copy that stays. */
  key(slot: Slot): Uint8Array;
}

interface Leaf {
  readonly slots: Slot[];
  readonly children: null;
  next: Leaf | null;
}

/** `children[i]` holds the keys k with keys[i - 1] <= k < keys[i]. */
interface Inner {
  readonly keys: Uint8Array[];
  readonly slots: null;
  readonly children: Node[];
}

type Node = Leaf | Inner;

interface Split {
  readonly separator: Uint8Array;
  readonly right: Node;
}

const NODE_KEYS_MAX = 64;
/** A node that removals leave with less takes its neighbour's keys in, or shares them with it. */
const NODE_KEYS_MIN = 16;

export class TreeIndex {
  readonly #ordered: OrderedKeys;
  #root: Node = leafOf([], null);
  #size = 0;

  constructor(ordered: OrderedKeys) {
    this.#ordered = ordered;
  }

  get size(): number {
    return this.#size;
  }

  get(key: Uint8Array): Slot | null {
    const { slots } = this.#leafFor(key);
    const slot = slots[this.#lowerBound(slots, key)];
    return slot !== undefined && this.#ordered.compare(slot, key) === 0 ? slot : null;
  }

  /** Adds the slot of a key that is not there yet. */
  add(key: Uint8Array, slot: Slot): void {
    if (this.#append(key, slot)) return;
    const split = this.#insert(this.#root, key, slot);
    this.#size++;
    if (split !== null) this.#root = innerOf([split.separator], [this.#root, split.right]);
  }

  /** Keys often come in order: whether it went behind the last one, found without a search. */
  #append(key: Uint8Array, slot: Slot): boolean {
    let node = this.#root;
    while (node.children !== null) node = node.children.at(-1) as Node;
    const last = node.slots.at(-1);
    if (last === undefined || node.slots.length === NODE_KEYS_MAX || this.#ordered.compare(last, key) >= 0)
      return false;
    node.slots.push(slot);
    this.#size++;
    return true;
  }

  /** Removes a key that is there. */
  remove(key: Uint8Array): void {
    this.#remove(this.#root, key);
    this.#size--;
    // An inner root of one child is no more than that child.
    if (this.#root.children?.length === 1) this.#root = this.#root.children[0] as Node;
  }

  /** Visits from <= key < to (null: no end) in order until `visit` returns false. The tree must not change meanwhile. */
  ascend(from: Uint8Array, to: Uint8Array | null, visit: (slot: Slot) => boolean): void {
    let leaf: Leaf | null = this.#leafFor(from);
    let at = this.#lowerBound(leaf.slots, from);
    while (leaf !== null) {
      const { slots } = leaf;
      const last = slots.at(-1);
      // A whole leaf inside the range needs one comparison, not one a key.
      const inside = to === null || (last !== undefined && this.#ordered.compare(last, to) < 0);
      const end = inside ? slots.length : this.#lowerBound(slots, to);
      for (; at < end; at++) if (!visit(slots[at] as Slot)) return;
      if (!inside && slots.length > 0) return;
      leaf = leaf.next;
      at = 0;
    }
  }

  #leafFor(key: Uint8Array): Leaf {
    let node = this.#root;
    while (node.children !== null) node = node.children[childAt(node.keys, key)] as Node;
    return node;
  }

  #insert(node: Node, key: Uint8Array, slot: Slot): Split | null {
    if (node.children === null) return this.#insertIntoLeaf(node, key, slot);
    const at = childAt(node.keys, key);
    const split = this.#insert(node.children[at] as Node, key, slot);
    if (split === null) return null;
    node.keys.splice(at, 0, split.separator);
    node.children.splice(at + 1, 0, split.right);
    if (node.keys.length <= NODE_KEYS_MAX) return null;
    return splitInner(node, splitPoint(at, node.keys.length));
  }

  #insertIntoLeaf(leaf: Leaf, key: Uint8Array, slot: Slot): Split | null {
    const { slots } = leaf;
    const at = this.#lowerBound(slots, key);
    const here = slots[at];
    assert(here === undefined || this.#ordered.compare(here, key) !== 0, "a key is added to the index once");
    slots.splice(at, 0, slot);
    if (slots.length <= NODE_KEYS_MAX) return null;
    return this.#splitLeaf(leaf, splitPoint(at, slots.length));
  }

  #remove(node: Node, key: Uint8Array): void {
    if (node.children === null) {
      const at = this.#lowerBound(node.slots, key);
      const slot = node.slots[at];
      assert(slot !== undefined && this.#ordered.compare(slot, key) === 0, "only a key that is there is removed");
      node.slots.splice(at, 1);
      return;
    }
    const at = childAt(node.keys, key);
    const child = node.children[at] as Node;
    this.#remove(child, key);
    const { length } = child.children === null ? child.slots : child.keys;
    if (length < NODE_KEYS_MIN && node.children.length > 1) this.#mergeOrShare(node, Math.max(0, at - 1));
  }

  /** Makes one node of the neighbours at `at` and behind it, or two of equal size. */
  #mergeOrShare(parent: Inner, at: number): void {
    const [left, right] = [parent.children[at] as Node, parent.children[at + 1] as Node];
    let split: Split | null = null;
    if (left.children === null) {
      assert(right.children === null, "neighbours are alike");
      left.slots.push(...right.slots);
      left.next = right.next;
      if (left.slots.length > NODE_KEYS_MAX) split = this.#splitLeaf(left, left.slots.length >> 1);
    } else {
      assert(right.children !== null, "neighbours are alike");
      left.keys.push(parent.keys[at] as Uint8Array, ...right.keys);
      left.children.push(...right.children);
      if (left.keys.length > NODE_KEYS_MAX) split = splitInner(left, left.keys.length >> 1);
    }
    if (split === null) {
      parent.keys.splice(at, 1);
      parent.children.splice(at + 1, 1);
    } else {
      parent.keys[at] = split.separator;
      parent.children[at + 1] = split.right;
    }
  }

  #splitLeaf(leaf: Leaf, middle: number): Split {
    const right = leafOf(leaf.slots.splice(middle), leaf.next);
    leaf.next = right;
    return { separator: this.#ordered.key(right.slots[0] as Slot), right };
  }

  /** The first position whose key is not below `key`. */
  #lowerBound(slots: readonly Slot[], key: Uint8Array): number {
    let low = 0;
    let high = slots.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#ordered.compare(slots[middle] as Slot, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function leafOf(slots: Slot[], next: Leaf | null): Leaf {
  return { slots, children: null, next };
}

function innerOf(keys: Uint8Array[], children: Node[]): Inner {
  assert(children.length === keys.length + 1, "an inner node has one child more than keys");
  return { keys, slots: null, children };
}

function splitInner(node: Inner, middle: number): Split {
  const separator = node.keys[middle] as Uint8Array;
  const right = innerOf(node.keys.splice(middle + 1), node.children.splice(middle + 1));
  node.keys.pop();
  return { separator, right };
}

/** In the middle; but keys that arrive in order leave full nodes behind them. */
function splitPoint(insertedAt: number, length: number): number {
  return insertedAt === length - 1 ? length - 2 : length >> 1;
}

/** The child that holds `key`: behind the last separator that is not above it. */
function childAt(separators: readonly Uint8Array[], key: Uint8Array): number {
  let low = 0;
  let high = separators.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareBytes(separators[middle] as Uint8Array, key) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A loop is faster than `Buffer.compare` for keys of usual length. */
function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
