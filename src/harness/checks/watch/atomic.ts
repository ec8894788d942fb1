import type { WatchEventRecord } from "../../model/history.ts";
import { moment } from "../findings.ts";
import { eventName, type WatchCheck } from "./model.ts";

/**
 * Atomic: all events of a revision come in one response; what a response begins with is never what the one before ended with. An
 * event that is merely repeated is not split off: that is Unique's business.
 */
export const atomic: WatchCheck = {
  name: "Atomic",
  judge({ events }, _truth, wrong) {
    let judged = 0;
    let previous: WatchEventRecord | null = null;
    let keys = new Set<string>();
    for (const event of events) {
      if (previous?.revision !== event.revision) keys = new Set();
      const isNext = previous !== null && event.response !== undefined && event.response !== previous.response;
      if (isNext && previous?.revision === event.revision && !keys.has(event.key)) {
        const before = `apart from rev ${previous.revision}'s change of ${previous.key}`;
        wrong(
          `was sent ${eventName(event)} in a response of its own, ${before}, at ${moment(event.atNs)}`,
          [],
          event.atNs,
        );
      }
      if (event.response !== undefined) judged++;
      keys.add(event.key);
      previous = event;
    }
    return judged;
  },
};
