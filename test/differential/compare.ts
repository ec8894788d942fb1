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
  PutRequest,
  RangeRequest,
} from "../../src/proto/gen/etcdserverpb.ts";
import { RaisedAlarms } from "./alarms.ts";
import { type Answer, answerText, revisionOf } from "./answer.ts";
import { DIFFERENCES_TO_3_4 } from "./differences.ts";
import { Generator, type Kind, LEASES } from "./generate.ts";
import { shrink } from "./shrink.ts";
import { mayReplace, near, resolve, type Step, textOf } from "./step.ts";
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
const USED_REVISIONS = 150;
const UNEXPLAINED_STEPS = 20;

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
  /** Revisions that were compacted at, as long as these servers live. */
  #compacted = new Set<number>();
  /** Of these the last that was carried out; -1: none. */
  #compactedAt = -1;
  /** Revisions in which a key may have been deleted and put again. */
  #replaced = new Set<number>();
  #alarms = new RaisedAlarms();

  constructor(versions: readonly ServerVersion[]) {
    this.#versions = versions;
  }

  /** New servers with empty stores in place of those there are. */
  async renew(): Promise<void> {
    await this.end();
    const cleanup = { after: (end: () => Promise<void>) => void this.#endings.push(end) };
    this.#targets = await Promise.all(this.#versions.map((version) => Target.start(version, cleanup)));
    this.#newest = 1;
    this.#compacted = new Set();
    this.#replaced = new Set();
    this.#compactedAt = -1;
    this.#alarms = new RaisedAlarms();
  }

  async end(): Promise<void> {
    await Promise.all(this.#targets.map((target) => target.stop()));
    await Promise.all(this.#endings.map((end) => end()));
    this.#targets = [];
    this.#endings = [];
  }

  /** The same contents at the same revision: what a reset makes of them is alike. */
  async areAlike(): Promise<boolean> {
    const everything = Uint8Array.of(0);
    const request = RangeRequest.create({ key: everything, rangeEnd: everything });
    const answers = await this.#ask({ kind: "range", request });
    return answers.every(({ answer }) => isDeepStrictEqual(answer, answers[0]?.answer));
  }

  /** Stops at the first difference. */
  async play(steps: readonly Step[]): Promise<Difference | null> {
    for (const step of steps) {
      if (this.#isUnsteady(step) || this.#isMistaken(step)) continue;
      const answers = await this.#ask(step);
      const [ours, ...others] = answers;
      if (ours === undefined) throw new Error("no server");
      this.#learn(step, ours.answer);
      for (const other of others) {
        if (!isSame(step, ours.answer, other) && !(await this.#isSameAgain(step, ours.answer, other)))
          return { step, answers };
      }
    }
    return null;
  }

  /**
   * Go etcd remembers the hash that it made when it compacted, and answers with that, as of before the compaction, from when it has
   * finished in the background: which of two answers comes is chance.
   */
  #isUnsteady(step: Step): boolean {
    return step.kind === "hashKv" && this.#compacted.has(resolve(step.request.revision, this.#newest));
  }

  /**
   * A key that one transaction has deleted and put again Go etcd since 3.4.34 and 3.5.16 takes for deleted at just that revision (etcd
   * 22376): compacting there it loses the key, and ends itself when that is read; a hash there may count what was compacted.
   */
  #isMistaken(step: Step): boolean {
    if (step.kind !== "compact" && step.kind !== "hashKv") return false;
    return this.#replaced.has(resolve(step.request.revision, this.#newest) || this.#newest);
  }

  /**
   * Go etcd notes that a watcher wants previous values when it is registered already: what is sent of the history in between, rarely,
   * comes without them. So who differs in that is asked a second time; etcd-ts never is.
   */
  async #isSameAgain(step: Step, ours: Answer, other: Answered): Promise<boolean> {
    if (step.kind !== "watch" || !step.request.creates.some(({ prevKv }) => prevKv)) return false;
    const target = this.#targets.find(({ version }) => version.name === other.name);
    return target !== undefined && isSame(step, ours, { ...other, answer: await target.run(step, this.#newest, ours) });
  }

  #learn(step: Step, answer: Answer): void {
    if (step.kind === "txn" && mayReplace(step.request)) this.#replaced.add(revisionOf(answer));
    if (step.kind === "compact") {
      const revision = resolve(step.request.revision, this.#newest);
      this.#compacted.add(revision);
      if (answer.error === null) this.#compactedAt = revision;
    }
    this.#newest = Math.max(this.#newest, revisionOf(answer));
    if (step.kind === "alarm" && answer.error === null) this.#alarms.learn(step.request);
  }

  async #ask(step: Step): Promise<readonly Answered[]> {
    const world = { alarms: this.#alarms, newest: this.#newest, compacted: this.#compactedAt };
    const skipsOld = DIFFERENCES_TO_3_4.some(({ skips }) => skips?.(step, world) === true);
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
  { seed, kinds, say, versions }: ComparisonOptions,
): Promise<string> {
  say(
    [
      "answers differ in",
      textOf(found.step),
      ...answersText(found),
      "looking for the shortest sequence that shows it",
    ].join("\n"),
  );
  let shown = found;
  const isShown = async (candidate: readonly Step[]): Promise<boolean> => {
    const difference = await servers.play(candidate);
    // Only a difference in the last step: whatever else is shown is another one.
    const isIt =
      difference !== null && difference.step === candidate.at(-1) && difference.step.kind === found.step.kind;
    if (isIt) shown = difference;
    return isIt;
  };
  const showsWhenUsed = async (candidate: readonly Step[]): Promise<boolean> => {
    if (!(await servers.areAlike())) {
      await servers.renew();
      await servers.play(usedBefore());
    }
    await servers.play(resetSteps(kinds));
    return isShown(candidate);
  };
  const showsFromEmpty = async (candidate: readonly Step[]): Promise<boolean> => {
    await servers.renew();
    return isShown(candidate);
  };
  const whole = steps.slice(0, steps.indexOf(found.step) + 1);
  let shortest: readonly Step[] = whole.slice(-UNEXPLAINED_STEPS);
  let from = `It rests on sequences before; the last ${shortest.length} steps:`;
  if (await showsWhenUsed(whole)) {
    shortest = await shrink(whole, showsWhenUsed, SHRINK_ATTEMPTS_MAX);
    const isPlain = await showsFromEmpty(shortest);
    from = isPlain ? "From empty stores:" : "From stores that were written, emptied and compacted:";
  } else if (await showsFromEmpty(whole)) {
    shortest = await shrink(whole, showsFromEmpty, SHRINK_ATTEMPTS_MAX);
    from = "From empty stores that were never compacted:";
  }
  return [
    `etcd-ts answers differently from ${namesOf(versions.slice(1))} (seed ${seed})`,
    from,
    ...shortest.map((step) => `  ${textOf(step)}`),
    "The last of them is answered",
    ...answersText(shown),
  ].join("\n");
}

function answersText({ answers }: Difference): readonly string[] {
  return answers.map(({ name, answer }) => `  by ${name}: ${answerText(answer)}`);
}

function usedBefore(): readonly Step[] {
  const request = PutRequest.create({ key: Uint8Array.of(97) });
  return Array.from({ length: USED_REVISIONS }, () => ({ kind: "put", request }));
}

function namesOf(versions: readonly ServerVersion[]): string {
  return versions.map(({ name }) => name).join(" or ");
}
