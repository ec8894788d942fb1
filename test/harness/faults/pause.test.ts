import assert from "node:assert/strict";
import { request } from "node:http";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Prng } from "../../../src/base/prng.ts";
import type { Cluster } from "../../../src/harness/cluster/cluster.ts";
import { logTail, ManagedProcess } from "../../../src/harness/cluster/process.ts";
import { ProcessRegistry } from "../../../src/harness/cluster/registry.ts";
import type { FaultContext } from "../../../src/harness/faults/fault.ts";
import { Pause } from "../../../src/harness/faults/pause.ts";
import { eventually, temporaryDirectory } from "../cluster/support.ts";

const timeout = 30_000;

/** Answers every request with its revision, as long as it runs, and prints its port. */
const MEMBER = `
require("node:http").createServer((_, answer) => answer.end("7")).listen(0, "127.0.0.1", function () {
  console.log(this.address().port);
});`;

/** Three members, of which n2 leads and is a process of its own; the others are only names. */
async function scene(t: TestContext): Promise<{ context: FaultContext; answers: () => Promise<boolean> }> {
  let child: ManagedProcess | null = null;
  const runDir = temporaryDirectory(t, () => child?.kill());
  const registry = new ProcessRegistry(runDir, { keepData: false });
  const command = [process.execPath, "-e", MEMBER];
  const n2 = ManagedProcess.start({ name: "n2", command, logFile: join(runDir, "n2.log"), registry });
  child = n2;
  await eventually(() => Number(logTail(n2.logFile)) > 0);
  const port = Number(logTail(n2.logFile));
  const cluster = {
    get members() {
      const pid = n2.exit === null ? n2.pid : null;
      return ["n1", "n2", "n3"].map((name) => ({ name, pid: name === "n2" ? pid : 1 }));
    },
    leader: async () => ({ member: "n2", term: 3 }),
    revisions: async () => ({ n1: 7, n2: await ask(port, 300), n3: 7 }),
    pause: async (name: string) => (name === "n2" ? n2.pause() : undefined),
    resume: async (name: string) => (name === "n2" ? n2.resume() : undefined),
  } as unknown as Cluster;
  const context = { cluster, prng: new Prng(1) } as unknown as FaultContext;
  return { context, answers: async () => (await ask(port, timeout)) === 7 };
}

/** Null when nothing comes in time. */
function ask(port: number, limitMs: number): Promise<number | null> {
  return new Promise((resolve) => {
    const outgoing = request({ host: "127.0.0.1", port, agent: false, timeout: limitMs }, (incoming) => {
      let text = "";
      incoming.on("data", (part: Buffer) => {
        text += part.toString();
      });
      incoming.on("end", () => resolve(Number(text)));
    });
    outgoing.on("timeout", () => outgoing.destroy());
    outgoing.on("error", () => resolve(null));
    outgoing.end();
  });
}

test("a paused leader is a process that does nothing, which is proven, until it is healed", { timeout }, async (t) => {
  const { context, answers } = await scene(t);
  const fault = new Pause("pause-leader", "leader");
  const injected = await fault.inject(context);
  assert.deepEqual(injected.members, ["n2"]);
  assert.match(injected.description, /^leader n2 paused/);
  assert.equal(await injected.verify(), null);
  await fault.heal();
  assert.ok(await answers());
  // Once more does no harm.
  await fault.heal();
});

test("a member that is down cannot be paused, and one that ends while it is paused has not been", {
  timeout,
}, async (t) => {
  const { context } = await scene(t);
  const pid = context.cluster.members[1]?.pid as number;
  const fault = new Pause("pause-leader", "leader");
  const injected = await fault.inject(context);
  assert.equal(injected.lasted?.(), null);
  process.kill(pid, "SIGKILL");
  await eventually(() => context.cluster.members[1]?.pid === null);
  assert.equal(injected.lasted?.(), "n2 ended while it was paused");
  await fault.heal();
  const late = new Pause("pause-leader-2", "leader");
  await assert.rejects(late.inject(context), /^Error: n2 is down/);
  await late.heal();
});

test("a follower is one of the others", { timeout }, async (t) => {
  const { context } = await scene(t);
  const { members } = await new Pause("pause-follower", "follower").inject(context);
  assert.ok(members[0] === "n1" || members[0] === "n3", String(members));
});

test("a pause that does not take is told", { timeout }, async (t) => {
  const { context } = await scene(t);
  const fault = new Pause("pause-leader", "leader");
  const revisions = async (): Promise<Record<string, number>> => ({ n1: 7, n2: 9, n3: 7 });
  const injected = await fault.inject({
    ...context,
    cluster: { ...context.cluster, revisions, pause: async () => {} },
  });
  assert.equal(await injected.verify(), "n2 still answers, with revision 9");
  await fault.heal();
});

test("without a leader nobody is paused, and there is nothing to heal", { timeout }, async (t) => {
  const { context, answers } = await scene(t);
  const fault = new Pause("pause-leader", "leader");
  await assert.rejects(
    fault.inject({ ...context, cluster: { ...context.cluster, leader: async () => null } }),
    /there is no leader, so no leader to choose/,
  );
  await fault.heal();
  assert.ok(await answers());
});
