/** Questions on their way to the leader: how many at a time, and what becomes of answers that are none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemberId } from "../../src/base/ids.ts";
import type { EtcdError } from "../../src/etcd/errors.ts";
import { Asks } from "../../src/etcd/lease/asks.ts";
import type { Lessor } from "../../src/etcd/lease/lessor.ts";
import { type Answer, AnswerKind, Answers, Question, Questions } from "../../src/proto/gen/leasepb.ts";

interface Sent {
  readonly questions: readonly Question[];
  readonly reply: (bytes: Uint8Array | null) => void;
}

/** A follower (2) of the leader 1, whose replies the test makes. */
class Follower {
  nowMs = 0;
  leader = 1n as MemberId;
  readonly sent: Sent[] = [];
  readonly decided: (readonly Question[])[] = [];
  readonly asks: Asks = new Asks(
    {
      decide: async (questions: readonly Question[]) => {
        this.decided.push(questions);
        return questions.map(() => alive(9));
      },
    } as unknown as Lessor,
    {
      self: 2n as MemberId,
      nowMs: () => this.nowMs,
      leader: () => this.leader,
      request: (_, bytes) =>
        new Promise((reply) => this.sent.push({ questions: Questions.decode(bytes).questions, reply })),
    },
    { timeoutMs: 7_000, peerTimeoutMs: 1_000 },
  );

  renew(id: bigint): { answer: number | EtcdError | undefined } {
    const holder: { answer: number | EtcdError | undefined } = { answer: undefined };
    void this.asks.renew(id).then((answer) => {
      holder.answer = answer;
    });
    return holder;
  }

  async reply(bytes: Uint8Array | null): Promise<void> {
    this.sent.at(-1)?.reply(bytes);
    await new Promise((resolve) => setImmediate(resolve));
  }

  async tick(): Promise<void> {
    this.nowMs += 100;
    this.asks.due(this.nowMs);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const alive = (ttl: number): Answer => ({ kind: AnswerKind.ALIVE, ttl, grantedTtl: ttl, keys: [] });
const answers = (count: number, answer: Answer = alive(60)): Uint8Array =>
  Answers.encode({ answers: Array.from({ length: count }, () => answer) });

test("one batch is under way at a time; what gathers meanwhile goes with the next, at most a thousand", async () => {
  const follower = new Follower();
  const asked = Array.from({ length: 2_500 }, (_, i) => follower.renew(BigInt(i + 1)));
  for (const count of [1, 1_000, 1_000, 499]) {
    assert.equal(follower.sent.at(-1)?.questions.length, count);
    await follower.reply(answers(count));
  }
  assert.equal(follower.sent.length, 4);
  assert.ok(asked.every(({ answer }) => answer === 60));
  assert.equal(follower.sent[3]?.questions.at(-1)?.id, 2_500n);
});

test("no answer, one of another length, nonsense and 'ask again' are asked again with the next tick", async () => {
  const follower = new Follower();
  const { asks, sent } = follower;
  const asked = follower.renew(5n);
  const replies = [null, answers(2), Uint8Array.of(255), answers(1, { ...alive(0), kind: AnswerKind.AGAIN })];
  for (const [i, reply] of replies.entries()) {
    assert.equal(sent.length, i + 1);
    await follower.reply(reply);
    assert.equal(sent.length, i + 1, "not in a circle");
    await follower.tick();
  }
  await follower.reply(answers(1, { ...alive(0), kind: AnswerKind.UNKNOWN }));
  assert.equal(asked.answer, 0);
  asks.stop();
});

test("when another member leads it is asked at once, and the first answer counts, whoever gives it", async () => {
  const follower = new Follower();
  const early = follower.renew(5n);
  follower.leader = 3n as MemberId;
  await follower.tick();
  assert.equal(follower.sent.length, 2);
  follower.sent[0]?.reply(answers(1, alive(30)));
  await follower.reply(answers(1, alive(60)));
  assert.equal(early.answer, 30);
  follower.leader = 2n as MemberId;
  const own = follower.renew(6n);
  await follower.tick();
  assert.equal(own.answer, 9);
  assert.deepEqual(
    follower.decided.flat().map(({ id }) => id),
    [6n],
  );
});

test("a peer's batch is answered in its order; what is none, or too much, is not answered", async () => {
  const { asks, decided } = new Follower();
  const questions = [3n, 1n].map((id) => Question.create({ id, renew: true }));
  const reply = await asks.answer(Questions.encode({ questions }));
  assert.deepEqual(reply === null ? null : Answers.decode(reply).answers, [alive(9), alive(9)]);
  assert.deepEqual(
    decided[0]?.map(({ id }) => id),
    [3n, 1n],
  );
  assert.equal(await asks.answer(Uint8Array.of(255)), null);
  const many = Array.from({ length: 1_001 }, () => Question.create({ id: 1n }));
  assert.equal(await asks.answer(Questions.encode({ questions: many })), null);
});

test("fifty thousand questions wait, more are refused", async () => {
  const follower = new Follower();
  follower.leader = 0n as MemberId;
  for (let i = 0; i < 50_000; i++) void follower.asks.renew(1n);
  const refused = (await follower.asks.renew(1n)) as EtcdError;
  assert.equal(refused.message, "etcdserver: too many requests");
  follower.nowMs += 7_000;
  await follower.tick();
  follower.leader = 2n as MemberId;
  assert.equal(await follower.asks.renew(1n), 9, "their time is up, and there is room again");
});

test("a question whose time was up while there was no leader is not asked when there is one", async () => {
  const follower = new Follower();
  follower.leader = 0n as MemberId;
  const late = follower.renew(1n);
  while (late.answer === undefined) await follower.tick();
  assert.equal(follower.nowMs, 7_000);
  follower.leader = 1n as MemberId;
  follower.renew(2n);
  await follower.tick();
  assert.deepEqual(
    follower.sent.flatMap(({ questions }) => questions.map(({ id }) => id)),
    [2n],
  );
});
