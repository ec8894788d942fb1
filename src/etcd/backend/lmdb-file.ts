/** What an LMDB file says by its bytes, read without LMDB: opening one holds up everything for 10 ms and more, and a damaged one ends the process. */
import { type FileHandle, open as openFile } from "node:fs/promises";

/** With them a file begins; the one with the newer transaction counts. */
export const META_PAGES = 2;
/** Where things lie in a meta page, and the number it begins with. */
const META = {
  bytes: 192,
  magic: 24,
  pageBytes: 48,
  root: 136,
  lastPage: 144,
  transaction: 152,
  number: 0xbeefc0de,
} as const;
/** And in any other page, which begins with its own number; the places of its nodes are counted from the end of the head. */
const PAGE = { bytes: 24, flags: 18, branchOrLeaf: 3, branch: 1, firstNode: 24 } as const;
/** A node's head: in a branch the number of a page, in a leaf the size of the value; then the key, in a leaf the value. */
const NODE = { bytes: 8, low: 0, flags: 4, keyBytes: 6 } as const;
/** In the place of a root's number: there is no tree. */
const NO_PAGE = 2n ** 64n - 1n;
/** No tree is as high. */
const LEVELS_MAX = 64;

/** The value of the file's first key, as of its newest transaction; null when that is another than `key`. A whole database. */
export async function firstValueIn(path: string, key: Uint8Array): Promise<Uint8Array | null> {
  const file = await openFile(path, "r");
  try {
    const { pageBytes, root } = await newestRoot(file);
    let number = root;
    for (let level = 0; level < LEVELS_MAX && number !== NO_PAGE; level++) {
      const page = Buffer.alloc(pageBytes);
      await file.read(page, 0, pageBytes, Number(number) * pageBytes);
      const node = page.subarray(PAGE.bytes + page.readUInt16LE(PAGE.firstNode));
      if ((page.readUInt16LE(PAGE.flags) & PAGE.branch) === 0) return leafValue(node, key);
      number = BigInt(node.readUInt32LE(NODE.low)) + BigInt(node.readUInt16LE(NODE.flags)) * 2n ** 32n;
    }
    return null;
  } finally {
    await file.close();
  }
}

async function newestRoot(file: FileHandle): Promise<{ readonly pageBytes: number; readonly root: bigint }> {
  const meta = Buffer.alloc(META.bytes);
  let [pageBytes, root, newest] = [0, NO_PAGE, -1n];
  for (let page = 0; page < META_PAGES; page++) {
    await file.read(meta, 0, META.bytes, page * pageBytes);
    pageBytes = meta.readUInt32LE(META.pageBytes);
    const transaction = meta.readBigUInt64LE(META.transaction);
    if (transaction > newest) [root, newest] = [meta.readBigUInt64LE(META.root), transaction];
  }
  return { pageBytes, root };
}

/** Of a leaf's node; null when it is of another key, or its value lies elsewhere. */
function leafValue(node: Buffer, key: Uint8Array): Uint8Array | null {
  const valueStart = NODE.bytes + node.readUInt16LE(NODE.keyBytes);
  if (node.readUInt16LE(NODE.flags) !== 0 || Buffer.compare(node.subarray(NODE.bytes, valueStart), key) !== 0)
    return null;
  return node.subarray(valueStart, valueStart + node.readUInt32LE(NODE.low));
}

/**
 * Told before LMDB sees the file, as LMDB ends the process over one that it cannot read, and over a page behind the file's end. Null
 * for one that is absent or empty, too. One of the two meta pages may speak of pages that a power cut took. And what a killed process
 * wrote and did not sync is made durable: from here on it counts as that.
 */
export async function whyNoDatabase(path: string): Promise<string | null> {
  let file: Awaited<ReturnType<typeof openFile>>;
  try {
    file = await openFile(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  try {
    const { size } = await file.stat();
    if (size === 0) return null;
    await file.sync();
    const meta = Buffer.alloc(META.bytes);
    let pageBytes = 0;
    let lastPage = Number.POSITIVE_INFINITY;
    let hasTree = false;
    for (const page of [0, 1]) {
      const { bytesRead } = await file.read(meta, 0, META.bytes, page * pageBytes);
      if (bytesRead < META.bytes || meta.readUInt32LE(META.magic) !== META.number) return "not a database of LMDB's";
      pageBytes = meta.readUInt32LE(META.pageBytes);
      lastPage = Math.min(lastPage, Number(meta.readBigUInt64LE(META.lastPage)));
      hasTree ||= await isTree(file, meta.readBigUInt64LE(META.root), pageBytes);
    }
    if (size < (lastPage + 1) * pageBytes) return `cut: ${size} bytes of ${(lastPage + 1) * pageBytes}`;
    return hasTree ? null : "damaged: where its first page should be is something else";
  } finally {
    await file.close();
  }
}

/** Whether at `root` a tree begins, or there is to be none. That of one meta page may be gone: a later commit wrote over it. */
async function isTree(file: FileHandle, root: bigint, pageBytes: number): Promise<boolean> {
  if (root === NO_PAGE) return true;
  const page = Buffer.alloc(PAGE.bytes);
  const { bytesRead } = await file.read(page, 0, PAGE.bytes, Number(root) * pageBytes);
  const isBranchOrLeaf = (page.readUInt16LE(PAGE.flags) & PAGE.branchOrLeaf) !== 0;
  return bytesRead === PAGE.bytes && page.readBigUInt64LE(0) === root && isBranchOrLeaf;
}
