/** An ordered map from key names to items: a B+tree whose leaves are chained, so that a range is one descent and a walk. */
import { assert } from "../../base/assert.ts";

interface Leaf<Item> {
  readonly keys: string[];
  readonly items: Item[];
  readonly children: null;
  next: Leaf<Item> | null;
}

/** `children[i]` holds the keys k with keys[i - 1] <= k < keys[i]. */
interface Inner<Item> {
  readonly keys: string[];
  readonly items: null;
  readonly children: Node<Item>[];
  readonly next: null;
}

type Node<Item> = Leaf<Item> | Inner<Item>;

interface Split<Item> {
  readonly separator: string;
  readonly right: Node<Item>;
}

const NODE_KEYS_MAX = 64;
/** A node that removals leave with less takes its neighbour's keys in, or shares them with it. */
const NODE_KEYS_MIN = 16;

export class TreeIndex<Item> {
  #root: Node<Item> = leafOf<Item>([], [], null);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: string): Item | undefined {
    const leaf = this.#leafFor(key);
    const at = lowerBound(leaf.keys, key);
    return leaf.keys[at] === key ? leaf.items[at] : undefined;
  }

  /** Adds a key that is not there yet. */
  add(key: string, item: Item): void {
    const split = insert(this.#root, key, item);
    this.#size++;
    if (split !== null) this.#root = innerOf([split.separator], [this.#root, split.right]);
  }

  /** Removes a key that is there. */
  remove(key: string): void {
    remove(this.#root, key);
    this.#size--;
    // An inner root of one child is no more than that child.
    if (this.#root.children?.length === 1) this.#root = this.#root.children[0] as Node<Item>;
  }

  /** Visits from <= key < to (null: no end) in order until `visit` returns false. The tree must not change meanwhile. */
  ascend(from: string, to: string | null, visit: (item: Item, key: string) => boolean): void {
    let leaf: Leaf<Item> | null = this.#leafFor(from);
    let at = lowerBound(leaf.keys, from);
    while (leaf !== null) {
      const { keys, items } = leaf;
      // A whole leaf inside the range needs one comparison, not one a key.
      const inside = to === null || (keys.length > 0 && (keys[keys.length - 1] as string) < to);
      const end = inside ? keys.length : lowerBound(keys, to as string);
      for (; at < end; at++) if (!visit(items[at] as Item, keys[at] as string)) return;
      if (!inside && keys.length > 0) return;
      leaf = leaf.next;
      at = 0;
    }
  }

  #leafFor(key: string): Leaf<Item> {
    let node = this.#root;
    while (node.children !== null) node = node.children[upperBound(node.keys, key)] as Node<Item>;
    return node;
  }
}

function leafOf<Item>(keys: string[], items: Item[], next: Leaf<Item> | null): Leaf<Item> {
  return { keys, items, children: null, next };
}

function innerOf<Item>(keys: string[], children: Node<Item>[]): Inner<Item> {
  assert(children.length === keys.length + 1, "an inner node has one child more than keys");
  return { keys, items: null, children, next: null };
}

function insert<Item>(node: Node<Item>, key: string, item: Item): Split<Item> | null {
  if (node.children === null) return insertIntoLeaf(node, key, item);
  const at = upperBound(node.keys, key);
  const split = insert(node.children[at] as Node<Item>, key, item);
  if (split === null) return null;
  node.keys.splice(at, 0, split.separator);
  node.children.splice(at + 1, 0, split.right);
  if (node.keys.length <= NODE_KEYS_MAX) return null;
  return splitAt(node, splitPoint(at, node.keys.length));
}

function insertIntoLeaf<Item>(leaf: Leaf<Item>, key: string, item: Item): Split<Item> | null {
  const at = lowerBound(leaf.keys, key);
  assert(leaf.keys[at] !== key, "a key is added to the index once");
  leaf.keys.splice(at, 0, key);
  leaf.items.splice(at, 0, item);
  if (leaf.keys.length <= NODE_KEYS_MAX) return null;
  return splitAt(leaf, splitPoint(at, leaf.keys.length));
}

function remove<Item>(node: Node<Item>, key: string): void {
  if (node.children === null) {
    const at = lowerBound(node.keys, key);
    assert(node.keys[at] === key, "only a key that is there is removed");
    node.keys.splice(at, 1);
    node.items.splice(at, 1);
    return;
  }
  const at = upperBound(node.keys, key);
  const child = node.children[at] as Node<Item>;
  remove(child, key);
  if (child.keys.length < NODE_KEYS_MIN && node.children.length > 1) mergeOrShare(node, Math.max(0, at - 1));
}

/** Makes one node of the neighbours at `at` and behind it, or two of equal size. */
function mergeOrShare<Item>(parent: Inner<Item>, at: number): void {
  const [left, right] = [parent.children[at] as Node<Item>, parent.children[at + 1] as Node<Item>];
  if (left.children === null) {
    assert(right.children === null, "neighbours are alike");
    left.keys.push(...right.keys);
    left.items.push(...right.items);
    left.next = right.next;
  } else {
    assert(right.children !== null, "neighbours are alike");
    left.keys.push(parent.keys[at] as string, ...right.keys);
    left.children.push(...right.children);
  }
  const split = left.keys.length <= NODE_KEYS_MAX ? null : splitAt(left, left.keys.length >> 1);
  if (split === null) {
    parent.keys.splice(at, 1);
    parent.children.splice(at + 1, 1);
  } else {
    parent.keys[at] = split.separator;
    parent.children[at + 1] = split.right;
  }
}

function splitAt<Item>(node: Node<Item>, middle: number): Split<Item> {
  if (node.children === null) {
    const right = leafOf(node.keys.splice(middle), node.items.splice(middle), node.next);
    node.next = right;
    return { separator: right.keys[0] as string, right };
  }
  const separator = node.keys[middle] as string;
  const right = innerOf(node.keys.splice(middle + 1), node.children.splice(middle + 1));
  node.keys.pop();
  return { separator, right };
}

/** In the middle; but keys that arrive in order leave full nodes behind them. */
function splitPoint(insertedAt: number, length: number): number {
  return insertedAt === length - 1 ? length - 2 : length >> 1;
}

/** The first position whose key is not below `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The first position whose key is above `key`. */
function upperBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] as string) <= key) low = middle + 1;
    else high = middle;
  }
  return low;
}
