import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HpackDecoder, HpackEncoder, HpackError, type Indexing } from "../../src/grpc/hpack.ts";
import { huffmanDecode, huffmanDecodedMaxBytes, huffmanEncode, huffmanLength } from "../../src/grpc/huffman.ts";
import fc from "../support/fast-check.ts";

function decoder(tableMaxBytes = 4_096, listMaxBytes = 1_000_000): HpackDecoder<readonly string[]> {
  return new HpackDecoder({ tableMaxBytes, listMaxBytes, interpret: (fields) => fields });
}

function bytes(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(" ", ""), "hex");
}

/** RFC 7541, appendix C: blocks in order on one connection, each with its fields and the table's size behind it. */
interface Vector {
  readonly name: string;
  readonly tableBytes: number;
  readonly blocks: readonly { readonly hex: string; readonly fields: readonly string[]; readonly size: number }[];
}

const SINGLE: readonly Vector[] = [
  {
    name: "C.2.1 literal with indexing",
    tableBytes: 4096,
    blocks: [
      {
        hex: "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
        fields: ["custom-key", "custom-header"],
        size: 55,
      },
    ],
  },
  {
    name: "C.2.2 literal without indexing",
    tableBytes: 4096,
    blocks: [{ hex: "040c 2f73 616d 706c 652f 7061 7468", fields: [":path", "/sample/path"], size: 0 }],
  },
  {
    name: "C.2.3 literal never indexed",
    tableBytes: 4096,
    blocks: [{ hex: "1008 7061 7373 776f 7264 0673 6563 7265 74", fields: ["password", "secret"], size: 0 }],
  },
  {
    name: "C.2.4 indexed",
    tableBytes: 4096,
    blocks: [{ hex: "82", fields: [":method", "GET"], size: 0 }],
  },
];

const REQUESTS = [
  [":method", "GET", ":scheme", "http", ":path", "/", ":authority", "www.example.com"],
  [":method", "GET", ":scheme", "http", ":path", "/", ":authority", "www.example.com", "cache-control", "no-cache"],
  [
    ...[":method", "GET", ":scheme", "https", ":path", "/index.html", ":authority", "www.example.com"],
    ...["custom-key", "custom-value"],
  ],
] as const;

const DATE_21 = "Mon, 21 Oct 2013 20:13:21 GMT";
const DATE_22 = "Mon, 21 Oct 2013 20:13:22 GMT";
const LOCATION = "https://www.example.com";
const RESPONSES = [
  [":status", "302", "cache-control", "private", "date", DATE_21, "location", LOCATION],
  [":status", "307", "cache-control", "private", "date", DATE_21, "location", LOCATION],
  [
    ...[":status", "200", "cache-control", "private", "date", DATE_22, "location", LOCATION],
    ...["content-encoding", "gzip"],
    ...["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"],
  ],
] as const;

const SEQUENCES: readonly Vector[] = [
  {
    name: "C.3 requests without Huffman coding",
    tableBytes: 4096,
    blocks: [
      { hex: "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", fields: REQUESTS[0], size: 57 },
      { hex: "8286 84be 5808 6e6f 2d63 6163 6865", fields: REQUESTS[1], size: 110 },
      {
        hex: "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
        fields: REQUESTS[2],
        size: 164,
      },
    ],
  },
  {
    name: "C.4 requests with Huffman coding",
    tableBytes: 4096,
    blocks: [
      { hex: "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", fields: REQUESTS[0], size: 57 },
      { hex: "8286 84be 5886 a8eb 1064 9cbf", fields: REQUESTS[1], size: 110 },
      { hex: "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf", fields: REQUESTS[2], size: 164 },
    ],
  },
  {
    name: "C.5 responses without Huffman coding, with evictions",
    tableBytes: 256,
    blocks: [
      {
        hex:
          "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 " +
          "474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        fields: RESPONSES[0],
        size: 222,
      },
      { hex: "4803 3330 37c1 c0bf", fields: RESPONSES[1], size: 222 },
      {
        hex:
          "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 " +
          "666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 " +
          "3630 303b 2076 6572 7369 6f6e 3d31",
        fields: RESPONSES[2],
        size: 215,
      },
    ],
  },
  {
    name: "C.6 responses with Huffman coding, with evictions",
    tableBytes: 256,
    blocks: [
      {
        hex:
          "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 " +
          "63c7 8f0b 97c8 e9ae 82ae 43d3",
        fields: RESPONSES[0],
        size: 222,
      },
      { hex: "4883 640e ffc1 c0bf", fields: RESPONSES[1], size: 222 },
      {
        hex:
          "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 " +
          "b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
        fields: RESPONSES[2],
        size: 215,
      },
    ],
  },
];

describe("HPACK decodes RFC 7541's appendix C", () => {
  for (const vector of [...SINGLE, ...SEQUENCES]) {
    it(vector.name, () => {
      const hpack = decoder(vector.tableBytes);
      for (const block of vector.blocks) {
        const input = bytes(block.hex);
        assert.deepEqual(hpack.decode(input, 0, input.length), block.fields);
        assert.equal(hpack.tableBytes, block.size);
      }
    });
  }
});

