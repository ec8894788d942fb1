// Generated from src/proto/leasepb.proto by `npm run generate`: change that, not this.
import { type Reader } from "../reader.ts";
import { type MessageCodec, messageCodec } from "../wire.ts";
import type { Writer } from "../writer.ts";
export const AnswerKind: { readonly AGAIN: 0; readonly UNKNOWN: 1; readonly ALIVE: 2 } = {
  AGAIN: 0,
  UNKNOWN: 1,
  ALIVE: 2,
};
export type AnswerKind = (typeof AnswerKind)[keyof typeof AnswerKind];

export interface Lease {
  readonly id: bigint;
  readonly ttl: number;
  readonly remainingTtl: number;
}

export const Lease: MessageCodec<Lease> = messageCodec(readLease, writeLease, createLease, () => [
  { name: "ID", key: "id", type: "int64" },
  { name: "TTL", key: "ttl", type: "int64" },
  { name: "RemainingTTL", key: "remainingTtl", type: "int64" },
]);

function createLease(partial: Partial<Lease> = {}): Lease {
  return { id: partial.id ?? 0n, ttl: partial.ttl ?? 0, remainingTtl: partial.remainingTtl ?? 0 };
}

export function readLease(r: Reader): Lease {
  let id: Lease["id"] = 0n;
  let ttl: Lease["ttl"] = 0;
  let remainingTtl: Lease["remainingTtl"] = 0;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        id = r.int64Name();
        break;
      case 16:
        ttl = r.int64();
        break;
      case 24:
        remainingTtl = r.int64();
        break;
      default:
        r.skip(tag);
    }
  }
  return { id, ttl, remainingTtl };
}

export function writeLease(w: Writer, m: Lease): void {
  if (m.remainingTtl !== 0) {
    w.int64(24, m.remainingTtl);
  }
  if (m.ttl !== 0) {
    w.int64(16, m.ttl);
  }
  if (m.id !== 0n) {
    w.name(8, m.id);
  }
}

export interface Questions {
  readonly questions: readonly Question[];
}

export const Questions: MessageCodec<Questions> = messageCodec(readQuestions, writeQuestions, createQuestions, () => [
  { name: "questions", key: "questions", type: "message", repeated: true, message: Question },
]);

function createQuestions(partial: Partial<Questions> = {}): Questions {
  return { questions: partial.questions ?? [] };
}

export function readQuestions(r: Reader): Questions {
  const questions: Question[] = [];
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        questions.push(readQuestion(r));
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { questions };
}

export function writeQuestions(w: Writer, m: Questions): void {
  for (let i = m.questions.length - 1; i >= 0; i--) {
    const before = w.length;
    writeQuestion(w, m.questions[i] as Question);
    w.prefix(10, before);
  }
}

export interface Question {
  readonly id: bigint;
  readonly renew: boolean;
  readonly keys: boolean;
}

export const Question: MessageCodec<Question> = messageCodec(readQuestion, writeQuestion, createQuestion, () => [
  { name: "ID", key: "id", type: "int64" },
  { name: "renew", key: "renew", type: "bool" },
  { name: "keys", key: "keys", type: "bool" },
]);

function createQuestion(partial: Partial<Question> = {}): Question {
  return { id: partial.id ?? 0n, renew: partial.renew ?? false, keys: partial.keys ?? false };
}

export function readQuestion(r: Reader): Question {
  let id: Question["id"] = 0n;
  let renew: Question["renew"] = false;
  let keys: Question["keys"] = false;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        id = r.int64Name();
        break;
      case 16:
        renew = r.bool();
        break;
      case 24:
        keys = r.bool();
        break;
      default:
        r.skip(tag);
    }
  }
  return { id, renew, keys };
}

export function writeQuestion(w: Writer, m: Question): void {
  if (m.keys) {
    w.bool(24, m.keys);
  }
  if (m.renew) {
    w.bool(16, m.renew);
  }
  if (m.id !== 0n) {
    w.name(8, m.id);
  }
}

export interface Answers {
  readonly answers: readonly Answer[];
}

export const Answers: MessageCodec<Answers> = messageCodec(readAnswers, writeAnswers, createAnswers, () => [
  { name: "answers", key: "answers", type: "message", repeated: true, message: Answer },
]);

function createAnswers(partial: Partial<Answers> = {}): Answers {
  return { answers: partial.answers ?? [] };
}

export function readAnswers(r: Reader): Answers {
  const answers: Answer[] = [];
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        answers.push(readAnswer(r));
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { answers };
}

export function writeAnswers(w: Writer, m: Answers): void {
  for (let i = m.answers.length - 1; i >= 0; i--) {
    const before = w.length;
    writeAnswer(w, m.answers[i] as Answer);
    w.prefix(10, before);
  }
}

export interface Answer {
  readonly kind: AnswerKind;
  readonly ttl: number;
  readonly grantedTtl: number;
  readonly keys: readonly Uint8Array[];
}

export const Answer: MessageCodec<Answer> = messageCodec(readAnswer, writeAnswer, createAnswer, () => [
  { name: "kind", key: "kind", type: "enum", values: AnswerKind },
  { name: "TTL", key: "ttl", type: "int64" },
  { name: "granted_TTL", key: "grantedTtl", type: "int64" },
  { name: "keys", key: "keys", type: "bytes", repeated: true },
]);

function createAnswer(partial: Partial<Answer> = {}): Answer {
  return {
    kind: partial.kind ?? 0,
    ttl: partial.ttl ?? 0,
    grantedTtl: partial.grantedTtl ?? 0,
    keys: partial.keys ?? [],
  };
}

export function readAnswer(r: Reader): Answer {
  let kind: Answer["kind"] = 0;
  let ttl: Answer["ttl"] = 0;
  let grantedTtl: Answer["grantedTtl"] = 0;
  const keys: Uint8Array[] = [];
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        kind = r.enumeration();
        break;
      case 16:
        ttl = r.int64();
        break;
      case 24:
        grantedTtl = r.int64();
        break;
      case 34:
        keys.push(r.bytes());
        break;
      default:
        r.skip(tag);
    }
  }
  return { kind, ttl, grantedTtl, keys };
}

export function writeAnswer(w: Writer, m: Answer): void {
  for (let i = m.keys.length - 1; i >= 0; i--) {
    w.bytes(34, m.keys[i] as Uint8Array);
  }
  if (m.grantedTtl !== 0) {
    w.int64(24, m.grantedTtl);
  }
  if (m.ttl !== 0) {
    w.int64(16, m.ttl);
  }
  if (m.kind !== 0) {
    w.enumeration(8, m.kind);
  }
}
