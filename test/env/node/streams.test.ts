import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nodeStreams } from "../../../src/env/node/streams.ts";
import type { ByteStream } from "../../../src/env/streams.ts";

const ANY = { host: "127.0.0.1", port: 0 };

/** Everything a stream receives until it closes. */
function receive(stream: ByteStream): Promise<{ readonly bytes: Buffer; readonly error: Error | null }> {
  return new Promise((resolve) => {
    const parts: Uint8Array[] = [];
    stream.handle({
      data: (bytes) => parts.push(bytes),
      closed: (error) => resolve({ bytes: Buffer.concat(parts), error }),
    });
  });
}

describe("TCP streams", () => {
  it("carry bytes in order both ways and end in order", async () => {
    const answer = Buffer.alloc(3_000_000, "answer");
    const listener = await nodeStreams.listen(ANY, (stream) => {
      stream.handle({
        data() {
          stream.write(answer);
          stream.end();
        },
        closed() {},
      });
    });
    const client = nodeStreams.connect(listener.address);
    const received = receive(client);
    client.write(Buffer.from("question"));
    const { bytes, error } = await received;
    assert.equal(error, null);
    assert.equal(Buffer.compare(bytes, answer), 0);
    await listener.close();
  });

  it("queue what a paused receiver does not take, and say when it has drained", async () => {
    let accepted: ByteStream | null = null;
    let received = 0;
    const listener = await nodeStreams.listen(ANY, (stream) => {
      accepted = stream;
      stream.handle({ data: (bytes) => (received += bytes.length), closed() {} });
      stream.pause();
    });
    const client = nodeStreams.connect(listener.address);
    const total = 64 * 1024 * 1024;
    await new Promise<void>((resolve) => {
      client.handle({
        data() {},
        connected() {
          assert.equal(client.write(Buffer.alloc(total)), false);
          setImmediate(() => {
            assert.ok(client.queuedBytes > 0);
            const resume = (): void => {
              if (accepted === null) setImmediate(resume);
              else accepted.resume();
            };
            resume();
          });
        },
        drained: () => resolve(),
        closed() {},
      });
    });
    assert.equal(client.queuedBytes, 0);
    while (received < total) await new Promise((resolve) => setImmediate(resolve));
    client.destroy();
    await listener.close();
  });

  it("report a refused connection once, with the system's code", async () => {
    const listener = await nodeStreams.listen(ANY, () => {});
    await listener.close();
    const { error } = await receive(nodeStreams.connect(listener.address));
    assert.equal((error as NodeJS.ErrnoException).code, "ECONNREFUSED");
  });

  it("reject a port that is taken", async () => {
    const listener = await nodeStreams.listen(ANY, () => {});
    await assert.rejects(
      nodeStreams.listen(listener.address, () => {}),
      { code: "EADDRINUSE" },
    );
    await listener.close();
  });
});
