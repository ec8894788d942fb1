import { moment } from "../findings.ts";
import { eventName, type WatchCheck } from "./model.ts";

/** Unique: no change of a key is sent twice. */
export const unique: WatchCheck = {
  name: "Unique",
  judge({ events }, _truth, wrong) {
    let last = 0;
    // Of the last revision; and, from the first event out of order on, of all.
    let keys = new Set<string>();
    let all: Set<string> | null = null;
    for (const [index, event] of events.entries()) {
      const name = `${event.revision} ${event.key}`;
      if (event.revision < last)
        all ??= new Set(events.slice(0, index).map(({ revision, key }) => `${revision} ${key}`));
      else if (event.revision > last) keys = new Set();
      if ((all ?? keys).has(name))
        wrong(`was sent ${eventName(event)} twice, the second time at ${moment(event.atNs)}`, [], event.atNs);
      keys.add(name);
      all?.add(name);
      last = Math.max(last, event.revision);
    }
    return events.length;
  },
};
