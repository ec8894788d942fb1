import { CommandError } from "./exit.ts";

/** Of a long job, this machine's part: every `of`-th piece, from the `number`-th on (D13). */
export interface Shard {
  readonly number: number;
  readonly of: number;
}

const WHOLE: Shard = { number: 1, of: 1 };

/** Where runners of many jobs say which one this is; `first` is the lowest index they count from. */
const RUNNERS: readonly { readonly index: string; readonly total: string; readonly first: number }[] = [
  // GitLab.
  { index: "CI_NODE_INDEX", total: "CI_NODE_TOTAL", first: 1 },
  { index: "CIRCLE_NODE_INDEX", total: "CIRCLE_NODE_TOTAL", first: 0 },
  { index: "BUILDKITE_PARALLEL_JOB", total: "BUILDKITE_PARALLEL_JOB_COUNT", first: 0 },
  { index: "CLOUD_RUN_TASK_INDEX", total: "CLOUD_RUN_TASK_COUNT", first: 0 },
  // A Kubernetes Indexed Job sets the index alone: its manifest repeats `completions` in the other.
  { index: "JOB_COMPLETION_INDEX", total: "JOB_COMPLETIONS", first: 0 },
];

/** `i/n`, from 1/n to n/n; null when it is not that. */
export function parseShard(text: string): Shard | null {
  const [number = Number.NaN, of = Number.NaN, ...rest] = text.split("/").map(Number);
  return rest.length === 0 && isShard(number, of) ? { number, of } : null;
}

/** What the runner's variables say, and by which of them; all of the work without any. Refuses what cannot be meant. */
export function shardOfEnvironment(environment: NodeJS.ProcessEnv): {
  readonly shard: Shard;
  readonly from: string | null;
} {
  for (const { index, total, first } of RUNNERS) {
    const [indexText, totalText] = [environment[index], environment[total]];
    if (indexText === undefined || indexText === "" || totalText === undefined || totalText === "") continue;
    const [number, of] = [Number(indexText) - first + 1, Number(totalText)];
    if (!isShard(number, of))
      throw new CommandError(
        `${index}=${indexText} and ${total}=${totalText} name no part of anything: give --shard i/n`,
      );
    return { shard: { number, of }, from: index };
  }
  return { shard: WHOLE, from: null };
}

function isShard(number: number, of: number): boolean {
  return Number.isSafeInteger(number) && Number.isSafeInteger(of) && 1 <= number && number <= of;
}
