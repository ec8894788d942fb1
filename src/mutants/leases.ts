/** Members that count the time of leases on their own clock alone, as etcd does when its leadership check is skipped (issue 15247). */
import type { Member } from "../etcd/member.ts";

/** Who takes itself for the leader is: nobody else is asked. */
export function provesNothing(member: Member): Member {
  return withMethods(member, {
    confirmLeadership: async () => (member.status.role === "leader" ? member.status.term : null),
  });
}

/** The same; and what it decides reaches whoever leads by the time a quorum has said, unheeded, who does. */
export function forwardsExpiry(member: Member): Member {
  return withMethods(provesNothing(member), {
    proposeAsLeader: async (command) => {
      await member.confirmLeadership();
      return member.write(command);
    },
  });
}

/** Leases are renewed at once: that the next leader knows of a checkpoint from before is forgotten. */
export function keepsCheckpoints(member: Member): Member {
  return withMethods(member, {
    proposeAsLeader: async (command, term) => {
      const checkpoints = command.leaseCheckpoint?.checkpoints ?? [];
      const isTakenBack = checkpoints.length > 0 && checkpoints.every(({ remainingTtl }) => remainingTtl === 0);
      return isTakenBack ? { kind: "none" } : member.proposeAsLeader(command, term);
    },
  });
}

/** The member but for some of its methods. */
function withMethods(member: Member, methods: Partial<Pick<Member, "confirmLeadership" | "proposeAsLeader">>): Member {
  return new Proxy(member, {
    get: (target, name) => {
      const found: unknown = Reflect.get(name in methods ? methods : target, name);
      return typeof found === "function" ? found.bind(target) : found;
    },
  });
}
