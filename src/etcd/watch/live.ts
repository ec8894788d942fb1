/**
 * The live watchers, those that want the same in one group. A change is held against what groups want, not watchers, and what a group is
 * to be sent is gathered over several revisions: then each watcher is sent one response for all of them.
 */
import { assert } from "../../base/assert.ts";
import type { Revision } from "../../base/ids.ts";
import { keyName } from "../mvcc/key.ts";
import { RangeIndex } from "./range-index.ts";
import { EventList, type SharedChange } from "./responses.ts";
import type { StreamWatcher } from "./stream.ts";
import { type Interest, wants } from "./watcher.ts";

export interface LiveGroup {
  readonly name: string;
  readonly interest: Interest;
  readonly watchers: Set<StreamWatcher>;
  /** What its watchers are about to be sent. */
  pending: EventList | null;
}

export class LiveWatchers {
  readonly #groups = new Map<string, LiveGroup>();
  readonly #index = new RangeIndex<LiveGroup>();
  #gathered: LiveGroup[] = [];
  #start = EventList.empty();

  /** None may be added while something is gathered: it would be sent what was before its time. */
  add(watcher: StreamWatcher, published: Revision): void {
    assert(this.#gathered.length === 0, "who becomes live has all that was published");
    const name = groupName(watcher, published);
    let group = this.#groups.get(name);
    if (group === undefined) {
      const { range, wantsPuts, wantsDeletes, prevKv, next } = watcher;
      const interest = { range, wantsPuts, wantsDeletes, prevKv, next };
      group = { name, interest, watchers: new Set(), pending: null };
      this.#groups.set(name, group);
      this.#index.add(range, group);
    }
    group.watchers.add(watcher);
    watcher.group = group;
  }

  remove(watcher: StreamWatcher): void {
    const { group } = watcher;
    assert(group?.watchers.delete(watcher) === true, "only a live watcher is in a group");
    watcher.group = null;
    if (group.watchers.size > 0) return;
    this.#groups.delete(group.name);
    this.#index.remove(group.interest.range, group);
  }

  gather(change: SharedChange): void {
    const { kv } = change;
    this.#index.each(keyName(kv.key), (group) => {
      const { interest, pending } = group;
      if (!wants(interest, kv)) return;
      if (pending === null) this.#gathered.push(group);
      group.pending = (pending ?? this.#start).with(change.event(interest.prevKv));
    });
  }

  /** The groups that are to be sent something; their owner takes it from them. */
  take(): readonly LiveGroup[] {
    const gathered = this.#gathered;
    if (gathered.length > 0) {
      this.#gathered = [];
      this.#start = EventList.empty();
    }
    return gathered;
  }
}

/** Equal for who wants the same. Where a watcher begins matters only while that is still to come. */
function groupName({ range, wantsPuts, wantsDeletes, prevKv, next }: StreamWatcher, published: Revision): string {
  const { from, to } = range;
  const kinds = `${wantsPuts ? "p" : ""}${wantsDeletes ? "d" : ""}${prevKv ? "v" : ""}`;
  return `${kinds}${next > published + 1 ? next : 0}/${from.length}:${from}${to === null ? "" : `-${to}`}`;
}
