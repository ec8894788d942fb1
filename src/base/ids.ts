/**
 * The numbers that must not mix. Ordinals are counted and compared: branded `number`, safe integers (our own are asserted,
 * a request's saturate in the decoder). Names are only compared and printed as hex: branded `bigint`, because etcd fills all
 * 64 bits of them.
 */
declare const brand: unique symbol;
type Branded<Type, Name extends string> = Type & { readonly [brand]: Name };

/** The store's logical clock: one step for each effective write. */
export type Revision = Branded<number, "Revision">;
/** Raft's election counter. */
export type Term = Branded<number, "Term">;
/** Position in the raft log, from 1; 0 is "before the first". */
export type LogIndex = Branded<number, "LogIndex">;
export type MemberId = Branded<bigint, "MemberId">;
export type ClusterId = Branded<bigint, "ClusterId">;
export type LeaseId = Branded<bigint, "LeaseId">;

export const NO_MEMBER: MemberId = 0n as MemberId;

/** A member, cluster or lease id as etcd prints it: lower-case hex without leading zeros. */
export function hex(id: bigint): string {
  return BigInt.asUintN(64, id).toString(16);
}
