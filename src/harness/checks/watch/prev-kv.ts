import type { ObservedKeyValue, WatchEventRecord } from "../../model/history.ts";
import { content } from "../findings.ts";
import { eventName, type WatchCheck } from "./model.ts";
import type { Truth } from "./truth.ts";

/**
 * PrevKV: what an event says its key held before is what the key held at the revision before. Saying nothing is always allowed:
 * that revision may be compacted, or the key was absent.
 */
export const prevKv: WatchCheck = {
  name: "PrevKV",
  judge({ events }, truth, wrong) {
    let judged = 0;
    for (const event of events) {
      if (event.previous == null) continue;
      judged++;
      const problem = problemOf(event, event.previous, truth);
      if (problem === null) continue;
      wrong(
        `was sent ${eventName(event)} with ${content(event.key, event.previous)} before it, but ${problem}`,
        [],
        event.atNs,
      );
    }
    return judged;
  },
};

function problemOf(event: WatchEventRecord, previous: ObservedKeyValue, truth: Truth): string | null {
  const { revision, key } = event;
  if (previous.modRevision >= revision) return "that is no earlier change";
  if (event.kind === "put" && event.version === 1) return "the event creates the key";
  if (event.kind === "put" && event.version !== previous.version + 1) return `the event makes version ${event.version}`;
  const before = truth.before(revision, key);
  if (before !== null && before.revision > previous.modRevision)
    return `the key was changed at rev ${before.revision} since`;
  const change = truth.at(previous.modRevision, key);
  if (change === null) return previous.modRevision <= truth.initialRevision ? "nothing had been written by then" : null;
  if (change.kind === "delete") return "that revision deleted the key";
  if (change.value !== previous.value) return `that revision put ${change.value}`;
  const seen = change.event;
  if (seen === null || (seen.version === previous.version && isCreatedAlike(seen, previous))) return null;
  return `that was version ${seen.version} of the key created at rev ${seen.createRevision ?? "?"}`;
}

function isCreatedAlike({ createRevision }: WatchEventRecord, previous: ObservedKeyValue): boolean {
  return createRevision === undefined || createRevision === previous.createRevision;
}
