import type { WatchEventRecord } from "../../model/history.ts";
import { eventName, type Session, type WatchCheck } from "./model.ts";
import type { Change, Truth } from "./truth.ts";

/**
 * IsCreate: a put says that it creates its key (its create revision is its own, its version is 1) if and only if the key was absent
 * at the revision before; otherwise it keeps the create revision. What was before is known where the watcher answers for every
 * revision since the last known change of the key.
 */
export const isCreate: WatchCheck = {
  name: "IsCreate",
  judge(session, truth, wrong) {
    let judged = 0;
    for (const event of session.events) {
      if (event.kind === "delete") continue;
      judged++;
      const problem = problemOf(session, event, truth);
      if (problem !== null) wrong(`was sent ${eventName(event)} ${problem}`, [], event.atNs);
    }
    return judged;
  },
};

function problemOf(session: Session, event: WatchEventRecord, truth: Truth): string | null {
  const { revision, version, createRevision } = event;
  const creates = version === 1;
  if (createRevision !== undefined && (creates !== (createRevision === revision) || createRevision > revision))
    return `with version ${version}, created at rev ${createRevision}: these contradict each other`;
  const before = truth.before(revision, event.key);
  if (!answersSince(session, before, truth)) return null;
  const wasAbsent = before === null || before.kind === "delete";
  if (creates && !wasAbsent) return `as a creation, but the key was there since rev ${before.revision}`;
  if (!creates && wasAbsent) {
    const since = before === null ? "nobody had written the key" : `the key was deleted at rev ${before.revision}`;
    return `with version ${version}, no creation, but ${since}`;
  }
  const created = before?.event?.createRevision;
  if (createRevision === undefined || creates || created === undefined || created === createRevision) return null;
  return `as created at rev ${createRevision}, but at rev ${before?.revision} it was created at rev ${created}`;
}

/** A change of the key since `before` would have been sent to this watcher: it sees all kinds, and was there. */
function answersSince({ first, selects }: Session, before: Change | null, truth: Truth): boolean {
  if (selects !== null && selects.kinds !== "all") return false;
  return first <= (before?.revision ?? truth.initialRevision) + 1;
}
