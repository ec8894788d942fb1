/**
 * What Kubernetes' API server needs of a store, end to end: one test a way of use, against our server and against Go etcd where it is
 * installed, so that what is asked of ours is what etcd does.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { StatusCode } from "../../src/grpc/status.ts";
import {
  CompactionRequest,
  LeaseGrantRequest,
  LeaseRevokeRequest,
  LeaseTimeToLiveRequest,
  StatusRequest,
} from "../../src/proto/gen/etcdserverpb.ts";
import { EventType } from "../../src/proto/gen/mvccpb.ts";
import { KV, Lease, Maintenance } from "../../src/proto/gen/rpc.ts";
import { eventually, freePorts, type ServerKind, ServerProcess, whyNot } from "../support/etcd-server.ts";
import { ApiServer, bytes, COMPACT_REV_KEY, endOf, text } from "./api-server.ts";

const COMPACTED = { code: StatusCode.OUT_OF_RANGE, message: "etcdserver: mvcc: required revision has been compacted" };
const FUTURE = { code: StatusCode.OUT_OF_RANGE, message: "etcdserver: mvcc: required revision is a future revision" };
const TOO_LARGE = { code: StatusCode.INVALID_ARGUMENT, message: "etcdserver: request is too large" };

interface Way {
  readonly title: string;
  /** `prefix` is this way's own. */
  readonly run: (api: ApiServer, prefix: string, kind: ServerKind, context: TestContext) => Promise<void>;
}

const name = (prefix: string, index: number): string => `${prefix}${String(index).padStart(4, "0")}`;

async function createMany(api: ApiServer, prefix: string, count: number): Promise<number> {
  let revision = 0;
  for (let i = 0; i < count; i++) revision = (await api.put(name(prefix, i), `v${i}`, 0)).revision;
  return revision;
}

