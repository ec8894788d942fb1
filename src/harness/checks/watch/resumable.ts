import { describe, moment } from "../findings.ts";
import { eventName, isSelected, type WatchCheck, watcherName } from "./model.ts";

/**
 * Resumable: a watch that names its start gets everything from there on. The first event is the first known change from the start
 * revision on that the watch selects: nothing below it is sent, and nothing between it and the first event is left out.
 */
export const resumable: WatchCheck = {
  name: "Resumable",
  judge(session, truth, wrong) {
    const { from, events } = session;
    const [head] = events;
    if (from === null || head === undefined) return 0;
    for (const event of events) {
      if (event.revision >= from) continue;
      wrong(`was sent ${eventName(event)}, below its start at rev ${from}, at ${moment(event.atNs)}`, [], event.atNs);
    }
    const first = events.reduce((least, event) => Math.min(least, event.revision), head.revision);
    for (const change of truth.between(from, first - 1)) {
      if (!isSelected(session, change.kind, change.key)) continue;
      const lack = `asked for everything from rev ${from} on, was first sent rev ${first}, but never sent`;
      const { operation, event } = change;
      if (operation !== null) wrong(`${lack} rev ${change.revision}: ${describe(operation)}`, [operation], head.atNs);
      else if (event !== null)
        wrong(`${lack} ${eventName(event)}, which ${watcherName(event)} was sent`, [], head.atNs);
    }
    return 1;
  },
};
