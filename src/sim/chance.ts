import { Prng } from "../base/prng.ts";

/** A stream of chance for one consumer: what the others draw does not shift it, so that shorter schedules stay alike. */
export function chanceOf(seed: number, consumer: string): Prng {
  let hash = 0x811c9dc5;
  for (let i = 0; i < consumer.length; i++) hash = Math.imul(hash ^ consumer.charCodeAt(i), 0x01000193) >>> 0;
  return new Prng((seed % 2 ** 20) * 2 ** 32 + ((hash ^ seed) >>> 0));
}
