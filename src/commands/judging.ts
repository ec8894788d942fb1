import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { judge, type RunRecords } from "../harness/checks/judge.ts";
import { openHistory } from "../harness/history/reader.ts";
import { RUN_FILES, readEvents, readPlan, readSamples, writeVerdict } from "../harness/history/run-files.ts";
import type { RunEvent } from "../harness/model/events.ts";
import type {
  CompactionRecord,
  LeaseRecord,
  ListRecord,
  OperationRecord,
  WatchEventRecord,
  WatcherRecord,
} from "../harness/model/history.ts";
import type { CheckName } from "../harness/model/plan.ts";
import type { Verdict } from "../harness/model/verdict.ts";

/** What can be said of a history that comes without the run it belongs to. */
const CHECKS_OF_A_HISTORY: readonly CheckName[] = ["linearizable", "serializable", "watch", "lease", "lists"];

/** Judges a run's folder by its files and writes verdict.json there. Throws `HistoryError` and the system's errors. */
export async function judgeRun(folder: string): Promise<Verdict> {
  const events = readEvents(folder);
  const records = await readRecords(join(folder, RUN_FILES.history), events);
  const interrupted = events.find((event) => event.kind === "interrupted");
  const plan = readPlan(folder);
  const verdict = judge(records, {
    checks: plan.checks,
    leases: plan.leases?.count ?? 0,
    windows: readSamples(folder).windows,
    interruptedBy: interrupted === undefined ? null : interrupted.signal,
    nowMs: () => performance.now(),
  });
  writeVerdict(folder, verdict);
  return verdict;
}

/** Judges a history file alone: what needs the run's events is left out. */
export async function judgeHistory(file: string): Promise<Verdict> {
  const records = await readRecords(file, []);
  const has: Partial<Record<CheckName, boolean>> = {
    watch: records.watchers.length > 0,
    lease: records.leases.length > 0,
    lists: (records.lists ?? []).length > 0,
  };
  return judge(records, {
    checks: CHECKS_OF_A_HISTORY.filter((name) => has[name] ?? true),
    windows: [],
    interruptedBy: null,
    nowMs: () => performance.now(),
  });
}

/** Whether `path` is the folder of a run rather than a file. */
export function isRunFolder(path: string): boolean {
  return statSync(path).isDirectory() && existsSync(join(path, RUN_FILES.history));
}

async function readRecords(file: string, events: readonly RunEvent[]): Promise<RunRecords> {
  const { header, records } = await openHistory(file);
  const operations: OperationRecord[] = [];
  const watchEvents: WatchEventRecord[] = [];
  const watchers: WatcherRecord[] = [];
  const leases: LeaseRecord[] = [];
  const lists: ListRecord[] = [];
  const compactions: CompactionRecord[] = [];
  for await (const record of records) {
    if (record.type === "operation") operations.push(record);
    else if (record.type === "event") watchEvents.push(record);
    else if (record.type === "watcher") watchers.push(record);
    else if (record.type === "lease") leases.push(record);
    else if (record.type === "list") lists.push(record);
    else compactions.push(record);
  }
  return { header, operations, watchEvents, watchers, leases, events, lists, compactions };
}
