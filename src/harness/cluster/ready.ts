import { setTimeout as delay } from "node:timers/promises";
import type { Prng } from "../../base/prng.ts";
import { type Cluster, LaunchError } from "./cluster.ts";
import { MemberProbe, type MemberStatus } from "./probe.ts";

export const READY_LIMIT_MS = 30_000;
const POLL_MS = 25;

export interface ReadyOptions {
  readonly cluster: Pick<Cluster, "members" | "leader" | "onExit">;
  readonly prng: Prng;
  readonly signal: AbortSignal | undefined;
  /** "the end of FILE:" and the last lines of what `name`, a member or what stands between them, has said. */
  readonly lastWords: (name: string) => string | Promise<string>;
}

/** Waits until each member answers through its proxy and all name the same leader. Rejects with LaunchError, or the signal's reason. */
export async function membersServe({ cluster, prng, signal, lastWords }: ReadyOptions): Promise<void> {
  const failure = async (name: string, what: string): Promise<LaunchError> =>
    new LaunchError(`${name} ${what}; ${await lastWords(name)}`);
  let ended: { readonly name: string; readonly what: string } | null = null;
  cluster.onExit(({ member, signal, code }) => {
    ended ??= { name: member, what: `ended with ${signal ?? `exit code ${code}`}` };
  });
  const probes = cluster.members.map(({ name, clientEndpoint }) => ({
    name,
    probe: new MemberProbe(clientEndpoint, prng.fork()),
  }));
  const untilMs = performance.now() + READY_LIMIT_MS;
  try {
    for (;;) {
      const answers = await Promise.all(
        probes.map(async ({ name, probe }) => ({ name, status: await probe.status() })),
      );
      const exit = ended as { readonly name: string; readonly what: string } | null;
      if (exit !== null) throw await failure(exit.name, exit.what);
      // The cluster's own look, past the proxies, learns which id is whose.
      if (agreeOnLeader(answers.map(({ status }) => status)) && (await cluster.leader()) !== null) return;
      if (performance.now() > untilMs) {
        const silent = answers.find(({ status }) => status === null || status.leaderId === 0n) ?? answers[0];
        throw await failure(silent?.name ?? "", `did not serve within ${READY_LIMIT_MS / 1000} s`);
      }
      await pollPause(signal);
    }
  } finally {
    for (const { probe } of probes) probe.close();
  }
}

function agreeOnLeader(statuses: readonly (MemberStatus | null)[]): boolean {
  const first = statuses[0];
  if (first === undefined || first === null || first.leaderId === 0n) return false;
  return statuses.every((status) => status?.leaderId === first.leaderId && status.term === first.term);
}

/** Between two looks at something that is coming up. */
export async function pollPause(signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  await delay(POLL_MS);
}
