import { assert } from "../../base/assert.ts";
import { decimal } from "./keys.ts";

const PADDING = 46;
const FOREIGN_SHOWN_BYTES = 48;
/** The digits of the largest id. */
const HEAD_MAX_BYTES = 10;
const ID_MAX = 0x7fffffff;
const decoder = new TextDecoder();

/** Values that name the put that wrote them: its id in digits, then dots up to the size asked for. */
export class Values {
  readonly #template: Uint8Array;
  /** What `write` returns: one buffer for all puts. */
  readonly #scratch: Uint8Array;
  #headBytes = 0;

  constructor(valueBytes: number) {
    assert(valueBytes >= HEAD_MAX_BYTES, "a value has room for every id", { valueBytes });
    this.#template = new Uint8Array(valueBytes).fill(PADDING);
    this.#scratch = this.#template.slice();
  }

  /** The value of put `id`; overwritten by the next call. */
  write(id: number): Uint8Array {
    const head = String(id);
    this.#scratch.fill(PADDING, 0, this.#headBytes);
    for (let at = 0; at < head.length; at++) this.#scratch[at] = head.charCodeAt(at);
    this.#headBytes = head.length;
    return this.#scratch;
  }

  /** The id of the put that wrote exactly this value, -1 when none could have. */
  read(value: Uint8Array): number {
    if (value.length !== this.#template.length) return -1;
    let end = 0;
    while (end < value.length && value[end] !== PADDING) end++;
    if (end === 0 || (end > 1 && value[0] === 48)) return -1;
    const id = decimal(value, 0, end);
    if (id < 0 || id > ID_MAX) return -1;
    return Buffer.compare(value.subarray(end), this.#template.subarray(end)) === 0 ? id : -1;
  }
}

/** How a key or value that is not ours is written down: its beginning, and its length so that a damaged value of ours differs. */
export function foreignText(bytes: Uint8Array): string {
  return `${decoder.decode(bytes.subarray(0, FOREIGN_SHOWN_BYTES))} (${bytes.length} bytes, not written by this run)`;
}
