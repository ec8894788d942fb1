/** A member's container over its starts and ends, and its log, with an engine that is played. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { type TestContext, test } from "node:test";
import type { Timer } from "../../../../src/env/clock.ts";
import type { EngineContainer } from "../../../../src/harness/cluster/docker/engine.ts";
import { LogFile } from "../../../../src/harness/cluster/docker/log-file.ts";
import { MemberContainer } from "../../../../src/harness/cluster/docker/member-container.ts";
import { temporaryDirectory } from "../support.ts";

/** The container as the engine keeps it. Its end is told to the member as an event, after the answer to the request. */
class PlayedEngine {
  running = false;
  paused = false;
  outOfMemory = false;
  pid = 100;
  readonly requests: string[] = [];
  readonly timers: (() => void)[] = [];
  readonly told: string[] = [];
  #log: (readonly [string, string])[] = [];
  readonly member: MemberContainer;
  readonly log: LogFile;

  constructor(t: TestContext) {
    const modem = {
      demuxStream: (stream: PassThrough, out: NodeJS.WritableStream) => stream.on("data", (bytes) => out.write(bytes)),
    };
    const container = this as unknown as EngineContainer;
    this.log = new LogFile(join(temporaryDirectory(t), "n1.log"), container, modem as never);
    this.member = new MemberContainer({
      member: "n1",
      container,
      log: this.log,
      clock: { monotonicMs: () => 0, wallMs: () => 0, after: (_, action) => this.#after(action) },
      started: (pid) => this.told.push(`started ${pid}`),
      exited: ({ code, signal, planned, crashed }) =>
        this.told.push(`ended ${signal ?? code}${planned ? " as asked" : ""}${crashed ? " by itself" : ""}`),
    });
  }

  async start(): Promise<void> {
    this.requests.push("start");
    assert.equal(this.running, false);
    this.running = true;
    this.pid++;
  }

  async kill(): Promise<void> {
    this.requests.push("kill");
    this.dies(137);
  }

  async stop(): Promise<void> {
    this.requests.push("stop");
    this.dies(0);
  }

  async pause(): Promise<void> {
    this.requests.push("pause");
    this.paused = true;
  }

  async unpause(): Promise<void> {
    this.requests.push("unpause");
    this.paused = false;
  }

  async inspect(): Promise<unknown> {
    return { State: { Running: this.running, Pid: this.running ? this.pid : 0, OOMKilled: this.outOfMemory } };
  }

  async logs({ since }: { readonly since: number }): Promise<PassThrough> {
    const stream = new PassThrough({ objectMode: true });
    for (const [stamp, text] of this.#log)
      if (Date.parse(stamp) / 1000 >= since) stream.write(Buffer.from(`${stamp} ${text}`));
    stream.end();
    return stream;
  }

  says(stamp: string, text: string): void {
    this.#log.push([stamp, text]);
  }

  dies(exitCode: number): void {
    assert.equal(this.paused, false, "a frozen process cannot end in order");
    this.running = false;
    setImmediate(() => this.member.died(exitCode));
  }

  #after(action: () => void): Timer {
    this.timers.push(action);
    return { cancel: () => this.timers.splice(this.timers.indexOf(action) >>> 0, 1) };
  }
}

async function turn(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

async function launched(t: TestContext): Promise<PlayedEngine> {
  const engine = new PlayedEngine(t);
  await engine.member.startFirst(() => engine.start());
  assert.equal(engine.member.pid, 101);
  return engine;
}

test("a member that somebody else kills is brought back, one that crashes stays down", async (t) => {
  const engine = await launched(t);
  engine.dies(137);
  await turn();
  assert.equal(engine.member.pid, null);
  engine.timers.splice(0).forEach((bringBack) => {
    bringBack();
  });
  await turn();
  assert.equal(engine.member.pid, 102);
  engine.dies(3);
  await turn();
  assert.deepEqual(engine.timers, []);
  assert.deepEqual(engine.told, ["started 101", "ended SIGKILL", "started 102", "ended 3 by itself"]);
});

test("a member that took more memory than it may have has crashed, though it was killed", async (t) => {
  const engine = await launched(t);
  engine.outOfMemory = true;
  engine.dies(137);
  await turn();
  assert.deepEqual(engine.told, ["started 101", "ended SIGKILL by itself"]);
  assert.deepEqual(engine.timers, []);
});

test("what is asked for happens in the order asked, also while it is being started, and an end that was asked for is no crash", async (t) => {
  const engine = await launched(t);
  const all = [
    engine.member.pause(),
    engine.member.kill(),
    engine.member.start(),
    engine.member.kill(),
    engine.member.kill(),
    engine.member.start(),
    engine.member.terminate(1000),
  ];
  await Promise.all(all);
  assert.deepEqual(engine.requests, ["start", "pause", "unpause", "kill", "start", "kill", "start", "stop"]);
  assert.deepEqual(engine.told, [
    "started 101",
    "ended SIGKILL as asked",
    "started 102",
    "ended SIGKILL as asked",
    "started 103",
    "ended 0 as asked",
  ]);
  assert.deepEqual(engine.timers, []);
});

test("after stop nothing brings it back, and a kill beats the restart that was due", async (t) => {
  const engine = await launched(t);
  engine.dies(137);
  await turn();
  assert.equal(engine.timers.length, 1);
  await engine.member.kill();
  assert.equal(engine.timers.length, 0);
  await engine.member.start();
  await engine.member.stop(1000);
  await engine.member.start();
  assert.equal(engine.member.pid, null);
  assert.equal(engine.running, false);
});

test("a first start that fails is told to who asked, and leaves the member down", async (t) => {
  const engine = new PlayedEngine(t);
  await assert.rejects(
    engine.member.startFirst(() => Promise.reject(new Error("port is already allocated"))),
    /already allocated/,
  );
  await engine.member.kill();
  assert.deepEqual(engine.requests, []);
  assert.deepEqual(engine.told, []);
});

test("a log has every line once, over restarts and after the end", async (t) => {
  const engine = new PlayedEngine(t);
  const second = "2026-11-22T20:54:33";
  engine.says(`${second}.000000001Z`, "first\n");
  await engine.member.startFirst(() => engine.start());
  await engine.log.ended;
  engine.says(`${second}.000000002Z`, "second, in the same second\n");
  await engine.member.kill();
  await engine.log.ended;
  await engine.member.start();
  engine.says("2026-11-22T20:54:35.000000000Z", "third\n");
  await engine.member.kill();
  await engine.log.ended;
  assert.equal(readFileSync(engine.log.path, "utf8"), "first\nsecond, in the same second\nthird\n");
});
