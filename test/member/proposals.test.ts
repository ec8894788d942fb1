import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemberId } from "../../src/base/ids.ts";
import type { Outcome } from "../../src/etcd/apply/applier.ts";
import { Proposals } from "../../src/etcd/member-proposals.ts";
import { InternalRaftRequest, PutRequest } from "../../src/proto/gen/etcdserverpb.ts";

const LIMITS = { requestMaxBytes: 1_000, timeoutMs: 5_000 };
const put = (key: string) => ({ put: PutRequest.create({ key: Buffer.from(key) }) });

test("a member that shares sixteen bits of its id, and so the request ids, is not answered for another's entry", () => {
  const [ours, theirs] = [0x1111_0000_0000_abcdn, 0x2222_0000_0000_abcdn].map(
    (id) => new Proposals(id as MemberId, 1_700_000_000_000, LIMITS),
  ) as [Proposals, Proposals];
  const answers: Outcome[] = [];
  const mine = ours.add(put("mine"), 0, (outcome) => answers.push(outcome));
  const other = theirs.add(put("other"), 0, () => assert.fail("nobody applied it there"));
  assert.ok(mine !== null && other !== null);
  const idOf = (data: Uint8Array): bigint => InternalRaftRequest.decode(data).header?.id ?? 0n;
  assert.equal(idOf(mine.data), idOf(other.data), "the ids collide");
  ours.applied(idOf(other.data), other.data, { kind: "none" });
  assert.deepEqual(answers, []);
  ours.applied(idOf(mine.data), Uint8Array.from(mine.data), { kind: "none" });
  assert.deepEqual(answers, [{ kind: "none" }]);
  assert.equal(ours.size, 0);
});
