import { assert } from "../../../base/assert.ts";

/** One file of an archive. Folders come with their files. */
export interface TarFile {
  /** Relative, with "/": "dist/src/main.js". */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly executable: boolean;
}

const BLOCK_BYTES = 512;
const NAME_MAX_BYTES = 100;
const SIZE_MAX_BYTES: number = 512 * 1024 * 1024;

/**
 * A tar archive (POSIX ustar) of the files in the order of their names. Everything in it is root's and from 1970: equal files make
 * equal archives, so that a hash of one names its content and an engine finds the layers that it has already built.
 */
export function packTar(files: readonly TarFile[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const file of [...files].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    assert(file.bytes.length <= SIZE_MAX_BYTES, "a file of an archive is small enough", { name: file.name });
    parts.push(header(file), file.bytes, new Uint8Array(-file.bytes.length & (BLOCK_BYTES - 1)));
  }
  parts.push(new Uint8Array(2 * BLOCK_BYTES));
  return Buffer.concat(parts);
}

function header({ name, bytes, executable }: TarFile): Buffer {
  assert(Buffer.byteLength(name) <= NAME_MAX_BYTES, "an archive's names are short", { name });
  const block = Buffer.alloc(BLOCK_BYTES);
  block.write(name, 0);
  const octal = (value: number, offset: number, digits: number): void => {
    block.write(`${value.toString(8).padStart(digits, "0")}\0`, offset);
  };
  octal(executable ? 0o755 : 0o644, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(bytes.length, 124, 11);
  octal(0, 136, 11);
  block.write("0ustar\x0000", 156);
  // The sum of the header's bytes, with blanks where the sum itself stands.
  block.fill(" ", 148, 156);
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    6,
  );
  return block;
}
