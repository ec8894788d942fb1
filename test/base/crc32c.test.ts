import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "../../src/base/crc32c.ts";
import fc from "../support/fast-check.ts";

test("RFC 3720's examples (appendix B.4) give their checksums", () => {
  const zeros = new Uint8Array(32);
  const ones = new Uint8Array(32).fill(0xff);
  const ascending = Uint8Array.from({ length: 32 }, (_, index) => index);
  assert.equal(crc32c(zeros), 0x8a9136aa);
  assert.equal(crc32c(ones), 0x62a8ab43);
  assert.equal(crc32c(ascending), 0x46dd794e);
  assert.equal(crc32c(ascending.toReversed()), 0x113fdb5c);
  assert.equal(crc32c(Buffer.from("123456789")), 0xe3069283);
});

test("eight bytes a step, any slice and any split give what one bit a step gives", () => {
  const bytes = fc.uint8Array({ maxLength: 70 });
  fc.assert(
    fc.property(bytes, bytes, bytes, (before, middle, after) => {
      const all = Buffer.concat([before, middle, after]);
      const end = before.length + middle.length;
      assert.equal(crc32c(all, 0, before.length, end), bitwise(middle));
      assert.equal(crc32c(middle, crc32c(before)), bitwise(all.subarray(0, end)));
    }),
  );
});

function bitwise(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}
