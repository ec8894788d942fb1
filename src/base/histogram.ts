import { assert } from "./assert.ts";

/** Buckets an octave: neighbouring edges lie less than 0.8 % apart, and a bucket's middle within 0.4 % of what it holds. */
const SUBBUCKET_BITS = 7;
/** In nanoseconds: everything below 512 ns shares the first bucket, everything from 73 minutes on the last. */
const LOWEST_EXPONENT = 9;
const HIGHEST_EXPONENT = 42;
const FIRST_PATTERN: number = (1023 + LOWEST_EXPONENT) << SUBBUCKET_BITS;
const BUCKETS: number = ((HIGHEST_EXPONENT - LOWEST_EXPONENT) << SUBBUCKET_BITS) + 1;

const scratch = new DataView(new ArrayBuffer(8));

/** A run of neighbouring values, `lower` inclusive, `upper` exclusive. */
export interface HistogramBucket {
  readonly lower: number;
  readonly upper: number;
  readonly count: number;
}

/**
 * A log-linear histogram of latencies in nanoseconds, for 1 us to 1 h: constant memory (33 KiB), mergeable, quantiles within
 * 0.4 %. A double's exponent and first mantissa bits, read as one integer, are already a log-linear scale: they are the bucket.
 */
export class Histogram {
  readonly #counts: Float64Array = new Float64Array(BUCKETS);
  #count = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;

  /** Values must not be negative. */
  record(value: number): void {
    assert(value >= 0, "a latency is not negative", { value });
    const index = bucketOf(value);
    this.#counts[index] = (this.#counts[index] as number) + 1;
    this.#count += 1;
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
  }

  merge(other: Histogram): void {
    for (let i = 0; i < BUCKETS; i++) this.#counts[i] = (this.#counts[i] as number) + (other.#counts[i] as number);
    this.#count += other.#count;
    this.#min = Math.min(this.#min, other.#min);
    this.#max = Math.max(this.#max, other.#max);
  }

  get count(): number {
    return this.#count;
  }

  /** Exact; 0 when empty. */
  get max(): number {
    return this.#max;
  }

  /** The value that a share `q` of all values does not exceed (nearest rank), within 0.4 %. Must not be empty. */
  quantile(q: number): number {
    assert(q >= 0 && q <= 1, "a quantile lies in [0, 1]", { q });
    assert(this.#count > 0, "an empty histogram has no quantiles");
    let left = Math.max(1, Math.ceil(q * this.#count));
    for (let i = 0; i < BUCKETS; i++) {
      left -= this.#counts[i] as number;
      if (left > 0) continue;
      const middle = (lowerEdge(i) + lowerEdge(i + 1)) / 2;
      return Math.min(this.#max, Math.max(this.#min, middle));
    }
    throw new Error("counts and total disagree");
  }

  /**
   * The buckets that hold anything, ascending, `perOctave` (a power of two up to 128) for each doubling: at 128 the whole
   * histogram, at less a coarser picture of it.
   */
  sparse(perOctave: number = 1 << SUBBUCKET_BITS): readonly HistogramBucket[] {
    const width = (1 << SUBBUCKET_BITS) / perOctave;
    assert(Number.isInteger(width) && width >= 1, "buckets divide evenly", { perOctave });
    const out: HistogramBucket[] = [];
    if ((this.#counts[0] as number) > 0) out.push({ lower: 0, upper: lowerEdge(1), count: this.#counts[0] as number });
    for (let i = 1; i < BUCKETS; i += width) {
      let count = 0;
      for (let j = i; j < i + width; j++) count += this.#counts[j] as number;
      if (count > 0) out.push({ lower: lowerEdge(i), upper: lowerEdge(i + width), count });
    }
    return out;
  }
}

function bucketOf(value: number): number {
  scratch.setFloat64(0, value);
  const index = (scratch.getInt32(0) >>> (20 - SUBBUCKET_BITS)) - FIRST_PATTERN + 1;
  if (index < 0) return 0;
  return index < BUCKETS ? index : BUCKETS - 1;
}

function lowerEdge(index: number): number {
  if (index === 0) return 0;
  scratch.setInt32(0, (index - 1 + FIRST_PATTERN) << (20 - SUBBUCKET_BITS));
  scratch.setInt32(4, 0);
  return scratch.getFloat64(0);
}
