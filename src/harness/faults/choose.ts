import type { MemberChoice } from "../model/plan.ts";
import type { FaultContext } from "./fault.ts";

/** The member a fault is meant for, as things stand now. Throws when there is no leader to tell by. */
export async function chooseMember(choice: MemberChoice, { cluster, prng }: FaultContext): Promise<string> {
  const leader = await cluster.leader();
  if (leader === null) throw new Error(`there is no leader, so no ${choice} to choose`);
  if (choice === "leader") return leader.member;
  return prng.pick(cluster.members.map(({ name }) => name).filter((name) => name !== leader.member));
}
