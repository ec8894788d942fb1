/**
 * Options of Node's for who runs an etcd-ts member: only at its start can they be given.
 *
 * One thread in V8's pool: the event loop waits for its helpers again and again (marking, sweeping, jobs of the compiler), and on a
 * machine with few cores four of them in each of three members get none for tens of milliseconds.
 */
export const MEMBER_NODE_OPTIONS: readonly string[] = ["--enable-source-maps", "--v8-pool-size=1"];
