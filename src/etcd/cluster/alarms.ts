/**
 * Alarms: what a member found that the whole cluster must heed until somebody disarms it. State like any other, changed by commands
 * of the log alone, so that every member refuses the same.
 *
 *   NOSPACE    a member's store is at its quota: nothing may be written that takes space; deletions and compaction go on
 *   CORRUPT    a member's contents differ: nothing may be written at all
 */
import { AlarmAction, AlarmMember, type AlarmRequest, AlarmType } from "../../proto/gen/etcdserverpb.ts";
import type { Bucket, BucketReader } from "../backend/backend.ts";

/** The alarm bucket of the store: the alarm, encoded, is its key, as in etcd. */
export type AlarmStorage = Pick<BucketReader, "range"> & {
  put(bucket: Bucket, key: Uint8Array, value: Uint8Array): void;
  delete(bucket: Bucket, key: Uint8Array): void;
};

/** Reads the state without changing it. */
export interface AlarmsView {
  /** By type and member. */
  readonly raised: readonly AlarmMember[];
  of(type: AlarmType): readonly AlarmMember[];
}

const BUCKET: Bucket = "alarm";
/** Requests name members freely: more alarms than this are not taken. */
const ALARMS_MAX = 1_000;

export class Alarms implements AlarmsView {
  #storage: AlarmStorage | null;
  #raised: readonly AlarmMember[] = [];

  /** Null: kept nowhere, whoever owns it applies the whole log again after a restart. */
  constructor(storage: AlarmStorage | null) {
    this.#storage = storage;
  }

  /** Forgets everything and takes what `storage` holds. */
  load(storage: AlarmStorage): void {
    this.#storage = storage;
    this.#raised = [];
    for (const { key } of storage.range(BUCKET, {})) this.#add(AlarmMember.decode(key));
  }

  get raised(): readonly AlarmMember[] {
    return this.#raised;
  }

  /** What the request changed, or asks for. */
  apply({ action, memberId, alarm }: AlarmRequest): readonly AlarmMember[] {
    if (action === AlarmAction.GET) return alarm === AlarmType.NONE ? this.#raised : this.of(alarm);
    const known = this.#raised.find((raised) => raised.alarm === alarm && raised.memberId === memberId);
    if (action === AlarmAction.DEACTIVATE) return known === undefined ? [] : [this.#remove(known)];
    // etcd 3.4 ends itself over an alarm of no type.
    if (action !== AlarmAction.ACTIVATE || alarm === AlarmType.NONE) return [];
    if (known !== undefined) return [known];
    if (this.#raised.length >= ALARMS_MAX) return [];
    const raised = { memberId, alarm };
    this.#storage?.put(BUCKET, AlarmMember.encode(raised), new Uint8Array(0));
    this.#add(raised);
    return [raised];
  }

  of(type: AlarmType): readonly AlarmMember[] {
    return this.#raised.filter(({ alarm }) => alarm === type);
  }

  #add(raised: AlarmMember): void {
    this.#raised = [...this.#raised, raised].sort((a, b) => a.alarm - b.alarm || (a.memberId < b.memberId ? -1 : 1));
  }

  #remove(known: AlarmMember): AlarmMember {
    this.#storage?.delete(BUCKET, AlarmMember.encode(known));
    this.#raised = this.#raised.filter((raised) => raised !== known);
    return known;
  }
}
