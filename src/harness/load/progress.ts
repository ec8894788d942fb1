/**
 * Whether a server of this version may be asked for progress: before etcd 3.4.31 and 3.5.13 the answer may be ahead of events that
 * are still to come (etcd-io/etcd 15220), so whoever depends on it, Kubernetes' API server for one, does not ask those.
 */
export function tellsProgressInOrder(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/).map(Number);
  if (major !== 3 || minor > 5) return major > 3 || (major === 3 && minor > 5);
  return (minor === 5 && patch >= 13) || (minor === 4 && patch >= 31);
}
