/** What 64-bit integers are made of here: two words of 32 bits, seen as one of 64 by the cheapest way there is to a bigint. */
export const words: Uint32Array = new Uint32Array(2);
export const signedWord: BigInt64Array = new BigInt64Array(words.buffer);
export const unsignedWord: BigUint64Array = new BigUint64Array(words.buffer);
export const LOW: 0 | 1 = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 0 : 1;
export const HIGH: 0 | 1 = LOW === 0 ? 1 : 0;

export const TWO_32: number = 2 ** 32;
/** Strings up to this length are turned unit by unit: calling into the engine's coder costs more. */
export const SHORT_STRING_LENGTH = 64;
