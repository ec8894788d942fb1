import { moment } from "../findings.ts";
import { eventName, type WatchCheck } from "./model.ts";

/** Ordered: the revisions of events never go down. */
export const ordered: WatchCheck = {
  name: "Ordered",
  judge({ events }, _truth, wrong) {
    let last = 0;
    for (const event of events) {
      if (event.revision < last)
        wrong(`was sent ${eventName(event)} after rev ${last} at ${moment(event.atNs)}`, [], event.atNs);
      last = Math.max(last, event.revision);
    }
    return events.length;
  },
};
