import type { RunEvent } from "../model/events.ts";
import type {
  CompactionRecord,
  HistoryHeader,
  LeaseRecord,
  ListRecord,
  OperationRecord,
  WatchEventRecord,
  WatcherRecord,
} from "../model/history.ts";
import type { CheckName } from "../model/plan.ts";
import type { CheckResult, Verdict } from "../model/verdict.ts";
import { checkConverged } from "./converged.ts";
import { isSerializable } from "./facts.ts";
import { checkLease } from "./lease.ts";
import { checkLinearizable } from "./linearizable.ts";
import { checkLists } from "./lists.ts";
import { type Budget, DEFAULT_STEPS } from "./partitions.ts";
import { checkSerializable } from "./serializable.ts";
import { type StalenessWindow, staleness } from "./staleness.ts";
import { combine, guarded, type VerdictInput } from "./verdict.ts";
import { checkWatch } from "./watch.ts";

/** All that the checks look at. */
export interface RunRecords {
  readonly header: HistoryHeader;
  readonly operations: readonly OperationRecord[];
  readonly watchEvents: readonly WatchEventRecord[];
  readonly watchers: readonly WatcherRecord[];
  readonly leases: readonly LeaseRecord[];
  readonly events: readonly RunEvent[];
  /** Absent: nobody listed or compacted. */
  readonly lists?: readonly ListRecord[];
  readonly compactions?: readonly CompactionRecord[];
}

export interface JudgeOptions {
  readonly checks: readonly CheckName[];
  readonly windows: readonly StalenessWindow[];
  readonly interruptedBy: VerdictInput["interruptedBy"];
  /** Milliseconds on any clock that does not go back. */
  readonly nowMs: () => number;
  /** Time for each of the two searches, after which they say unknown. */
  readonly limitMs?: number;
  readonly steps?: number;
  /** Leases the plan holds. */
  readonly leases?: number;
}

const LIMIT_MS = 20_000;

/** Runs the planned checks over a run's records and says what follows. */
export function judge(all: RunRecords, options: JudgeOptions): Verdict {
  const records = { ...all, events: owedEvents(all.events) };
  const { operations } = records;
  const checks = options.checks.map((name) => guarded(name, options.nowMs, () => runCheck(name, records, options)));
  const asLinearizable = guarded("linearizable", options.nowMs, () =>
    checkLinearizable(operations, {
      ...linearizableOptions(records, options),
      serializableToo: true,
      verdictOnly: true,
    }),
  );
  return combine({
    run: records.header.run,
    planned: options.checks,
    checks,
    staleness: staleness(operations, options.windows),
    serializableAsLinearizable: operations.some(isSerializable) ? asLinearizable.verdict : "unknown",
    interruptedBy: options.interruptedBy,
    crashed: records.events.flatMap((event) => (event.kind === "member-exited" && event.crashed ? [event.member] : [])),
    doubts: records.events.flatMap(doubtOf),
  });
}

function runCheck(name: CheckName, records: RunRecords, options: JudgeOptions): CheckResult {
  const { operations, header } = records;
  const { initialRevision, exclusive = true } = header;
  switch (name) {
    case "linearizable":
      return checkLinearizable(operations, linearizableOptions(records, options));
    case "serializable":
      return checkSerializable(operations, { initialRevision, exclusive });
    case "watch":
      return checkWatch(operations, records.watchEvents, records.watchers, {
        initialRevision,
        exclusive,
        watchers: header.watchers,
        eventsLost: header.watchEventsLost,
        waited: waitedFor(records),
      });
    case "converged":
      return checkConverged(operations, records.events, { initialRevision, members: header.members, exclusive });
    case "lease":
      return checkLease(records.leases, { planned: options.leases ?? 1 });
    case "lists":
      return checkLists(operations, records.lists ?? [], records.compactions ?? [], { initialRevision });
  }
}

/** Where the harness itself broke (its proxy died, say) nobody could come back or catch up, so that they waited in vain tells nothing. */
function owedEvents(events: readonly RunEvent[]): readonly RunEvent[] {
  if (!events.some((event) => event.kind === "harness-broke")) return events;
  return events.filter((event) => event.kind !== "converged" && event.kind !== "watchers-waited");
}

function doubtOf(event: RunEvent): string[] {
  if (event.kind === "fault-unproven") return [`fault ${event.fault} was not proven`];
  return event.kind === "harness-broke" ? [event.reason] : [];
}

/** Whether watchers were given time to catch up, and which members were silent by then. */
function waitedFor({ events, header }: RunRecords): { readonly silentMembers: readonly string[] } | null {
  if (!events.some((event) => event.kind === "watchers-waited")) return null;
  const revisions = events.find((event) => event.kind === "converged")?.revisions ?? {};
  return { silentMembers: header.members.filter((member) => (revisions[member] ?? -1) < 0) };
}

function linearizableOptions(
  records: RunRecords,
  options: JudgeOptions,
): { readonly initialRevision: number; readonly exclusive: boolean; readonly budget: Budget } {
  const startedMs = options.nowMs();
  const limitMs = options.limitMs ?? LIMIT_MS;
  return {
    initialRevision: records.header.initialRevision,
    exclusive: records.header.exclusive ?? true,
    budget: { steps: options.steps ?? DEFAULT_STEPS, expired: () => options.nowMs() - startedMs > limitMs },
  };
}
