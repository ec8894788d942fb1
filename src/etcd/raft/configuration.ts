import { assert } from "../../base/assert.ts";
import type { LogIndex, MemberId } from "../../base/ids.ts";
import type { Change, ChangeRefusal, Configuration, Entry } from "../model.ts";

/**
 * Who decides, and how that changes (Raft dissertation, chapter 4): one member at a time, so that any majority before a change
 * shares a member with any majority after it and no joint phase is needed; etcd's API asks for nothing else. A configuration takes
 * effect as soon as its entry is in the log, committed or not, and goes when the entry is cut (4.1). Each entry carries the whole
 * configuration that it makes, so that a log is readable from any place.
 */

export const NOBODY: Configuration = { voters: [], learners: [] };

/** Voters and learners together; more are refused. etcd recommends seven at most. */
export const MEMBERS_MAX = 32;
const FORMAT = 1;
const HEADER_BYTES = 3;
const ID_BYTES = 8;

const ascending = (a: MemberId, b: MemberId): number => (a < b ? -1 : a > b ? 1 : 0);

/** Sorted, and checked: nobody is named twice. */
export function makeConfiguration(voters: readonly MemberId[], learners: readonly MemberId[]): Configuration {
  const all = [...voters, ...learners];
  assert(new Set(all).size === all.length, "a configuration names each member once", { voters, learners });
  assert(all.length <= MEMBERS_MAX, "a configuration is bounded", { members: all.length });
  return { voters: [...voters].sort(ascending), learners: [...learners].sort(ascending) };
}

export function isMember({ voters, learners }: Configuration, id: MemberId): boolean {
  return voters.includes(id) || learners.includes(id);
}

/** Voters and learners, ascending. */
export function membersOf({ voters, learners }: Configuration): readonly MemberId[] {
  return [...voters, ...learners].sort(ascending);
}

/** The configuration after a change, or why there is none: it would change nothing, or leave nobody to decide. */
export function changed(configuration: Configuration, { kind, member }: Change): Configuration | ChangeRefusal {
  const { voters, learners } = configuration;
  const others = (list: readonly MemberId[]): MemberId[] => list.filter((id) => id !== member);
  if (kind === "add-voter" || kind === "add-learner") {
    if (isMember(configuration, member)) return "member-exists";
    if (voters.length + learners.length >= MEMBERS_MAX) return "too-many-members";
    return kind === "add-voter"
      ? makeConfiguration([...voters, member], learners)
      : makeConfiguration(voters, [...learners, member]);
  }
  if (!isMember(configuration, member)) return "member-unknown";
  if (kind === "update") return makeConfiguration(voters, learners);
  if (kind === "promote") {
    if (!learners.includes(member)) return "not-a-learner";
    return makeConfiguration([...voters, member], others(learners));
  }
  if (voters.length === 1 && voters[0] === member) return "last-voter";
  return makeConfiguration(others(voters), others(learners));
}

/** Whether every majority of one shares a member with every majority of the other: at most one voter came or went. */
export function isSingleStep(from: Configuration, to: Configuration): boolean {
  const came = to.voters.filter((id) => !from.voters.includes(id)).length;
  const went = from.voters.filter((id) => !to.voters.includes(id)).length;
  return came + went <= 1;
}

/** What a config entry carries: `[format, voters, learners]` a byte each, the ids, then the proposer's own bytes (`context`). */
export function encodeConfigData(configuration: Configuration, context: Uint8Array): Uint8Array {
  const { voters, learners } = configuration;
  const ids = [...voters, ...learners];
  const data = new Uint8Array(HEADER_BYTES + ids.length * ID_BYTES + context.length);
  data.set([FORMAT, voters.length, learners.length]);
  const view = new DataView(data.buffer);
  ids.forEach((id, i) => {
    view.setBigUint64(HEADER_BYTES + i * ID_BYTES, id);
  });
  data.set(context, HEADER_BYTES + ids.length * ID_BYTES);
  return data;
}

/** The configuration that a config entry makes, and what its proposer sent along. Throws when the entry is not one of ours. */
export function decodeConfigEntry(entry: Entry): {
  readonly configuration: Configuration;
  readonly context: Uint8Array;
} {
  const { data, index } = entry;
  assert(entry.kind === "config" && data[0] === FORMAT, "a config entry has our format", { index, format: data[0] });
  const voterCount = data[1] ?? 0;
  const end = HEADER_BYTES + (voterCount + (data[2] ?? 0)) * ID_BYTES;
  assert(data.length >= end && voterCount > 0, "a config entry names its voters", { index, bytes: data.length });
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const ids: MemberId[] = [];
  for (let at = HEADER_BYTES; at < end; at += ID_BYTES) ids.push(view.getBigUint64(at) as MemberId);
  const configuration = makeConfiguration(ids.slice(0, voterCount), ids.slice(voterCount));
  return { configuration, context: data.subarray(end) };
}

interface Since {
  /** 0 or the snapshot's index for the one that the log begins with. */
  readonly index: LogIndex;
  readonly configuration: Configuration;
}

/** Every configuration that the log holds, oldest first; the last one is in effect. */
export class ConfigurationHistory {
  #since: Since[];

  constructor(index: LogIndex, configuration: Configuration) {
    this.#since = [{ index, configuration: makeConfiguration(configuration.voters, configuration.learners) }];
  }

  get latest(): Configuration {
    return this.#last.configuration;
  }

  /** The entry that made the latest configuration, or where the log begins. */
  get latestIndex(): LogIndex {
    return this.#last.index;
  }

  /** The one before the latest, as long as the log holds it. */
  get previous(): Configuration | null {
    return this.#since.at(-2)?.configuration ?? null;
  }

  get #last(): Since {
    const last = this.#since.at(-1);
    assert(last !== undefined, "some configuration is always in effect");
    return last;
  }

  append(entry: Entry): void {
    if (entry.kind !== "config") return;
    assert(entry.index > this.latestIndex, "configurations follow one another", { index: entry.index });
    const { configuration } = decodeConfigEntry(entry);
    // A joining member begins with nobody: whatever comes first is its founding.
    const isFounding = this.latest.voters.length === 0;
    assert(isFounding || isSingleStep(this.latest, configuration), "voters change one at a time", {
      index: entry.index,
    });
    this.#since.push({ index: entry.index, configuration });
  }

  /** The log was cut from this entry on. */
  truncate(from: LogIndex): void {
    while (this.latestIndex >= from) this.#since.pop();
  }

  /** As of the entry at `index`, which the log must not begin behind. */
  at(index: LogIndex): Configuration {
    const since = this.#since.findLast((candidate) => candidate.index <= index);
    assert(since !== undefined, "a configuration is known for every place of the log", { index });
    return since.configuration;
  }

  /** The log begins behind this entry now. */
  compact(index: LogIndex): void {
    const configuration = this.at(index);
    this.#since = [{ index, configuration }, ...this.#since.filter((since) => since.index > index)];
  }
}
