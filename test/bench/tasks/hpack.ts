import type { Bench } from "tinybench";
import { HpackDecoder, HpackEncoder } from "../../../src/grpc/hpack.ts";

const REQUEST: readonly string[] = [
  ...[":method", "POST", ":scheme", "http", ":path", "/etcdserverpb.KV/Range", ":authority", "127.0.0.1:2379"],
  ...["te", "trailers", "content-type", "application/grpc", "user-agent", "grpc-go/1.71.1"],
];

function encode(encoder: HpackEncoder, timeout: string): Buffer {
  for (let i = 0; i < REQUEST.length; i += 2) encoder.field(REQUEST[i] as string, REQUEST[i + 1] as string, "index");
  encoder.field("grpc-timeout", timeout, "plain");
  return encoder.finish();
}

function decoder(): HpackDecoder<readonly string[]> {
  return new HpackDecoder({ tableMaxBytes: 4_096, listMaxBytes: 16_384, interpret: (fields) => fields });
}

/** Header blocks of a gRPC request: the first on a connection, a repeated one, and one whose time-out differs each time. */
export function addTasks(bench: Bench): void {
  const warm = new HpackEncoder(4_096);
  const first = encode(new HpackEncoder(4_096), "5S");
  encode(warm, "5S");
  const repeated = encode(warm, "5S");
  const hot = decoder();
  hot.decode(first, 0, first.length);
  const varied = Array.from({ length: 1_024 }, (_, i) => encode(warm, `${4_000_000 + i}u`));
  let next = 0;

  bench.add("hpack: encode a request", () => {
    encode(warm, "5S");
  });
  bench.add("hpack: decode a connection's first request", () => {
    decoder().decode(first, 0, first.length);
  });
  bench.add("hpack: decode a repeated request", () => {
    hot.decode(repeated, 0, repeated.length);
  });
  bench.add("hpack: decode a request with a new time-out", () => {
    const block = varied[next++ & 1_023] as Buffer;
    hot.decode(block, 0, block.length);
  });
}
