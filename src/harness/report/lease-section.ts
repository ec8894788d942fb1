import { formatCount, formatCounts, formatDuration, formatMoment } from "./format.ts";
import { type Html, html } from "./html.ts";
import { type LeaseEvidence, type LossEpisode, type LostLease, whenLost } from "./lease-evidence.ts";
import { leaseTimeline } from "./lease-timeline.ts";

/** Rows that are seen at once; the others unfold. */
const ROWS_OPEN = 8;

/** What a maintainer would ask for: how many and which, what happened around it, who asked for it, and what that member wrote. */
export function leaseSection(evidence: LeaseEvidence): Html {
  const { lost, lostTotal, granted, revoked, episodes, ids, leaders } = evidence;
  const proposed = totals(episodes);
  const facts: readonly (readonly [string, string])[] = [
    ["leases lost", `${formatCount(lostTotal)} of ${formatCount(granted)}`],
    ...(Object.keys(proposed).length === 0
      ? []
      : [["asked for by, as the requests' numbers say", formatCounts(proposed)] as const]),
    ...(revoked === null ? [] : [["revoked as expired, by the members' counters", formatCounts(revoked)] as const]),
    [
      "leaders",
      leaders.map(({ member, term, atNs }) => `${member} from ${formatMoment(atNs)} (term ${term})`).join(", "),
    ],
    ...Object.entries(ids).map(([member, id]) => [`${member} in the logs`, id] as const),
  ];
  return html`<p>The store had acknowledged a grant or a keepalive of each of these leases, and said that it does not know the lease
before that time to live was over, counted from when the request was called. Nobody revoked a lease but the store itself.</p>
<div class="scroll"><table class="facts"><tbody>
${facts.map(
  ([name, value]) => html`<tr><td>${name}</td><td>${value}</td></tr>
`,
)}</tbody></table></div>
<figure id="lease-timeline"><h3>Who led, who was hit, when leases went</h3><figcaption>Bars: the member that led, by the members' own word.
Shaded: a fault on that member. Marks: leases that an answer did not know any more, higher for more.</figcaption>
<div class="chart">${leaseTimeline(evidence)}</div></figure>
${leaseTable(lost.slice(0, ROWS_OPEN))}
${more(lost, lostTotal)}
${episodes.map(episodeHtml)}`;
}

function totals(episodes: readonly LossEpisode[]): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const { proposed } of episodes)
    for (const [member, count] of Object.entries(proposed)) sums[member] = (sums[member] ?? 0) + count;
  return sums;
}

function more(lost: readonly LostLease[], total: number): Html | null {
  const rest = lost.slice(ROWS_OPEN);
  if (rest.length === 0) return null;
  const unlisted = total - lost.length;
  return html`<details><summary>${formatCount(rest.length)} more</summary>
${leaseTable(rest)}${unlisted > 0 ? html`<p class="soft">and ${formatCount(unlisted)} more in history.jsonl.gz</p>` : null}</details>`;
}

function leaseTable(lost: readonly LostLease[]): Html {
  return html`<div class="scroll"><table><thead><tr><th>lease</th><th class="name">last acknowledged</th><th>called at</th><th>to live until</th><th>gone at</th><th>told by</th><th>early by</th></tr></thead><tbody>
${lost.map(
  (one) =>
    html`<tr><td><code>${one.lease}</code></td><td class="name">${one.action} by ${one.keptBy}</td><td>${formatMoment(one.calledNs)}</td><td>${formatMoment(one.untilNs)}</td><td>${formatMoment(one.goneNs)}</td><td>${one.toldBy}</td><td>${formatDuration(one.untilNs - one.goneNs)}</td></tr>
`,
)}</tbody></table></div>`;
}

function episodeHtml(episode: LossEpisode): Html {
  const { fault, lost, firstNs, lastNs, proposed, excerpts } = episode;
  const end = fault?.toNs == null ? "" : `, which ended at ${formatMoment(fault.toNs)}`;
  const who =
    Object.keys(proposed).length === 0 ? "" : ` Asked for by, as the requests' numbers say: ${formatCounts(proposed)}.`;
  return html`<h3>${formatCount(lost)} lost ${whenLost(episode)}${end}</h3>
<p>Gone between ${formatMoment(firstNs)} and ${formatMoment(lastNs)}.${who}</p>
${excerpts.map(
  ({
    member,
    lines,
    hidden,
  }) => html`<p class="soft">${member}'s log around it${lines.length === 0 ? " says nothing of leases or leaders" : ""}:</p>
${
  lines.length === 0
    ? null
    : html`<pre class="log">${lines.map(
        ({ atNs, text }) => html`<b>${formatMoment(atNs)}</b> ${text}
`,
      )}${hidden > 0 ? html`<span class="soft">${formatCount(hidden)} more lines, most of them like these: logs/${member}.log</span>` : null}</pre>`
}`,
)}`;
}
