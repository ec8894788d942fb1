import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { leaseLines } from "../../../src/commands/lease-text.ts";
import { checkLease } from "../../../src/harness/checks/lease.ts";
import { writeEvents, writePlan, writeSamples, writeVerdict } from "../../../src/harness/history/run-files.ts";
import { writeHistory } from "../../../src/harness/history/writer.ts";
import type { RunEvent } from "../../../src/harness/model/events.ts";
import type { LeaseRecord } from "../../../src/harness/model/history.ts";
import { readLeaseEvidence } from "../../../src/harness/report/lease-evidence.ts";
import { leaseSection } from "../../../src/harness/report/lease-section.ts";
import { readMemberLog } from "../../../src/harness/report/member-log.ts";
import { writeReport } from "../../../src/harness/report/write.ts";
import { exampleRun, HOSTILE } from "./example.ts";

const S = 1e9;
const STARTED = "2026-11-22T21:00:00.000Z";
/** Of n1 and n2; the last four digits stand at the front of the numbers of their requests. */
const IDS = ["d50c43734e1d2ac1", "7b02231cf32f807a"] as const;
const LEASES = 20;

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), "faultline-leases-"));
  folders.push(folder);
  return folder;
}

const nameOf = (lease: number): string => (0x7000_0000_0000_0000n + BigInt(lease)).toString(16);

function lease(one: number, action: LeaseRecord["action"], startS: number, ttlSeconds: number): LeaseRecord {
  return {
    type: "lease",
    lease: nameOf(one),
    action,
    member: "n2",
    startNs: startS * S,
    endNs: startS * S + 1000,
    outcome: { kind: "ok", ttlSeconds },
  };
}

/** Every lease is kept at 9 s for 4 s; the first `lost` are gone at 11 s, after n1, paused from 3 s to 10 s, woke up. */
function records(lost: number): readonly LeaseRecord[] {
  const all = Array.from({ length: LEASES }, (_, i) => i);
  return [
    ...all.map((one) => lease(one, "grant", 1, 4)),
    ...all.map((one) => lease(one, "keepalive", 9, 4)),
    ...all.slice(0, lost).map((one) => lease(one, "keepalive", 11, 0)),
  ];
}

const EVENTS: readonly RunEvent[] = [
  { atNs: 1 * S, kind: "leader", member: "n1", term: 2 },
  { atNs: 3 * S, kind: "fault-injected", fault: "pause-leader", members: ["n1"], description: "leader n1 paused" },
  { atNs: 5 * S, kind: "leader", member: "n2", term: 3 },
  { atNs: 10 * S, kind: "fault-healed", fault: "pause-leader" },
  { atNs: 12 * S, kind: "leases-revoked", counts: { n1: 20, n2: 0 } },
];

const zap = (second: string, message: string): string =>
  `{"level":"debug","ts":"2026-11-22T21:00:${second}Z","caller":"x.go:1","local-member-id":"${IDS[0]}",${message}}`;

/** As 3.7 logs that it applies a revocation that the member of this id asked for. */
function revocation(id: string, one: number): string {
  const request = ((BigInt(`0x${id}`) & 0xffffn) << 48n) | BigInt(one);
  return zap(
    "11.0",
    `"msg":"Apply","raftReq":"header:{ID:${request}}  lease_revoke:{ID:${BigInt(`0x${nameOf(one)}`)}}"`,
  );
}

/** The folder of a run that lost so many leases. */
async function run(lost: number): Promise<string> {
  const folder = temporary();
  const { plan, samples, verdict } = exampleRun();
  const check = checkLease(records(lost), { planned: LEASES });
  writePlan(folder, plan);
  writeEvents(folder, EVENTS);
  writeSamples(folder, { ...samples, startedAt: STARTED });
  writeVerdict(folder, { ...verdict, verdict: check.verdict, checks: [check] });
  const header = { type: "history", version: 1, run: "r", members: ["n1", "n2"], initialRevision: 1 } as const;
  await writeHistory(join(folder, "history.jsonl.gz"), { ...header, watchers: 0, watchEventsLost: 0 }, records(lost));
  mkdirSync(join(folder, "logs"));
  const n1 = [
    zap("02.0", '"msg":"raft.node: a became leader at term 2"'),
    zap("10.0", '"msg":"The member is active, skip checking leadership"'),
    zap("10.1", `"msg":"${HOSTILE.replaceAll('"', "'")} \u001b[31mbecame follower at term 3"`),
    zap("10.2", '"msg":"nothing of interest"'),
    ...Array.from({ length: LEASES }, (_, one) => revocation(one < 18 ? IDS[0] : IDS[1], one)),
    zap("59.0", '"msg":"raft.node: a became leader at term 9"'),
  ];
  writeFileSync(join(folder, "logs", "n1.log"), `${n1.join("\n")}\n`);
  writeFileSync(join(folder, "logs", "n2.log"), `${zap("00.1", '"msg":"hello"').replace(IDS[0], IDS[1])}\n`);
  return folder;
}

