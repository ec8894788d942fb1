import { formatCount, formatCounts, formatDuration, formatMoment } from "../harness/report/format.ts";
import { type FaultSpan, type LeaseEvidence, type LossEpisode, whenLost } from "../harness/report/lease-evidence.ts";
import { formatTable } from "./table.ts";

const LOST_SHOWN = 8;
const LINES_SHOWN = 12;
const LINE_CHARACTERS = 240;

/** What a maintainer would ask for, as a terminal shows it; the page has more of each. */
export function leaseLines(evidence: LeaseEvidence): string[] {
  const { lost, lostTotal, granted, faults, leaders, revoked, episodes } = evidence;
  const rows = lost
    .slice(0, LOST_SHOWN)
    .map((one) => [
      one.lease,
      `${one.keptBy} at ${formatMoment(one.calledNs)}`,
      formatMoment(one.untilNs),
      `${formatMoment(one.goneNs)} (${one.toldBy})`,
      formatDuration(one.untilNs - one.goneNs),
    ]);
  const hidden = lostTotal - rows.length;
  return [
    `leases   ${formatCount(lostTotal)} of ${formatCount(granted)} were lost before the time that had been acknowledged to their holders`,
    formatTable([["lease", "last acknowledged by", "to live until", "gone at", "early by"], ...rows]),
    ...(hidden > 0 ? [`         and ${formatCount(hidden)} more`] : []),
    `faults   ${faults.map(faultText).join("; ") || "none"}`,
    `leaders  ${leaders.map(({ member, term, atNs }) => `${member} from ${formatMoment(atNs)} (term ${term})`).join("; ")}`,
    ...(revoked === null ? [] : [`revoked  as expired, by the members' own counters: ${formatCounts(revoked)}`]),
    ...episodes.flatMap(episodeLines),
  ];
}

function faultText({ name, members, fromNs, toNs }: FaultSpan): string {
  return `${name} (${members.join(", ")}) ${formatMoment(fromNs)} to ${toNs === null ? "the end" : formatMoment(toNs)}`;
}

function episodeLines(episode: LossEpisode): string[] {
  const { lost, firstNs, lastNs, proposed, excerpts } = episode;
  const who =
    Object.keys(proposed).length === 0
      ? ""
      : `; who asked for it, by the numbers of the requests: ${formatCounts(proposed)}`;
  return [
    `lost     ${formatCount(lost)} ${whenLost(episode)}, from ${formatMoment(firstNs)} to ${formatMoment(lastNs)}${who}`,
    ...excerpts.flatMap(({ member, lines, hidden }) => {
      const left = hidden + Math.max(0, lines.length - LINES_SHOWN);
      return [
        `  ${member}'s log${lines.length === 0 ? " says nothing of it" : ""}`,
        ...lines
          .slice(0, LINES_SHOWN)
          .map(({ atNs, text }) => `    ${formatMoment(atNs)}  ${text.slice(0, LINE_CHARACTERS)}`),
        ...(left > 0 ? [`    and ${formatCount(left)} more, most of them like these`] : []),
      ];
    }),
  ];
}
