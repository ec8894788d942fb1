/** A store whose compaction takes away too much. */
import { type MemberStorage, storageWith } from "../etcd/storage.ts";

type Buffer = MemberStorage["buffer"];
type Bucket = Parameters<Buffer["delete"]>[0];

/** With each change that is removed goes the one behind it. */
export function compactsTooMuch(storage: MemberStorage): MemberStorage {
  const greedy = new WeakMap<Buffer, Buffer>();
  return {
    ...storageWith(storage, {}),
    get buffer() {
      const { buffer } = storage;
      let made = greedy.get(buffer);
      if (made === undefined) {
        made = greedyBuffer(buffer);
        greedy.set(buffer, made);
      }
      return made;
    },
  };
}

function greedyBuffer(buffer: Buffer): Buffer {
  return new Proxy(buffer, {
    get: (target, name) => {
      if (name === "delete") return (bucket: Bucket, key: Uint8Array) => deleteTwo(target, bucket, key);
      const found: unknown = Reflect.get(target, name, target);
      return typeof found === "function" ? found.bind(target) : found;
    },
  });
}

function deleteTwo(buffer: Buffer, bucket: Bucket, key: Uint8Array): void {
  const next = bucket === "key" ? buffer.range(bucket, { from: key, limit: 2 })[1] : undefined;
  buffer.delete(bucket, key);
  if (next !== undefined) buffer.delete(bucket, next.key);
}
