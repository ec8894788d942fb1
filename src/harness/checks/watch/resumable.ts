import { moment } from "../findings.ts";
import { eventName, type WatchCheck } from "./model.ts";
import { evidenceOf, owedBetween } from "./owed.ts";

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
    for (const owed of owedBetween(session, truth, from, first - 1)) {
      const { text, operations } = evidenceOf(owed);
      const lack = `asked for everything from rev ${from} on, was first sent rev ${first}, but never sent ${text}`;
      wrong(lack, operations, head.atNs);
    }
    return 1;
  },
};
