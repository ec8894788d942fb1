/** What a CPU profile says of a stretch of time: which of the program's functions were running, callers before those they call. */
import type { Profiler, Runtime } from "node:inspector";

/** Less of the samples is noise. */
const SHARE_MIN = 0.1;
const LINES_MAX = 14;

/** Functions on the stack in a share of the samples, the largest share first; their own part where they did it themselves. */
export function callersWithin(profile: Profiler.Profile, fromMicros: number, toMicros: number): readonly string[] {
  const { nodes, samples = [], timeDeltas = [] } = profile;
  const parents = new Map<number, number>();
  for (const { id, children = [] } of nodes) for (const child of children) parents.set(child, id);
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const total = new Map<string, number>();
  const own = new Map<string, number>();
  let atMicros = profile.startTime;
  let count = 0;
  samples.forEach((sample, i) => {
    atMicros += timeDeltas[i] ?? 0;
    if (atMicros < fromMicros || atMicros > toMicros) return;
    count++;
    add(own, names.get(sample) ?? "?");
    const stack = new Set<string>();
    for (let id: number | undefined = sample; id !== undefined; id = parents.get(id)) stack.add(names.get(id) ?? "?");
    for (const name of stack) add(total, name);
  });
  return [...total]
    .filter(([name, times]) => times >= count * SHARE_MIN && name !== "(root)")
    .sort(([, a], [, b]) => b - a)
    .slice(0, LINES_MAX)
    .map(([name, times]) => `${share(times, count)} (own ${share(own.get(name) ?? 0, count)}) ${name}`);
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function share(times: number, of: number): string {
  return `${Math.round((100 * times) / of)} %`;
}

function nameOf({ functionName, url, lineNumber }: Runtime.CallFrame): string {
  const file = url.slice(url.lastIndexOf("/") + 1);
  return `${functionName || "(anonymous)"}${file === "" ? "" : ` ${file}:${lineNumber + 1}`}`;
}
