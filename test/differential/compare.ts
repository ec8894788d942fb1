/**
 * The comparison: sequences go step by step to every server; each answer of etcd-ts must be that of each other. Between two
 * sequences the stores are emptied and compacted, so that each begins alike and can be shown alone.
 */
import { isDeepStrictEqual } from "node:util";
import { Prng } from "../../src/base/prng.ts";
import {
  AlarmRequest,
  CompactionRequest,
  DeleteRangeRequest,
  LeaseRevokeRequest,
} from "../../src/proto/gen/etcdserverpb.ts";
import { type Answer, answerText, revisionOf } from "./answer.ts";
import { DIFFERENCES_TO_3_4 } from "./differences.ts";
import { Generator, type Kind, LEASES } from "./generate.ts";
import { shrink } from "./shrink.ts";
import { near, type Step, textOf } from "./step.ts";
import { type ServerVersion, Target } from "./target.ts";

export interface ComparisonOptions {
  readonly seed: number;
  /** At least so many, whole sequences. */
  readonly requests: number;
  readonly kinds: readonly Kind[];
  /** etcd-ts first. */
  readonly versions: readonly ServerVersion[];
  readonly say: (text: string) => void;
}

export interface ComparisonResult {
  readonly requests: number;
  /** What differed, told with the shortest sequence that shows it; null: nothing did. */
  readonly difference: string | null;
}

interface Difference {
  readonly step: Step;
  readonly answers: readonly { readonly name: string; readonly answer: Answer }[];
}

const SEQUENCE_LENGTH = 150;
const SHRINK_ATTEMPTS_MAX = 150;

/** Starts the servers, ends them. Throws when a server does not start or answer at all. */
export async function compareServers(options: ComparisonOptions): Promise<ComparisonResult> {
  const servers = new Servers(options.versions);
  try {
    await servers.renew();
    const prng = new Prng(options.seed);
    let requests = 0;
    while (requests < options.requests) {
      const steps = new Generator(prng.fork(), options.kinds).sequence(SEQUENCE_LENGTH);
      // The first of them begins with stores that were never compacted.
      if (requests > 0) await servers.play(resetSteps(options.kinds));
      const difference = await servers.play(steps);
      requests += steps.length;
      if (difference !== null) return { requests, difference: await explain(servers, steps, difference, options) };
    }
    return { requests, difference: null };
  } finally {
    await servers.end();
  }
}

/** Leaves an empty store without leases and alarms, compacted up to its newest revision. */
function resetSteps(kinds: readonly Kind[]): readonly Step[] {
  const everything = Uint8Array.of(0);
  const alarms = [1n, 77n].flatMap((memberId) => [1, 2].map((alarm) => ({ memberId, alarm })));
  const steps: readonly Step[] = [
    ...alarms.map(
      (alarm): Step => ({ kind: "alarm", request: AlarmRequest.create({ action: 2, ...alarm } as AlarmRequest) }),
    ),
    { kind: "deleteRange", request: DeleteRangeRequest.create({ key: everything, rangeEnd: everything }) },
    ...LEASES.map((id): Step => ({ kind: "leaseRevoke", request: LeaseRevokeRequest.create({ id }) })),
    { kind: "compact", request: CompactionRequest.create({ revision: near(0) }) },
  ];
  return steps.filter(({ kind }) => kinds.includes(kind));
}

class Servers {
  readonly #versions: readonly ServerVersion[];
  #targets: readonly Target[] = [];
  #endings: (() => Promise<void>)[] = [];
  #newest = 1;

  constructor(versions: readonly ServerVersion[]) {
    this.#versions = versions;
  }

  /** New servers with empty stores in place of those there are. */
  async renew(): Promise<void> {
    await this.end();
    const cleanup = { after: (end: () => Promise<void>) => void this.#endings.push(end) };
    this.#targets = await Promise.all(this.#versions.map((version) => Target.start(version, cleanup)));
    this.#newest = 1;
  }

  async end(): Promise<void> {
    await Promise.all(this.#targets.map((target) => target.stop()));
    await Promise.all(this.#endings.map((end) => end()));
    this.#targets = [];
    this.#endings = [];
  }

  /** Stops at the first difference. */
  async play(steps: readonly Step[]): Promise<Difference | null> {
    for (const step of steps) {
      const answers = await this.#ask(step);
      const [ours, ...others] = answers;
      if (ours === undefined) throw new Error("no server");
      this.#newest = Math.max(this.#newest, revisionOf(ours.answer));
      for (const other of others) {
        if (!isSame(step, ours.answer, other)) return { step, answers };
      }
    }
    return null;
  }

  async #ask(step: Step): Promise<readonly Answered[]> {
    const skipsOld = DIFFERENCES_TO_3_4.some(({ skips }) => skips?.(step) === true);
    const first = step.kind === "watch" ? await this.#targets[0]?.run(step, this.#newest, null) : undefined;
    const asked = this.#targets.map(async (target, at): Promise<Answered | null> => {
      const { name, release } = target.version;
      if (release === "3.4" && skipsOld) return null;
      const known = at === 0 ? first : undefined;
      const answer = known ?? (await target.run(step, this.#newest, first ?? null));
      return { name, answer, isOld: release === "3.4" };
    });
    return (await Promise.all(asked)).filter((answered) => answered !== null);
  }
}

interface Answered {
  readonly name: string;
  readonly answer: Answer;
  readonly isOld: boolean;
}

function isSame(step: Step, ours: Answer, other: Answered): boolean {
  if (!other.isOld) return isDeepStrictEqual(ours, other.answer);
  const blind = (answer: Answer): Answer =>
    DIFFERENCES_TO_3_4.reduce((seen, { blind }) => blind?.(step, seen) ?? seen, answer);
  return isDeepStrictEqual(blind(ours), blind(other.answer));
}

async function explain(
  servers: Servers,
  steps: readonly Step[],
  found: Difference,
  { seed, say, versions }: ComparisonOptions,
): Promise<string> {
  const end = steps.indexOf(found.step) + 1;
  say("answers differ; looking for the shortest sequence that shows it");
  let shown: Difference | null = null;
  const shows = async (candidate: readonly Step[]): Promise<boolean> => {
    await servers.renew();
    const difference = await servers.play(candidate);
    // Only a difference in the last step: whatever else is shown is another one.
    const isIt =
      difference !== null && difference.step === candidate.at(-1) && difference.step.kind === found.step.kind;
    if (isIt) shown = difference;
    return isIt;
  };
  const whole = steps.slice(0, end);
  const isAlone = await shows(whole);
  const shortest = isAlone ? await shrink(whole, shows, SHRINK_ATTEMPTS_MAX) : whole;
  const { answers } = shown ?? found;
  return [
    `etcd-ts answers differently from ${versions
      .slice(1)
      .map(({ name }) => name)
      .join(" or ")} (seed ${seed})`,
    isAlone ? "From empty stores:" : "Not shown by its sequence alone, so it rests on those before; in order:",
    ...shortest.map((step) => `  ${textOf(step)}`),
    "The last of them is answered",
    ...answers.map(({ name, answer }) => `  by ${name}: ${answerText(answer)}`),
  ].join("\n");
}
