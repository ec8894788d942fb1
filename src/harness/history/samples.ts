import { assert } from "../../base/assert.ts";
import { Histogram } from "../../base/histogram.ts";
import type { RunEvent } from "../model/events.ts";
import type { HistoryRecord, OperationRecord, WatchEventRecord } from "../model/history.ts";
import { OPERATION_CLASSES, type OperationClass, type Phase } from "../model/plan.ts";
import type {
  CapacitySummary,
  ClassSummary,
  Distribution,
  LatencySummary,
  Outage,
  Samples,
  SeriesPoint,
  WindowSummary,
} from "../model/samples.ts";

/** Fewer samples than these say nothing about a percentile. */
const P50_SAMPLES_MIN = 10;
const P99_SAMPLES_MIN = 1000;
const P999_SAMPLES_MIN = 10_000;
/** A chart's column may be rougher: a line of hints, not a figure. */
const SERIES_P99_SAMPLES_MIN = 100;

const SERIES_BUCKETS_NS = [250e6, 500e6, 1e9, 2e9, 5e9, 10e9, 30e9, 60e9, 600e9];
const SERIES_COLUMNS_MAX = 240;
const DISTRIBUTION_PER_OCTAVE = 8;

/** What the history does not say, handed in by whoever ran the load. CPU in microseconds over the phase, null where unknown. */
export interface SamplesInput
  extends Pick<Samples, "run" | "command" | "startedAt" | "durationNs" | "environment" | "unsent"> {
  readonly phases: readonly Phase[];
  readonly events: readonly RunEvent[];
  readonly cpu: ReadonlyMap<string, { readonly serverMicros: number | null; readonly clientMicros: number | null }>;
}

interface Span {
  readonly startNs: number;
  readonly endNs: number;
}

interface TimedPhase extends Span {
  readonly phase: Phase;
}

/** One class of operations over one stretch of time. */
class Tally {
  ok = 0;
  failed = 0;
  unknown = 0;
  readonly latency: Histogram = new Histogram();

  add(record: OperationRecord): void {
    this[record.outcome.kind] += 1;
    // A refusal is quick and says nothing about the system's speed; a time-out took at least until its deadline.
    if (record.outcome.kind !== "failed") this.latency.record(latencyNs(record));
  }
}

type ClassTallies = Map<OperationClass, Tally>;

/**
 * Turns a run's records into its figures. Measured phases only. Operations, and the deliveries of a put's event, belong to the
 * window, the column and the phase in which the operation was meant to start; latency counts from there and covers ok and unknown
 * outcomes. `before`, `during` and `after` lie around the first injection and the last heal of a fault within the open-loop
 * phases.
 *
 * `add` every record in the history's order, then `finish`.
 */
export class SamplesBuilder {
  readonly #input: SamplesInput;
  readonly #open: readonly TimedPhase[];
  readonly #closed: readonly TimedPhase[];
  readonly #fault: Span | null;
  readonly #windows: readonly { readonly name: WindowSummary["name"]; readonly span: Span }[];
  readonly #windowTallies: readonly ClassTallies[];
  readonly #deliveries: readonly Histogram[];
  readonly #phaseTallies: ReadonlyMap<string, ClassTallies>;
  /** Columns of the charts: the open-loop phases, or every phase when there is none. */
  readonly #charted: readonly TimedPhase[];
  readonly #bucketNs: number;
  readonly #columns = new Map<number, ClassTallies>();
  readonly #startLag: Histogram = new Histogram();
  /** Intended start of each put, by value: what its events are measured from. */
  readonly #putsNs = new Map<string, number>();
  readonly #acknowledgedNs: number[] = [];
  #writes = 0;

