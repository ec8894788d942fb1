/** V8 takes flags it does not know, or that do nothing any more, without a word: so what they do is looked at, by V8's own account. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

const COLLECTOR: string = new URL("../../src/etcd/boot/collector.js", import.meta.url).href;
const MEBIBYTE = 1024 * 1024;
/** Both semi-spaces, and a page for what was allocated while there was a collection. V8 would go to 32. */
const YOUNG_MAX_BYTES = 8 * MEBIBYTE;
const COLLECTIONS_MIN = 20;

/** Much that survives its first collections, as what is written does. */
const ALLOCATE = `
  import { getHeapSpaceStatistics } from "node:v8";
  let largest = 0;
  let kept = [];
  for (let i = 0; i < 400_000; i++) {
    kept.push({ number: i, list: [i, i + 1, i + 2, i + 3], text: String(i) });
    if (kept.length > 50_000) kept = kept.slice(25_000);
    if (i % 1000 !== 0) continue;
    const { space_size } = getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space");
    largest = Math.max(largest, space_size);
  }
  // Not where V8 writes: the two would mix.
  console.error(largest);
`;

interface Collected {
  /** The young generation's largest size. */
  readonly youngBytes: number;
  /** For each collection of it: whether one thread alone could have done it. */
  readonly undivided: readonly boolean[];
}

function collect(first: string): Collected {
  const args = ["--trace-gc", "--trace-parallel-scavenge", "--input-type=module", "-e", `${first}\n${ALLOCATE}`];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", maxBuffer: 64 * MEBIBYTE });
  assert.equal(status, 0, stderr);
  return { youngBytes: Number(stderr), undivided: collectionsIn(stdout) };
}

/**
 * Before a collection's own line each thread tells what it has moved. In V8 14 the one that does all of it may tell it in the middle,
 * too: then the second account includes the first. Those of several threads go up and down.
 */
function collectionsIn(trace: string): readonly boolean[] {
  const collections = trace.split(/: Scavenge /).slice(0, -1);
  return collections.map((lines) => {
    const accounts = [...lines.matchAll(/ copied=(\d+) promoted=(\d+)/g)].map(([, ...moved]) => moved.map(Number));
    const goesUp = (which: number): boolean =>
      accounts.every((moved, i) => i === 0 || (moved[which] ?? 0) >= (accounts[i - 1]?.[which] ?? 0));
    return accounts.length > 0 && goesUp(0) && goesUp(1);
  });
}

test("the young generation stays small, however much survives, and no collection of it is divided among threads", () => {
  const { youngBytes, undivided } = collect(`
    import { keepCollectionsShort } from ${JSON.stringify(COLLECTOR)};
    keepCollectionsShort();`);
  assert.ok(youngBytes > 0 && youngBytes <= YOUNG_MAX_BYTES, `${youngBytes} bytes`);
  assert.ok(undivided.length >= COLLECTIONS_MIN, `${undivided.length} collections were seen`);
  assert.deepEqual(new Set(undivided), new Set([true]));
});

test("left to itself V8 lets it grow: the flags do something", () => {
  assert.ok(collect("").youngBytes > YOUNG_MAX_BYTES);
});
