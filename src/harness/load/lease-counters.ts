const LIMIT_MS = 2000;

/** By member; null where it does not say. */
export type LeaseCounters = ReadonlyMap<string, number | null>;

/**
 * How many leases each member has revoked because they had run out: the counter that Go etcd's /metrics keeps on whoever asked for
 * the revocation, not on those that carried it out. `urls` by member.
 */
export async function readLeaseCounters(urls: ReadonlyMap<string, string>): Promise<LeaseCounters> {
  const entries = [...urls].map(async ([member, url]) => [member, await readOne(url)] as const);
  return new Map(await Promise.all(entries));
}

/** What was counted in between; -1 where either look failed, or the counter began anew because the member did. */
export function countedBetween(before: LeaseCounters, after: LeaseCounters): Readonly<Record<string, number>> {
  return Object.fromEntries(
    [...after].map(([member, end]) => {
      const start = before.get(member) ?? null;
      return [member, start === null || end === null || end < start ? -1 : end - start];
    }),
  );
}

async function readOne(url: string): Promise<number | null> {
  try {
    const answer = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(LIMIT_MS) });
    const match = /^etcd_debugging_server_lease_expired_total\s+(\S+)/m.exec(await answer.text());
    const count = Number(match?.[1] ?? Number.NaN);
    return Number.isSafeInteger(count) ? count : null;
  } catch {
    return null;
  }
}
