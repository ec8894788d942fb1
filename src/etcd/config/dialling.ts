/** Where a member is dialled: at its peer URLs, or where the flags say instead (D7). */
import { hex, type MemberId } from "../../base/ids.ts";
import type { Config } from "./config.ts";
import { ConfigError } from "./flags.ts";
import { parseUrl, type Url } from "./url.ts";

/** None when no URL can be dialled: whoever added the member may have given any. */
export function addressesOf(
  { initialCluster, peerDialOverrides }: Pick<Config, "initialCluster" | "peerDialOverrides">,
  member: MemberId,
  peerUrls: readonly string[],
): readonly Url[] {
  if (peerDialOverrides.size > 0) {
    const keys = [hex(member), ...peerUrls];
    for (const [name, urls] of initialCluster) if (urls.some(({ text }) => peerUrls.includes(text))) keys.push(name);
    for (const key of keys) {
      const override = peerDialOverrides.get(key);
      if (override !== undefined) return [override];
    }
  }
  return peerUrls.flatMap((text) => parseDialled(text) ?? []);
}

function parseDialled(text: string): Url | null {
  try {
    return parseUrl("peer-urls", text);
  } catch (error) {
    if (error instanceof ConfigError) return null;
    throw error;
  }
}
