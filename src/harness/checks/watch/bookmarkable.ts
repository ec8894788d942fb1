import type { WatchEventRecord, WatcherRecord } from "../../model/history.ts";
import { moment } from "../findings.ts";
import { eventName, type WatchCheck } from "./model.ts";

/**
 * Bookmarkable: a progress notice says that nothing up to its revision is still to come. It is never below an earlier notice or
 * event, and no event at or below it follows.
 */
export const bookmarkable: WatchCheck = {
  name: "Bookmarkable",
  judge({ records }, _truth, wrong) {
    let notices = 0;
    let last = 0;
    let lastAtNs = 0;
    let progress = 0;
    let before: Set<string> | null = null;
    for (const [index, record] of records.entries()) {
      const { revision, atNs } = record;
      if (record.type === "event") {
        // What had been sent before the notice, too, is repeated or out of order, no fault of the notice.
        if (revision <= progress) {
          before ??= new Set(records.slice(0, index).map(nameOf));
          if (before.has(nameOf(record))) continue;
          const told = `after it had been told that nothing up to rev ${progress} was left`;
          wrong(`was sent ${eventName(record)} ${told} at ${moment(atNs)}`, [], atNs);
        }
        last = Math.max(last, revision);
        lastAtNs = atNs;
      } else if (record.what === "progress") {
        notices++;
        // Of a notice and an event at one moment the records say which came first only where responses are numbered.
        const isLater = record.response !== undefined || atNs > lastAtNs;
        if (revision < progress || (revision < last && isLater))
          wrong(
            `was told of progress to rev ${revision} after rev ${Math.max(last, progress)} at ${moment(atNs)}`,
            [],
            atNs,
          );
        progress = Math.max(progress, revision);
      }
    }
    return notices;
  },
};

function nameOf(record: WatchEventRecord | WatcherRecord): string {
  return record.type === "event" ? `${record.revision} ${record.key}` : "";
}
