import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { endsWithUs } from "../../support/belongings.ts";
import type { Pauses } from "./pause-meter.ts";

const options = { timeout: 60_000, skip: process.platform === "linux" ? false : "the meter reads Linux' /proc" };
const METER = new URL("./pause-meter.js", import.meta.url).href;

/** Idle until it is told to stand still: `busy`, for so many milliseconds on a core; `blocked`, for so many by the clock. */
const SCRIPT = `
  import { readFileSync } from "node:fs";
  const onCoreMs = () => Number(readFileSync("/proc/thread-self/schedstat", "latin1").split(" ")[0]) / 1e6;
  const nobody = new Int32Array(new SharedArrayBuffer(4));
  process.on("message", ({ busy, blocked }) => {
    if (busy !== undefined) for (const end = onCoreMs() + busy; onCoreMs() < end; );
    if (blocked !== undefined) Atomics.wait(nobody, 0, 0, blocked);
    if (busy !== undefined || blocked !== undefined) process.send("done");
  });
  setInterval(() => {}, 60_000);
  process.send("ready");
`;

async function idleProcess(t: TestContext): Promise<ChildProcess> {
  const child = spawn(process.execPath, ["--import", METER, "--input-type=module", "--eval", SCRIPT], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  endsWithUs(child);
  t.after(() => child.kill("SIGKILL"));
  await once(child, "message");
  await pausesOf(child);
  return child;
}

async function pausesOf(child: ChildProcess): Promise<Pauses> {
  return (await told(child, "pauses")) as Pauses;
}

async function told(child: ChildProcess, message: string | object): Promise<unknown> {
  const answer = once(child, "message");
  child.send(message);
  return (await answer)[0];
}

test("a pause on a core counts in full, and the next answer begins anew", options, async (t) => {
  const child = await idleProcess(t);
  await told(child, { busy: 300 });
  const { wallMs, ownMs, onCoreMs, longCount } = await pausesOf(child);
  assert.ok(onCoreMs >= 300 && ownMs >= 300 && wallMs >= ownMs && longCount >= 1, `${wallMs} ${ownMs} ${onCoreMs}`);
  const { wallMs: nextMs } = await pausesOf(child);
  assert.ok(nextMs < wallMs, `${nextMs} after ${wallMs}`);
});

test("a loop that is blocked without a core stands still as well", options, async (t) => {
  const child = await idleProcess(t);
  await told(child, { blocked: 200 });
  const { ownMs, onCoreMs } = await pausesOf(child);
  assert.ok(ownMs >= 195 && onCoreMs < 100, `${ownMs} ${onCoreMs}`);
});

test("being woken late when there was nothing to do is no pause of its own", options, async (t) => {
  const child = await idleProcess(t);
  let least = 1;
  // Now and then it is stopped while the meter looks, or its answer is still on its way: then it was not idle.
  for (let turn = 0; turn < 8; turn++) {
    await delay(20);
    child.kill("SIGSTOP");
    await delay(100);
    child.kill("SIGCONT");
    const { wallMs, ownMs } = await pausesOf(child);
    assert.ok(wallMs >= 90, `stopped for 100 ms, not ${wallMs}`);
    least = Math.min(least, ownMs / wallMs);
  }
  assert.ok(least < 0.5, `${least}`);
});
