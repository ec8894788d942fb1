import { eventName, type WatchCheck } from "./model.ts";
import { evidenceOf, owedBetween } from "./owed.ts";

/**
 * Reliable: between its first event (the start, while there was none) and the last event or progress notice a watcher was sent
 * every known change that it selects; and where it selects every change of a key, versions count on from one event to the next.
 * That what it was sent was really written, and is what others were sent, is judged by `Truth`; what it owes at the end, by
 * `checkTails`.
 */
export const reliable: WatchCheck = {
  name: "Reliable",
  judge(session, truth, wrong) {
    const { events, first, last } = session;
    const seen = new Set(events.map((event) => `${event.revision} ${event.key}`));
    const start = events.reduce((least, event) => Math.min(least, event.revision), events[0]?.revision ?? first);
    let judged = events.length;
    for (const owed of owedBetween(session, truth, Math.max(start, first), last)) {
      judged++;
      if ("key" in owed && seen.has(`${owed.revision} ${owed.key}`)) continue;
      const { text, operations, atNs } = evidenceOf(owed);
      const lack = `answers for rev ${first} to ${last} but was never sent ${text}`;
      wrong(lack, operations, atNs ?? session.records.at(-1)?.atNs ?? 0);
    }
    if (session.selects === null || session.selects.kinds === "all") {
      const versions = new Map<string, number>();
      for (const event of events) {
        const before = versions.get(event.key) ?? 0;
        versions.set(event.key, event.kind === "put" ? event.version : 0);
        // Whether a put creates its key is IsCreate's business.
        if (event.kind === "delete" || before === 0 || event.version === 1 || event.version === before + 1) continue;
        wrong(`was sent ${eventName(event)} with version ${event.version} after version ${before}`, [], event.atNs);
      }
    }
    return judged;
  },
};