  constructor(input: SamplesInput) {
    this.#input = input;
    const measured = timedPhases(input).filter(({ phase }) => phase.measured);
    this.#open = measured.filter(({ phase }) => phase.loop.kind === "open");
    this.#closed = measured.filter(({ phase }) => phase.loop.kind === "closed");
    this.#fault = faultSpan(input.events, Math.max(0, ...this.#open.map(({ endNs }) => endNs)));
    this.#windows = windowsAround(this.#open, this.#fault);
    this.#windowTallies = this.#windows.map(() => new Map());
    this.#deliveries = this.#windows.map(() => new Histogram());
    this.#phaseTallies = new Map(this.#closed.map(({ phase }) => [phase.name, new Map()]));
    this.#charted = this.#open.length > 0 ? this.#open : this.#closed;
    this.#bucketNs = bucketFor(this.#charted);
  }

  add(record: HistoryRecord): void {
    if (record.type === "operation") this.#operation(record);
    else if (record.type === "event") this.#delivery(record);
  }

  finish(): Samples {
    const { run, command, startedAt, durationNs, environment, unsent } = this.#input;
    return {
      run,
      command,
      startedAt,
      durationNs,
      environment,
      capacity: this.#closed.map((timed) => this.#capacity(timed)),
      windows: this.#windows.map(({ name, span }, i) => ({
        name,
        startNs: span.startNs,
        endNs: span.endNs,
        classes: summarize(this.#windowTallies[i] as ClassTallies, overlapNs(this.#open, span)),
        watchDelivery: summary(this.#deliveries[i] as Histogram),
      })),
      bucketNs: this.#bucketNs,
      series: this.#series(),
      distributions: this.#windows.flatMap(({ name }, i) =>
        distributions(name, this.#windowTallies[i] as ClassTallies),
      ),
      outage: this.#outage(),
      startLag: summary(this.#startLag),
      unsent,
    };
  }

  #operation(record: OperationRecord): void {
    const name = classOf(record);
    const closed = this.#phaseTallies.get(record.phase);
    if (closed !== undefined) tallyOf(closed, name).add(record);
    if (this.#charted.some(({ phase }) => phase.name === record.phase)) {
      tallyOf(this.#column(record.intendedNs), name).add(record);
    }
    if (!this.#open.some(({ phase }) => phase.name === record.phase)) return;
    this.#startLag.record(Math.max(0, record.startNs - record.intendedNs));
    const window = this.#windowOf(record.intendedNs);
    tallyOf(this.#windowTallies[window] as ClassTallies, name).add(record);
    if (record.request.kind === "get") return;
    this.#writes++;
    if (record.request.kind === "put") this.#putsNs.set(record.request.value, record.intendedNs);
    if (record.outcome.kind === "ok") this.#acknowledgedNs.push(record.endNs);
  }

  #delivery(record: WatchEventRecord): void {
    if (record.kind !== "put") return;
    const intendedNs = this.#putsNs.get(record.value);
    if (intendedNs === undefined) return;
    // Clamped for a server that makes events up: the checks say so, this only counts.
    this.#deliveries[this.#windowOf(intendedNs)]?.record(Math.max(0, record.atNs - intendedNs));
  }

  /** The window that an instant of an open-loop phase belongs to. */
  #windowOf(atNs: number): number {
    const index = this.#windows.findIndex(({ span }) => atNs < span.endNs);
    return index >= 0 ? index : this.#windows.length - 1;
  }

  #column(atNs: number): ClassTallies {
    const column = Math.floor(atNs / this.#bucketNs);
    let tallies = this.#columns.get(column);
    if (tallies === undefined) {
      tallies = new Map();
      this.#columns.set(column, tallies);
    }
    return tallies;
  }

  #capacity(timed: TimedPhase): CapacitySummary {
    const { phase, startNs, endNs } = timed;
    assert(phase.loop.kind === "closed", "capacity is measured in a closed loop");
    const classes = summarize(this.#phaseTallies.get(phase.name) as ClassTallies, endNs - startNs);
    const ok = classes.reduce((sum, one) => sum + one.ok, 0);
    const cpu = this.#input.cpu.get(phase.name);
    const perOperation = (micros: number | null | undefined): number | null =>
      micros === null || micros === undefined || ok === 0 ? null : micros / ok;
    return {
      phase: phase.name,
      concurrency: phase.loop.concurrency,
      classes,
      serverCpuMicrosPerOperation: perOperation(cpu?.serverMicros),
      clientCpuMicrosPerOperation: perOperation(cpu?.clientMicros),
    };
  }

