/** A client that asks for a member with a leader, by metadata, is sent away when there has been none for three election times. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LedStreams } from "../../src/etcd/api/led-streams.ts";
import type { GrpcError } from "../../src/grpc/status.ts";
import { ManualClock } from "../support/members.ts";

const ELECTION_MS = 1000;

function makeLed() {
  const state = { hasLeader: true };
  const clock = new ManualClock();
  const led = new LedStreams({ clock, electionMs: ELECTION_MS, hasLeader: () => state.hasLeader });
  const ended: string[] = [];
  const open = (name: string, metadata: Readonly<Record<string, string>>) => {
    const stream = {
      metadata: new Map(Object.entries(metadata)),
      end: ({ message }: GrpcError) => {
        led.remove(stream);
        ended.push(`${name}: ${message}`);
      },
    };
    return { stream, isAdmitted: led.admit(stream) };
  };
  const pass = (elections: number): void => {
    const untilMs = clock.nowMs + elections * ELECTION_MS;
    while (clock.runNext(untilMs)) {}
    clock.nowMs = untilMs;
  };
  return { state, led, ended, open, pass, clock };
}

test("without a leader such a stream is refused, and any other one is not", () => {
  const { state, open, ended } = makeLed();
  state.hasLeader = false;
  assert.equal(open("asks", { hasleader: "true" }).isAdmitted, false);
  assert.equal(open("does not", {}).isAdmitted, true);
  assert.equal(open("says no", { hasleader: "false" }).isAdmitted, true);
  assert.deepEqual(ended, ["asks: etcdserver: no leader"]);
});

test("running ones end after three looks in a row without a leader; a leader in between starts the count anew", () => {
  const { state, open, pass, ended } = makeLed();
  open("a", { hasleader: "true" });
  open("b", { hasleader: "true" });
  open("c", {});
  pass(5);
  state.hasLeader = false;
  pass(2);
  state.hasLeader = true;
  pass(1);
  state.hasLeader = false;
  pass(2);
  assert.deepEqual(ended, []);
  pass(1);
  assert.deepEqual(ended, ["a: etcdserver: no leader", "b: etcdserver: no leader"]);
});

test("no timer is left when the last such stream is over", () => {
  const { led, open, clock } = makeLed();
  const { stream } = open("a", { hasleader: "true" });
  open("b", { hasleader: "true" });
  led.remove(stream);
  assert.ok(clock.runNext(clock.nowMs + ELECTION_MS));
  led.close();
  assert.ok(!clock.runNext(Number.POSITIVE_INFINITY));
});
