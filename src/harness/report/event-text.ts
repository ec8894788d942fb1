import type { RunEvent } from "../model/events.ts";
import { formatCounts } from "./format.ts";

/** One line a person understands without the model at hand; also printed in the terminal. */
export function eventText(event: RunEvent): string {
  switch (event.kind) {
    case "phase-started":
      return `phase "${event.phase}" begins`;
    case "phase-ended":
      return `phase "${event.phase}" ends`;
    case "member-started":
      return `${event.member} started (pid ${event.pid})`;
    case "member-exited":
      return `${event.member} ${event.signal === null ? `exited with code ${event.code}` : `was ended by ${event.signal}`}${event.crashed ? ": it crashed" : event.planned ? "" : ", which the plan did not ask for"}`;
    case "leader":
      return `${event.member} leads term ${event.term}`;
    case "fault-injected":
      return `fault ${event.fault}: ${event.description}`;
    case "fault-unproven":
      return `fault ${event.fault} is not proven: ${event.reason}`;
    case "fault-healed":
      return `fault ${event.fault} healed`;
    case "interrupted":
      return `interrupted by ${event.signal}`;
    case "converged": {
      const all = Object.entries(event.revisions).map(([member, revision]) => `${member} ${revision}`);
      const agree = event.converged ? "all members agree" : "the members do not agree";
      const reached = `${event.converged ? "every member has" : "not every member has"} reached revision ${event.needed}`;
      return `${event.needed === undefined ? agree : reached}: revision ${all.join(", ")}`;
    }
    case "watchers-waited":
      return event.caughtUp ? "every watcher has caught up" : "a watcher has not caught up";
    case "leases-revoked":
      return `leases that members had revoked as expired, by their own counters: ${formatCounts(event.counts)}`;
    case "harness-broke":
      return event.reason;
    case "note":
      return event.text;
  }
}