test("a run's files tell which leases went, who led, what was hit, who asked for it and what that member wrote", async () => {
  const evidence = await readLeaseEvidence(await run(LEASES));
  assert.ok(evidence !== null);
  assert.deepEqual([evidence.granted, evidence.lostTotal, evidence.lost.length], [LEASES, LEASES, LEASES]);
  assert.deepEqual(evidence.lost[0], {
    lease: nameOf(0),
    keptBy: "n2",
    action: "keepalive",
    calledNs: 9 * S,
    answeredNs: 9 * S + 1000,
    untilNs: 13 * S,
    goneNs: 11 * S + 1000,
    toldBy: "n2",
  });
  assert.deepEqual(
    evidence.leaders.map(({ member, term }) => `${member} ${term}`),
    ["n1 2", "n2 3"],
  );
  assert.deepEqual(evidence.revoked, { n1: 20, n2: 0 });
  assert.deepEqual(evidence.ids, { n1: IDS[0], n2: IDS[1] });
  const [episode] = evidence.episodes;
  assert.equal(evidence.episodes.length, 1);
  assert.deepEqual([episode?.fault?.name, episode?.fault?.toNs, episode?.lost], ["pause-leader", 10 * S, LEASES]);
  assert.deepEqual(episode?.proposed, { n1: 18, n2: 2 });
});

test("a log excerpt has the time around the loss, lines of interest, of like lines the first, and no one else's requests", async () => {
  const evidence = await readLeaseEvidence(await run(LEASES));
  const [n1, n2] = evidence?.episodes[0]?.excerpts ?? [];
  assert.deepEqual([n1?.member, n2?.member], ["n1", "n2"]);
  const texts = n1?.lines.map(({ text }) => text) ?? [];
  assert.deepEqual(
    texts.map((text) => /skip checking|became|lease_revoke/.exec(text)?.[0]),
    ["skip checking", "became", "lease_revoke", "lease_revoke", "lease_revoke"],
  );
  assert.equal(n1?.hidden, 15);
  assert.deepEqual(n1?.lines.map(({ atNs }) => atNs).slice(0, 2), [10 * S, 10.1 * S]);
  assert.ok(!texts.join("").includes("\u001b"), "nothing a terminal would obey");
});

test("a run that lost no lease has nothing to show", async () => {
  const folder = await run(0);
  assert.equal(await readLeaseEvidence(folder), null);
  assert.equal(readFileSync(await writeReport(folder), "utf8").includes('id="leases"'), false);
});

test("the page has the evidence, and whatever a log says stays text", async () => {
  const page = readFileSync(await writeReport(await run(LEASES)), "utf8");
  assert.ok(page.includes('<h2 id="leases">Leases that were lost</h2>'));
  assert.ok(page.includes("pause-leader on n1"));
  assert.equal(/<script>alert|<b>bold/.test(page), false);
  assert.ok(page.includes("&lt;script&gt;alert(1)"));
});

test("the terminal shows the first losses and says how many more there are", async () => {
  const evidence = await readLeaseEvidence(await run(LEASES));
  const text = leaseLines(evidence as NonNullable<typeof evidence>).join("\n");
  assert.match(text, /^leases {3}20 of 20 were lost/);
  assert.match(text, /\n {9}and 12 more\n/);
  assert.match(text, /leaders {2}n1 from 1\.000 s \(term 2\); n2 from 5\.000 s \(term 3\)/);
  assert.match(text, /lost {5}20 after pause-leader on n1, .*: n1 18, n2 2\n/);
  assert.match(text, /10\.000 s {2}\{"level":"debug".*skip checking leadership/);
});

test("losses without a fault, a leader or a log are shown as well", async () => {
  const folder = await run(1);
  rmSync(join(folder, "logs"), { recursive: true });
  writeEvents(folder, []);
  const evidence = await readLeaseEvidence(folder);
  assert.ok(evidence !== null);
  assert.deepEqual([evidence.lostTotal, evidence.episodes[0]?.fault, evidence.revoked], [1, null, null]);
  assert.ok(leaseSection(evidence).markup.includes("1 lost before any fault"));
  assert.match(leaseLines(evidence).join("\n"), /lost {5}1 before any fault/);
});

test("log lines of every form say when they were written", async () => {
  const file = join(temporary(), "n1.log");
  const local = new Date(Date.parse(STARTED) + 5250);
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = [local.getFullYear(), two(local.getMonth() + 1), two(local.getDate())];
  const time = [local.getHours(), local.getMinutes(), local.getSeconds()].map(two).join(":");
  const lines = [
    zap("05.250", '"msg":"it"'),
    `{"level":30,"time":${local.getTime()},"msg":"it"}`,
    `${day.join("-")} ${time}.250123 I | etcdserver: it`,
    `raft${day.join("/")} ${time} INFO: it`,
    "it, without a time",
  ];
  writeFileSync(file, lines.join("\n"));
  const log = await readMemberLog(file, Date.parse(STARTED), /it/);
  assert.deepEqual(
    log.lines.map(({ atNs }) => atNs / S),
    [5.25, 5.25, 5.25, 5],
  );
  assert.equal(log.id, IDS[0]);
  writeFileSync(file, "2026-11-22 20:36:06.1 I | etcdserver: starting member 7b02 in cluster 1\n");
  assert.equal((await readMemberLog(file, 0, /it/)).id, "7b02");
});