describe("HPACK encodes RFC 7541's appendix C byte for byte", () => {
  for (const vector of SEQUENCES.filter(({ name }) => name.includes("with Huffman"))) {
    it(vector.name, () => {
      const encoder = new HpackEncoder(vector.tableBytes);
      for (const block of vector.blocks) {
        for (let i = 0; i < block.fields.length; i += 2) {
          encoder.field(block.fields[i] as string, block.fields[i + 1] as string, "index");
        }
        assert.equal(encoder.finish().toString("hex"), block.hex.replaceAll(" ", ""));
      }
    });
  }
});

const text = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 60,
});
const name = fc.oneof(
  fc.constantFrom(":path", "te", "grpc-timeout", "x"),
  text.filter((value) => value.length > 0),
);
const field = fc.record({
  name,
  value: fc.oneof(fc.constantFrom("", "1S", "trailers"), text),
  indexing: fc.constantFrom<Indexing>("index", "plain", "never"),
});
const step = fc.oneof(
  { weight: 5, arbitrary: fc.array(field, { maxLength: 8 }).map((fields) => ({ fields, limit: -1 })) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 5_000 }).map((limit) => ({ fields: [], limit })) },
);

describe("HPACK", () => {
  it("gives back what was encoded, through any table size, and again when a block is repeated", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const encoder = new HpackEncoder(4_096);
        const hpack = decoder();
        for (const { fields, limit } of steps) {
          if (limit >= 0) encoder.setPeerLimit(limit);
          const generation = encoder.generation;
          for (const { name, value, indexing } of fields) encoder.field(name, value, indexing);
          const block = encoder.finish();
          const expected = fields.flatMap(({ name, value }) => [name, value]);
          assert.deepEqual(hpack.decode(block, 0, block.length), expected);
          if (encoder.generation === generation) assert.deepEqual(hpack.decode(block, 0, block.length), expected);
        }
      }),
    );
  });

  it("decodes with its cache as a decoder without history does", () => {
    fc.assert(
      fc.property(fc.array(fc.array(field, { maxLength: 4 }), { maxLength: 12 }), (blocks) => {
        const encoder = new HpackEncoder(256);
        const hpack = decoder(256);
        const seen: Buffer[] = [];
        for (const fields of blocks) {
          for (const { name, value, indexing } of fields) encoder.field(name, value, indexing);
          const block = encoder.finish();
          seen.push(block);
          const fresh = decoder(256);
          let last: readonly string[] = [];
          for (const earlier of seen) last = fresh.decode(earlier, 0, earlier.length);
          assert.deepEqual(hpack.decode(block, 0, block.length), last);
        }
      }),
    );
  });

  it("never fails in another way than HpackError, whatever it is fed", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 }), (blocks) => {
        const hpack = decoder(256, 300);
        for (const block of blocks) {
          try {
            hpack.decode(Buffer.from(block), 0, block.length);
          } catch (error) {
            assert.ok(error instanceof HpackError, String(error));
            return;
          }
        }
      }),
    );
  });

  it("answers an identical block with the very same head", () => {
    const encoder = new HpackEncoder(4_096);
    const hpack = decoder();
    encoder.field("grpc-status", "0", "index");
    const first = encoder.finish();
    hpack.decode(first, 0, first.length);
    encoder.field("grpc-status", "0", "index");
    const second = encoder.finish();
    assert.equal(second.length, 1);
    assert.equal(hpack.decode(second, 0, 1), hpack.decode(second, 0, 1));
  });

  it("reports a field list above the limit without keeping it", () => {
    const hpack = new HpackDecoder({
      tableMaxBytes: 4_096,
      listMaxBytes: 100,
      interpret: (fields, tooLarge) => ({ fields, tooLarge }),
    });
    const encoder = new HpackEncoder(4_096);
    for (let i = 0; i < 10; i++) encoder.field(`name-${i}`, "value", "plain");
    const block = encoder.finish();
    const head = hpack.decode(block, 0, block.length);
    assert.equal(head.tooLarge, true);
    assert.equal(head.fields.length, 4);
  });
});

describe("HPACK refuses", () => {
  const refused: readonly (readonly [string, string])[] = [
    ["index 0", "80"],
    ["an index beyond the tables", "be"],
    ["a table size above the limit", "3fe21f"],
    ["a table size update behind a field", "8220"],
    ["an integer without end", "ff8080808080808001"],
    ["a cut-off integer", "ff80"],
    ["a cut-off string", "000561"],
    ["a missing value", "000161"],
    ["Huffman padding of eight bits", "00018161ffff".replace("8161", "82fa")],
    ["Huffman padding of zeros", "0001618100"],
    ["Huffman's end of string", "00016184ffffffff"],
  ];
  for (const [what, hex] of refused) {
    it(what, () => {
      const input = bytes(hex);
      assert.throws(() => decoder().decode(input, 0, input.length), HpackError);
    });
  }
});

describe("the Huffman code", () => {
  it("gives back what was encoded, in the announced length", () => {
    fc.assert(
      fc.property(text, (value) => {
        const length = huffmanLength(value);
        const coded = Buffer.alloc(length + 4);
        assert.equal(huffmanEncode(value, coded, 0), length);
        const decoded = Buffer.alloc(huffmanDecodedMaxBytes(length));
        const decodedLength = huffmanDecode(coded, 0, length, decoded);
        assert.equal(decoded.toString("latin1", 0, decodedLength), value);
      }),
    );
  });
});
