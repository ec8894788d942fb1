import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterId, MemberId } from "../../src/base/ids.ts";
import { Prng } from "../../src/base/prng.ts";
import type { Clock } from "../../src/env/clock.ts";
import type { ByteStream, StreamHandler, StreamNetwork } from "../../src/env/streams.ts";
import { SILENT } from "../../src/env/trace.ts";
import { PeerSender } from "../../src/etcd/peer/sender.ts";

/** A network on which every dial waits to be refused, and a clock whose timers never fire. */
function deafWorld(): { network: StreamNetwork; clock: Clock; dials: StreamHandler[] } {
  const dials: StreamHandler[] = [];
  const stream: ByteStream = {
    remote: "nowhere",
    queuedBytes: 0,
    handle: (handler) => void dials.push(handler),
    write: () => true,
    pause: () => {},
    resume: () => {},
    end: () => {},
    destroy: () => {},
  };
  const network: StreamNetwork = {
    listen: () => Promise.reject(new Error("nobody listens here")),
    connect: () => stream,
  };
  const clock: Clock = { monotonicMs: () => 0, wallMs: () => 0, after: () => ({ cancel: () => {} }) };
  return { network, clock, dials };
}

test("a peer that has dialled us is dialled at once, not when the back-off is over; and never twice at a time", () => {
  const { network, clock, dials } = deafWorld();
  const lost: MemberId[] = [];
  const sender = new PeerSender({
    identity: { cluster: 1n as ClusterId, member: 1n as MemberId },
    peerUrls: [],
    peer: 2n as MemberId,
    addresses: [{ host: "127.0.0.1", port: 1 }],
    heartbeatMs: 100,
    electionMs: 1000,
    network,
    clock,
    trace: SILENT,
    prng: new Prng(1),
    unreachable: (peer) => lost.push(peer),
    removed: () => {},
  });
  assert.equal(dials.length, 1);
  sender.peerDialled();
  assert.equal(dials.length, 1, "a dial is under way");
  dials[0]?.closed(new Error("refused"));
  assert.deepEqual([dials.length, lost.length], [1, 1], "backing off");
  sender.peerDialled();
  assert.equal(dials.length, 2);
  sender.peerDialled();
  assert.equal(dials.length, 2);
  dials[1]?.closed(new Error("refused"));
  sender.close();
  sender.peerDialled();
  assert.equal(dials.length, 2, "closed");
});
