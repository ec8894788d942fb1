import assert from "node:assert/strict";
import net from "node:net";
import { after, describe, it } from "node:test";
import tls from "node:tls";
import { nodeStreams } from "../../../src/env/node/streams.ts";
import { type TlsOptions, tlsStreams } from "../../../src/env/node/streams-tls.ts";
import type { ByteStream, StreamAddress, StreamListener } from "../../../src/env/streams.ts";
import { CA, CLIENT, SERVER, STRANGER } from "../../support/tls.ts";

const ANY = { host: "127.0.0.1", port: 0 };

const listeners: StreamListener[] = [];
after(() => Promise.all(listeners.map((listener) => listener.close())));

interface Served {
  readonly address: StreamAddress;
  /** Streams handed out so far. */
  accepted(): number;
  /** The first handshake that failed. */
  readonly failed: Promise<Error>;
  readonly listener: StreamListener;
}

/** A server that sends back what it gets. */
async function serve(options: TlsOptions = SERVER): Promise<Served> {
  let accepted = 0;
  let handshakeFailed = (_remote: string, _error: Error): void => {};
  const failed = new Promise<Error>((resolve) => {
    handshakeFailed = (_remote, error) => resolve(error);
  });
  const listener = await tlsStreams({ ...options, handshakeFailed }).listen(ANY, (stream) => {
    accepted++;
    stream.handle({ data: (bytes) => stream.write(bytes), closed() {} });
  });
  listeners.push(listener);
  return { address: listener.address, accepted: () => accepted, failed, listener };
}

interface Ended {
  readonly connected: boolean;
  readonly text: string;
  readonly code: string | undefined;
}

/** Says "hello" and hangs up when it has come back, or hears how the stream ended. */
function hello(stream: ByteStream): Promise<Ended> {
  return new Promise((resolve) => {
    let connected = false;
    let text = "";
    stream.handle({
      connected: () => {
        connected = true;
      },
      data: (bytes) => {
        text += Buffer.from(bytes).toString();
        if (text === "hello") stream.end();
      },
      closed: (error) => resolve({ connected, text, code: (error as NodeJS.ErrnoException | null)?.code }),
    });
    stream.write(Buffer.from("hello"));
  });
}

const GREETED: Ended = { connected: true, text: "hello", code: undefined };

describe("TLS streams", () => {
  it("carry bytes in order both ways, more than any queue holds", async () => {
    const sent = Buffer.alloc(5_000_000);
    for (let i = 0; i < sent.length; i++) sent[i] = (i * 7919) >>> 4;
    const { address } = await serve();
    const stream = tlsStreams({ ca: CA }).connect(address);
    const parts: Uint8Array[] = [];
    let length = 0;
    await new Promise<void>((resolve, reject) => {
      stream.handle({
        data: (bytes) => {
          parts.push(bytes);
          length += bytes.length;
          if (length === sent.length) stream.end();
        },
        closed: (error) => (error === null ? resolve() : reject(error)),
      });
      assert.equal(stream.write(sent), false);
      assert.ok(stream.queuedBytes > 0);
    });
    assert.equal(Buffer.compare(Buffer.concat(parts), sent), 0);
  });

  it("reject a port that is taken", async () => {
    const { address } = await serve();
    await assert.rejects(
      tlsStreams(SERVER).listen(address, () => {}),
      { code: "EADDRINUSE" },
    );
  });

  it("agree to h2 and HTTP/1.1, h2 first, and serve who names no protocol", async () => {
    const { address } = await serve();
    const agreed = (ALPNProtocols: string[] | undefined): Promise<string | false | null> =>
      new Promise((resolve, reject) => {
        const socket = tls.connect({ ...address, ca: CA, ...(ALPNProtocols === undefined ? {} : { ALPNProtocols }) });
        socket.on("error", reject);
        socket.on("data", () => {
          resolve(socket.alpnProtocol);
          socket.destroy();
        });
        socket.write("hello");
      });
    assert.equal(await agreed(["http/1.1", "h2"]), "h2");
    assert.equal(await agreed(["http/1.1"]), "http/1.1");
    assert.equal(await agreed(undefined), false);
    await assert.rejects(agreed(["spdy/3"]), /no application protocol/);
  });

  it("throw for what is no certificate", () => {
    assert.throws(() => tlsStreams({ key: SERVER.key, cert: "nonsense" }));
    assert.throws(() => tlsStreams({ key: CLIENT.key, cert: SERVER.cert }));
  });
});