const WAYS: readonly Way[] = [
  {
    title: "create: a txn that compares MOD_REVISION with 0 writes once, and shows afterwards what is there",
    async run(api, prefix) {
      const key = `${prefix}pod`;
      const first = await api.put(key, "one", 0);
      assert.ok(first.written);
      const second = await api.put(key, "two", 0);
      assert.equal(second.written, false);
      assert.equal(second.revision, first.revision, "a refused create makes no revision");
      assert.equal(text(second.current?.value), "one");
      assert.equal(second.current?.modRevision, first.revision);
      assert.equal(second.current?.version, 1);
    },
  },
  {
    title: "update: only who names the newest MOD_REVISION writes; of two that name the same one, one",
    async run(api, prefix) {
      const key = `${prefix}pod`;
      const created = await api.put(key, "0", 0);
      const rivals = await Promise.all(["a", "b"].map((value) => api.put(key, value, created.revision)));
      const won = rivals.filter(({ written }) => written);
      assert.equal(won.length, 1);
      const lost = rivals.find(({ written }) => !written);
      assert.equal(lost?.current?.modRevision, won[0]?.revision, "the loser sees what the winner wrote");
      assert.equal(lost?.current?.createRevision, created.revision);
      assert.equal(lost?.current?.version, 2);
    },
  },
  {
    title: "delete: under the same condition; a create after it begins a new object",
    async run(api, prefix) {
      const key = `${prefix}pod`;
      const created = await api.put(key, "0", 0);
      const updated = await api.put(key, "1", created.revision);
      const stale = await api.delete(key, created.revision);
      assert.equal(stale.written, false);
      assert.equal(text(stale.current?.value), "1");
      const deleted = await api.delete(key, updated.revision);
      assert.ok(deleted.written);
      assert.equal(deleted.revision, updated.revision + 1);
      const again = await api.delete(key, updated.revision);
      assert.deepEqual([again.written, again.current, again.revision], [false, null, deleted.revision]);
      const recreated = await api.put(key, "2", 0);
      const read = await api.range({ key: bytes(key) });
      assert.deepEqual([read.kvs[0]?.version, read.kvs[0]?.createRevision], [1, recreated.revision]);
    },
  },
  {
    title: "pages of one revision stay what they were while writers create, change and delete",
    async run(api, prefix) {
      const revision = await createMany(api, prefix, 25);
      const seen: string[] = [];
      let page = await api.page(prefix, prefix, 10, 0);
      assert.equal(page.revision, revision);
      assert.deepEqual([page.count, page.more], [25, true]);
      for (let pages = 1; ; pages++) {
        seen.push(...page.keys);
        if (!page.more) break;
        // Between two pages: one before, one behind the place, one new.
        await api.overwrite(name(prefix, 0), `changed ${pages}`);
        await api.overwrite(name(prefix, 24), `changed ${pages}`);
        await api.put(`${name(prefix, 12)}-new-${pages}`, "new", 0);
        const doomed = await api.range({ key: bytes(name(prefix, 20 + pages)) });
        await api.delete(name(prefix, 20 + pages), doomed.kvs[0]?.modRevision ?? 0);
        const left = 25 - seen.length;
        page = await api.page(prefix, `${seen.at(-1)}\0`, 10, revision);
        assert.ok(page.revision > revision, "the answer's header shows the newest revision");
        assert.equal(page.count, left, "what is left, as of the first page");
      }
      assert.deepEqual(
        seen,
        Array.from({ length: 25 }, (_, i) => name(prefix, i)),
      );
    },
  },
  {
    title: "a list as a stream is the same list; a store that knows no stream says Unimplemented",
    async run(api, prefix, kind) {
      const revision = await createMany(api, prefix, 40);
      const request = { key: bytes(prefix), rangeEnd: endOf(prefix) };
      const listed = await api.list(prefix);
      const ranged = await api.range(request);
      assert.deepEqual(listed, { kvs: ranged.kvs, count: 40, revision });
      if (kind === "etcd") {
        await assert.rejects(api.rangeStream(request), { code: StatusCode.UNIMPLEMENTED });
        return;
      }
      const parts = await api.rangeStream(request);
      assert.ok(parts.length > 1, "forty keys come in several parts");
      for (const part of parts.slice(0, -1))
        assert.deepEqual([part.header, part.count, part.more], [null, 0, false], "only the last part has these");
      await api.overwrite(name(prefix, 3), "later");
      const old = await api.rangeStream({ ...request, revision });
      assert.deepEqual(
        old.flatMap(({ kvs }) => kvs),
        ranged.kvs,
      );
      const limited = await api.rangeStream({ ...request, limit: 15 });
      assert.equal(limited.flatMap(({ kvs }) => kvs).length, 15);
      assert.deepEqual([limited.at(-1)?.more, limited.at(-1)?.count], [true, 40]);
      await assert.rejects(api.rangeStream({ ...request, revision: revision + 1000 }), FUTURE);
    },
  },
  {
    title: "counts: of a prefix, now and at an earlier revision, without a single key",
    async run(api, prefix) {
      const revision = await createMany(api, prefix, 7);
      await api.put(`${prefix}later`, "x", 0);
      const request = { key: bytes(prefix), rangeEnd: endOf(prefix), countOnly: true };
      const now = await api.range(request);
      assert.deepEqual([now.count, now.kvs, now.more], [8, [], false]);
      const then = await api.range({ ...request, revision });
      assert.equal(then.count, 7);
      const none = await api.range({ ...request, key: bytes(`${prefix}zz`) });
      assert.equal(none.count, 0);
    },
  },
  {
    title: "watch: from the revision behind a list every change comes once, in order, with what it replaced",
    async run(api, prefix) {
      const key = `${prefix}pod`;
      const created = await api.put(key, "0", 0);
      const listed = await api.list(prefix);
      const updated = await api.put(key, "1", created.revision);
      const watching = api.watch({
        key: bytes(prefix),
        rangeEnd: endOf(prefix),
        startRevision: listed.revision + 1,
        prevKv: true,
        progressNotify: true,
      });
      await watching.until(({ created }) => created, "the watch");
      const deleted = await api.delete(key, updated.revision);
      const recreated = await api.put(key, "2", 0);
      await eventually(() => watching.events.length >= 3, "three events");
      watching.close();
      const shown = watching.events.map(({ type, kv, prevKv }) => ({
        deletion: type === EventType.DELETE,
        creation: type === EventType.PUT && kv?.createRevision === kv?.modRevision,
        revision: kv?.modRevision,
        value: text(kv?.value),
        before: prevKv === null ? null : text(prevKv.value),
      }));
      assert.deepEqual(shown, [
        { deletion: false, creation: false, revision: updated.revision, value: "1", before: "0" },
        { deletion: true, creation: false, revision: deleted.revision, value: "", before: "1" },
        { deletion: false, creation: true, revision: recreated.revision, value: "2", before: null },
      ]);
    },
  },
  {
    title:
      "progress on request: after a linearizable read at a revision a notice says that nothing up to it is still to come",
    async run(api, prefix) {
      const watching = api.watch({ key: bytes(prefix), rangeEnd: endOf(prefix), prevKv: true, progressNotify: true });
      await watching.until(({ created }) => created, "the watch");
      for (let round = 0; round < 3; round++) {
        await api.put(`${prefix}in-${round}`, "x", 0);
        // What the watch does not see moves the revision, too.
        await api.put(`/elsewhere${prefix}${round}`, "x", 0);
        const read = await api.range({ key: bytes(`${prefix}none`) });
        const revision = read.header?.revision ?? 0;
        watching.requestProgress();
        const notice = await watching.until(
          ({ events, created, header }) => events.length === 0 && !created && (header?.revision ?? 0) >= revision,
          `progress to revision ${revision}`,
        );
        assert.equal(notice.watchId, -1n, "a notice on request is for all watches of the stream");
        const told = watching.responses.indexOf(notice);
        const events = watching.responses.slice(0, told).flatMap((response) => response.events);
        assert.equal(events.length, round + 1, "every event up to there came before the notice");
      }
      watching.close();
    },
  },
  {
    title:
      "leases: many keys on one; what is written again keeps it or moves; all are gone at one revision when it ends",
    async run(api, prefix) {
      const { id, ttl } = await api.call(Lease.LeaseGrant, LeaseGrantRequest.create({ ttl: 3600 }));
      assert.equal(ttl, 3600);
      for (let i = 0; i < 30; i++) assert.ok((await api.put(name(prefix, i), "event", 0, id)).written);
      const other = await api.call(Lease.LeaseGrant, LeaseGrantRequest.create({ ttl: 3600 }));
      const moved = await api.range({ key: bytes(name(prefix, 0)) });
      assert.equal(moved.kvs[0]?.lease, id);
      await api.put(name(prefix, 0), "event", moved.kvs[0]?.modRevision ?? 0, other.id);
      const left = await api.call(Lease.LeaseTimeToLive, LeaseTimeToLiveRequest.create({ id, keys: true }));
      assert.equal(left.grantedTtl, 3600);
      assert.deepEqual(
        left.keys.map((key) => text(key)).sort(),
        Array.from({ length: 29 }, (_, i) => name(prefix, i + 1)),
      );
      const watching = api.watch({ key: bytes(prefix), rangeEnd: endOf(prefix), prevKv: true });
      await watching.until(({ created }) => created, "the watch");
      await api.call(Lease.LeaseRevoke, LeaseRevokeRequest.create({ id }));
      await eventually(() => watching.events.length >= 29, "every deletion");
      watching.close();
      assert.equal(new Set(watching.events.map(({ kv }) => kv?.modRevision)).size, 1);
      assert.ok(
        watching.events.every(({ type, prevKv }) => type === EventType.DELETE && text(prevKv?.value) === "event"),
      );
      assert.equal((await api.range({ key: bytes(prefix), rangeEnd: endOf(prefix) })).count, 1);
      await assert.rejects(api.put(`${prefix}late`, "event", 0, id), {
        code: StatusCode.NOT_FOUND,
        message: "etcdserver: requested lease not found",
      });
    },
  },
  {
    title: "leases: events that nobody renews go by themselves",
    async run(api, prefix) {
      const { id } = await api.call(Lease.LeaseGrant, LeaseGrantRequest.create({ ttl: 1 }));
      for (let i = 0; i < 10; i++) await api.put(name(prefix, i), "event", 0, id);
      const request = { key: bytes(prefix), rangeEnd: endOf(prefix), countOnly: true };
      await eventually(async () => (await api.range(request)).count === 0, "the lease runs out");
    },
  },
  {
    title: "an object that is too large is refused with the text the API server looks for",
    async run(api, prefix) {
      await assert.rejects(api.put(`${prefix}big`, "x".repeat(1.6 * 1024 * 1024), 0), TOO_LARGE);
      assert.equal((await api.range({ key: bytes(`${prefix}big`) })).count, 0);
    },
  },
  {
    title: "status names a version that makes the API server ask for progress",
    async run(api, _prefix, kind) {
      const { version } = await api.call(Maintenance.Status, StatusRequest.create({}));
      const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);
      const number = major * 1e6 + minor * 1e3 + patch;
      if (kind === "etcd") assert.ok(number > 0, version);
      else assert.ok(number >= 3_005_013, version);
    },
  },
  {
    title: "compaction through compact_rev_key: of two API servers one compacts, the other learns of it and waits",
    async run(api, prefix) {
      const created = await api.put(`${prefix}pod`, "0", 0);
      const updated = await api.put(`${prefix}pod`, "1", created.revision);
      const before = (await api.range({ key: bytes(COMPACT_REV_KEY) })).kvs[0]?.version ?? 0;
      const [one, two] = await Promise.all([
        api.compactOnce(before, updated.revision),
        api.compactOnce(before, updated.revision),
      ]);
      assert.deepEqual([one.compacted, two.compacted].sort(), [false, true]);
      assert.deepEqual([one.version, two.version], [before + 1, before + 1]);
      const kept = await api.range({ key: bytes(COMPACT_REV_KEY) });
      assert.equal(text(kept.kvs[0]?.value), String(updated.revision));
      assert.equal((await api.range({ key: bytes(`${prefix}pod`), revision: updated.revision })).count, 1);
      await assert.rejects(api.range({ key: bytes(`${prefix}pod`), revision: created.revision }), COMPACTED);
    },
  },
  {
    title: "a continued list, a stream and a watch that come too late are told so in etcd's words",
    async run(api, prefix, kind) {
      const first = await createMany(api, prefix, 5);
      await api.overwrite(name(prefix, 0), "again");
      const request = { key: bytes(prefix), rangeEnd: endOf(prefix), revision: first };
      const compacted = await api.overwrite(name(prefix, 1), "again");
      await api.call(KV.Compact, CompactionRequest.create({ revision: compacted, physical: true }));
      await assert.rejects(api.range({ ...request, limit: 2 }), COMPACTED);
      if (kind === "etcd-ts") await assert.rejects(api.rangeStream(request), COMPACTED);
      await assert.rejects(api.range({ ...request, revision: compacted + 1000 }), FUTURE);
      await assert.rejects(api.call(KV.Compact, CompactionRequest.create({ revision: compacted })), COMPACTED);
      await assert.rejects(api.call(KV.Compact, CompactionRequest.create({ revision: compacted + 1000 })), FUTURE);
      const watching = api.watch({ key: bytes(prefix), rangeEnd: endOf(prefix), startRevision: first, prevKv: true });
      const end = await watching.until(({ canceled }) => canceled, "the watch is cancelled");
      watching.close();
      assert.equal(end.compactRevision, compacted);
      assert.deepEqual(watching.events, [], "a watch that missed something shows nothing at all");
      const kept = await api.range({ key: bytes(name(prefix, 0)) });
      assert.equal(text(kept.kvs[0]?.value), "again");
    },
  },
];

for (const kind of ["etcd-ts", "etcd"] as const) {
  test(`what Kubernetes' API server does, against ${kind}`, { skip: whyNot(kind) ?? false }, async (context) => {
    const [clientPort = 0] = await freePorts(context, 1);
    const server = new ServerProcess(context, { kind, clientPort });
    server.start();
    await server.ready();
    for (const [i, { title, run }] of WAYS.entries())
      await context.test(title, async (way) => run(new ApiServer(way, clientPort), `/registry/way-${i}/`, kind, way));
  });
}