  /** A point for every class of the mix in every column, also where nothing happened: a silence must show as zero. */
  #series(): readonly SeriesPoint[] {
    const points = new Map<string, SeriesPoint>();
    for (const { phase, startNs, endNs } of this.#charted) {
      const classes = OPERATION_CLASSES.filter((name) => (phase.mix[name] ?? 0) > 0);
      const last = Math.ceil(endNs / this.#bucketNs);
      for (let column = Math.floor(startNs / this.#bucketNs); column < last; column++) {
        for (const name of classes) points.set(`${column} ${name}`, this.#point(column, name));
      }
    }
    return [...points.values()];
  }

  #point(column: number, name: OperationClass): SeriesPoint {
    const atNs = column * this.#bucketNs;
    const tally = this.#columns.get(column)?.get(name);
    if (tally === undefined) return { atNs, class: name, ok: 0, failed: 0, unknown: 0, p50Ns: null, p99Ns: null };
    const { ok, failed, unknown, latency } = tally;
    const p50Ns = quantile(latency, 0.5, 1);
    return { atNs, class: name, ok, failed, unknown, p50Ns, p99Ns: quantile(latency, 0.99, SERIES_P99_SAMPLES_MIN) };
  }

  /** The longest stretch without an acknowledged write that touches the fault or lies behind it. */
  #outage(): Outage | null {
    const fault = this.#fault;
    const endNs = this.#open.at(-1)?.endNs;
    if (fault === null || endNs === undefined || this.#writes === 0) return null;
    const instants = Float64Array.from(this.#acknowledgedNs).sort();
    let longest: Outage | null = null;
    let previousNs = this.#open[0]?.startNs ?? 0;
    const consider = (untilNs: number): void => {
      const gap = untilNs - previousNs;
      if (untilNs > fault.startNs && gap > (longest === null ? 0 : longest.endNs - longest.startNs))
        longest = { startNs: previousNs, endNs: untilNs };
      previousNs = untilNs;
    };
    for (const instant of instants) consider(instant);
    if (endNs > previousNs) consider(endNs);
    return longest;
  }
}

/** The whole of it at once, for records in memory. */
export function samplesOf(input: SamplesInput, records: Iterable<HistoryRecord>): Samples {
  const builder = new SamplesBuilder(input);
  for (const record of records) builder.add(record);
  return builder.finish();
}

function latencyNs(record: OperationRecord): number {
  return record.endNs - record.intendedNs;
}

function classOf({ request }: OperationRecord): OperationClass {
  if (request.condition !== undefined) return request.condition.wanted === "put" ? "update" : "remove";
  if (request.kind !== "get") return request.kind;
  return request.serializable ? "get-serializable" : "get-linearizable";
}

function tallyOf(tallies: ClassTallies, name: OperationClass): Tally {
  let tally = tallies.get(name);
  if (tally === undefined) {
    tally = new Tally();
    tallies.set(name, tally);
  }
  return tally;
}

function summarize(tallies: ClassTallies, spanNs: number): readonly ClassSummary[] {
  return OPERATION_CLASSES.flatMap((name) => {
    const tally = tallies.get(name);
    if (tally === undefined) return [];
    const { ok, failed, unknown, latency } = tally;
    const perSecond = spanNs > 0 ? ok / (spanNs / 1e9) : 0;
    return [{ class: name, ok, failed, unknown, perSecond, latency: summary(latency) }];
  });
}

function summary(histogram: Histogram): LatencySummary {
  return {
    count: histogram.count,
    p50Ns: quantile(histogram, 0.5, P50_SAMPLES_MIN),
    p99Ns: quantile(histogram, 0.99, P99_SAMPLES_MIN),
    p999Ns: quantile(histogram, 0.999, P999_SAMPLES_MIN),
    maxNs: histogram.count === 0 ? null : histogram.max,
  };
}

function quantile(histogram: Histogram, q: number, samplesMin: number): number | null {
  return histogram.count < samplesMin ? null : Math.round(histogram.quantile(q));
}

function distributions(window: WindowSummary["name"], tallies: ClassTallies): readonly Distribution[] {
  return OPERATION_CLASSES.flatMap((name) => {
    const buckets = tallies.get(name)?.latency.sparse(DISTRIBUTION_PER_OCTAVE) ?? [];
    if (buckets.length === 0) return [];
    const edgesNs: number[] = [];
    const counts: number[] = [];
    for (const { lower, upper, count } of buckets) {
      const last = edgesNs.at(-1);
      if (last === undefined) edgesNs.push(lower);
      // An empty stretch between two buckets is one bucket that counts nothing.
      else if (last !== lower) {
        edgesNs.push(lower);
        counts.push(0);
      }
      edgesNs.push(upper);
      counts.push(count);
    }
    return [{ window, class: name, edgesNs, counts }];
  });
}

/** When each phase ran, by the run's events. A phase that was interrupted ends where the run does. */
function timedPhases({ phases, events, durationNs }: SamplesInput): readonly TimedPhase[] {
  return phases.flatMap((phase) => {
    const started = events.find((event) => event.kind === "phase-started" && event.phase === phase.name);
    if (started === undefined) return [];
    const ended = events.find((event) => event.kind === "phase-ended" && event.phase === phase.name);
    return [{ phase, startNs: started.atNs, endNs: ended?.atNs ?? durationNs }];
  });
}

/** From the first injection to the last heal; to `endNs` when one is not healed. */
function faultSpan(events: readonly RunEvent[], endNs: number): Span | null {
  const injected = events.filter((event) => event.kind === "fault-injected");
  const healed = events.filter((event) => event.kind === "fault-healed");
  const first = injected[0];
  if (first === undefined || first.atNs >= endNs) return null;
  const last = healed.at(-1);
  return { startNs: first.atNs, endNs: last !== undefined && healed.length >= injected.length ? last.atNs : endNs };
}

function windowsAround(
  open: readonly TimedPhase[],
  fault: Span | null,
): readonly { readonly name: WindowSummary["name"]; readonly span: Span }[] {
  const first = open[0];
  const last = open.at(-1);
  if (first === undefined || last === undefined) return [];
  const { startNs } = first;
  const { endNs } = last;
  if (fault === null) return [{ name: "before", span: { startNs, endNs } }];
  const injectedNs = Math.max(startNs, fault.startNs);
  const healedNs = Math.min(endNs, Math.max(injectedNs, fault.endNs));
  const windows = [
    { name: "before" as const, span: { startNs, endNs: injectedNs } },
    { name: "during" as const, span: { startNs: injectedNs, endNs: healedNs } },
    { name: "after" as const, span: { startNs: healedNs, endNs } },
  ];
  return windows.filter(({ span }) => span.endNs > span.startNs);
}

function overlapNs(phases: readonly Span[], span: Span): number {
  return phases.reduce(
    (sum, phase) => sum + Math.max(0, Math.min(phase.endNs, span.endNs) - Math.max(phase.startNs, span.startNs)),
    0,
  );
}

/** The narrowest column that keeps a chart readable. */
function bucketFor(phases: readonly Span[]): number {
  const totalNs = phases.reduce((sum, { startNs, endNs }) => sum + endNs - startNs, 0);
  const fits = SERIES_BUCKETS_NS.find((bucketNs) => totalNs / bucketNs <= SERIES_COLUMNS_MAX);
  return fits ?? (SERIES_BUCKETS_NS.at(-1) as number);
}