describe("a TLS client", () => {
  it("believes a certificate of its authority, by address and by name", async () => {
    const { address } = await serve();
    assert.deepEqual(await hello(tlsStreams({ ca: CA }).connect(address)), GREETED);
    assert.deepEqual(await hello(tlsStreams({ ca: CA }).connect({ host: "localhost", port: address.port })), GREETED);
    assert.deepEqual(await hello(tlsStreams({ ca: CA, serverName: "localhost" }).connect(address)), GREETED);
  });

  it("refuses one of an authority that it does not know", async () => {
    const { address } = await serve();
    const unknown = await hello(tlsStreams({}).connect(address));
    assert.deepEqual(unknown, { connected: false, text: "", code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" });
    const stranger = await serve(STRANGER);
    const self = await hello(tlsStreams({ ca: CA }).connect(stranger.address));
    assert.deepEqual(self, { connected: false, text: "", code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
    assert.equal(stranger.accepted(), 0);
  });

  it("refuses one that is made out to somebody else", async () => {
    const { address } = await serve();
    const ended = await hello(tlsStreams({ ca: CA, serverName: "elsewhere.test" }).connect(address));
    assert.deepEqual(ended, { connected: false, text: "", code: "ERR_TLS_CERT_ALTNAME_INVALID" });
  });

  it("believes anything when it is told to", async () => {
    const { address } = await serve(STRANGER);
    assert.deepEqual(await hello(tlsStreams({ verifyServer: false }).connect(address)), GREETED);
  });

  it("hears of a port that nobody listens on", async () => {
    const { address, listener } = await serve();
    await listener.close();
    assert.equal((await hello(tlsStreams({ ca: CA }).connect(address))).code, "ECONNREFUSED");
  });

  it("gives up on a server that speaks no TLS, and on one that says nothing", async () => {
    const plain = await nodeStreams.listen(ANY, (stream) => {
      stream.handle({ data: () => stream.write(Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")), closed() {} });
    });
    const mute = await nodeStreams.listen(ANY, (stream) => stream.handle({ data() {}, closed() {} }));
    listeners.push(plain, mute);
    const refused = await hello(tlsStreams({ ca: CA }).connect(plain.address));
    assert.equal(refused.connected, false);
    assert.match(String(refused.code), /^(EPROTO|ERR_SSL_.*)$/);
    const stream = tlsStreams({ ca: CA, handshakeTimeoutMs: 30 }).connect(mute.address);
    const error = await new Promise<Error | null>((resolve) => stream.handle({ data() {}, closed: resolve }));
    assert.match(String(error), /handshake took too long/);
  });
});

describe("a TLS listener", () => {
  const careful: TlsOptions = { ...SERVER, ca: CA, requireClientCert: true };

  it("that asks for certificates serves only those of its authority", async () => {
    const { address, accepted } = await serve(careful);
    assert.deepEqual(await hello(tlsStreams({ ca: CA, ...CLIENT }).connect(address)), GREETED);
    assert.equal(accepted(), 1);
    for (const pair of [{}, STRANGER]) {
      const { text } = await hello(tlsStreams({ ca: CA, ...pair }).connect(address));
      assert.equal(text, "");
    }
    assert.equal(accepted(), 1);
  });

  it("cannot ask for certificates without an authority, or listen without a certificate", () => {
    assert.throws(() => tlsStreams({ ...SERVER, requireClientCert: true }).listen(ANY, () => {}), /authority/);
    assert.throws(() => tlsStreams({ ca: CA }).listen(ANY, () => {}), /a key and a certificate/);
  });

  it("survives garbage, hang-ups and silence, reports them, and hands out no stream", async () => {
    const { address, accepted, failed } = await serve();
    const socket = net.connect(address.port, address.host, () => socket.write("GET /health HTTP/1.1\r\n\r\n"));
    await new Promise((resolve) => socket.on("close", resolve).on("error", () => {}));
    assert.match(String(await failed), /SSL routines/);
    assert.deepEqual(await hello(tlsStreams({ ca: CA }).connect(address)), GREETED);

    const left = await serve();
    const hasty = net.connect(left.address.port, left.address.host, () => hasty.resetAndDestroy());
    assert.equal(((await left.failed) as NodeJS.ErrnoException).code, "ECONNRESET");

    const patient = await serve({ ...SERVER, handshakeTimeoutMs: 30 });
    const mute = net.connect(patient.address.port, patient.address.host);
    await new Promise((resolve) => mute.on("close", resolve).on("error", () => {}));
    assert.equal(((await patient.failed) as NodeJS.ErrnoException).code, "ERR_TLS_HANDSHAKE_TIMEOUT");
    assert.deepEqual([accepted(), left.accepted(), patient.accepted()], [1, 0, 0]);
  });

  it("closes connections above its limit of handshakes, and only those", async () => {
    const { address } = await serve({ ...SERVER, maxHandshakes: 1 });
    assert.deepEqual(await hello(tlsStreams({ ca: CA }).connect(address)), GREETED);
    // The first connection never says a word, so the second finds no room; when the first is gone there is room again.
    const mute = net.connect(address.port, address.host);
    await new Promise((resolve) => mute.on("connect", resolve));
    const { connected } = await hello(tlsStreams({ ca: CA }).connect(address));
    assert.equal(connected, false);
    mute.destroy();
    while (!(await hello(tlsStreams({ ca: CA }).connect(address))).connected);
  });

  it("ends unfinished handshakes when it closes, and leaves streams to their owners", async () => {
    const { address, listener } = await serve();
    const stream = tlsStreams({ ca: CA }).connect(address);
    let received = "";
    const ended = new Promise<Error | null>((resolve) => {
      stream.handle({
        data: (bytes) => {
          received += Buffer.from(bytes).toString();
          if (received === "first") dial();
          else if (received === "firstsecond") stream.end();
        },
        closed: resolve,
      });
    });
    stream.write(Buffer.from("first"));
    const dial = (): void => {
      const mute = net.connect(address.port, address.host, () => {
        // Connections are accepted in order: once another stream is up, the listener has this one too.
        void hello(tlsStreams({ ca: CA }).connect(address)).then(() => listener.close());
      });
      mute.on("error", () => {});
      mute.on("close", () => stream.write(Buffer.from("second")));
    };
    assert.equal(await ended, null);
    assert.equal(received, "firstsecond");
  });
});
