import { eventName, isSelected, type WatchCheck } from "./model.ts";

/** Filter: every event is of a key, and of a kind, that the watch asked for. */
export const filter: WatchCheck = {
  name: "Filter",
  judge(session, _truth, wrong) {
    for (const event of session.events) {
      if (isSelected(session, event.kind, event.key)) continue;
      wrong(`was sent ${eventName(event)}, which it had not asked for`, [], event.atNs);
    }
    return session.events.length;
  },
};
