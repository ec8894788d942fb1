/** Which alarms are raised, as the servers that were asked have said, and which kind of them etcd 3.4 heeds. */
import { AlarmAction, type AlarmRequest, AlarmType } from "../../src/proto/gen/etcdserverpb.ts";

export class RaisedAlarms {
  readonly #members = new Map<AlarmType, Set<bigint>>();
  #heededByOld: AlarmType = AlarmType.NONE;

  isRaised(kind: AlarmType): boolean {
    return this.#of(kind).size > 0;
  }

  /** One at most, see `differences.ts`. */
  get heededByOld(): AlarmType {
    return this.#heededByOld;
  }

  /** A request that was carried out. */
  learn({ action, alarm, memberId }: AlarmRequest): void {
    const members = this.#of(alarm);
    if (action === AlarmAction.ACTIVATE) {
      if (members.size === 0) this.#heededByOld = alarm;
      members.add(memberId);
    } else if (action === AlarmAction.DEACTIVATE && members.delete(memberId) && members.size === 0) {
      this.#heededByOld = AlarmType.NONE;
    }
  }

  #of(kind: AlarmType): Set<bigint> {
    const members = this.#members.get(kind) ?? new Set();
    this.#members.set(kind, members);
    return members;
  }
}
