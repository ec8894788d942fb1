import type { ObservedKeyValue, OperationRecord } from "../model/history.ts";
import type { CheckName } from "../model/plan.ts";
import type { CheckResult, Finding, VerdictKind } from "../model/verdict.ts";

export const FINDINGS_SHOWN_MAX = 20;

/** Collects what a check found wrong: counts all, keeps the earliest few. */
export class Findings {
  #kept: Finding[] = [];
  #total = 0;

  get total(): number {
    return this.#total;
  }

  add(text: string, operations: readonly OperationRecord[], atNs: number | null): void {
    this.#total++;
    this.#kept.push({ text, operations: operations.map((operation) => operation.id), atNs });
    if (this.#kept.length >= 50 * FINDINGS_SHOWN_MAX) this.#kept = this.earliest();
  }

  /** At most `FINDINGS_SHOWN_MAX`, by time; those about no moment come last. */
  earliest(): Finding[] {
    const time = (finding: Finding): number => finding.atNs ?? Number.MAX_SAFE_INTEGER;
    return [...this.#kept].sort((a, b) => time(a) - time(b)).slice(0, FINDINGS_SHOWN_MAX);
  }

  /** Invalid if anything was found, else `otherwise`. The time taken is filled in by whoever holds a clock. */
  result(check: CheckName, otherwise: Exclude<VerdictKind, "invalid">, summary: string): CheckResult {
    return {
      check,
      verdict: this.#total > 0 ? "invalid" : otherwise,
      summary,
      findings: this.earliest(),
      findingsTotal: this.#total,
      tookMs: 0,
    };
  }
}

/** "3 reads", "1 read". */
export function count(number: number, noun: string): string {
  return `${number.toLocaleString("en-US")} ${noun}${number === 1 ? "" : "s"}`;
}

/** A moment of the run: "14.203 s". */
export function moment(ns: number): string {
  return `${(ns / 1e9).toFixed(3)} s`;
}

/** A length of time with two or three digits that mean something: "3.1 s", "41 ms", "0.2 ms". */
export function duration(ns: number): string {
  if (ns >= 1e9) return `${(ns / 1e9).toFixed(1)} s`;
  return ns >= 1e7 ? `${Math.round(ns / 1e6)} ms` : `${(ns / 1e6).toFixed(ns >= 1e5 ? 1 : 3)} ms`;
}

/** "client 7's put of k12 = v9 (n1, called at 14.203 s)". */
export function describe(operation: OperationRecord): string {
  const { request } = operation;
  const what =
    request.kind === "put" ? `put of ${request.key} = ${request.value}` : `${request.kind} of ${request.key}`;
  return `client ${operation.client}'s ${what} (${operation.member}, called at ${moment(operation.startNs)})`;
}

/** "client 7 read rev 812 from n1 at 14.203 s"; for a write "client 7's put of k = v was given rev 812 by n1 at 14.203 s". */
export function answered(operation: OperationRecord, revision: number): string {
  const { request, client, member, startNs } = operation;
  const place = `${member} at ${moment(startNs)}`;
  if (request.kind === "get") return `client ${client} read rev ${revision} from ${place}`;
  const what = request.kind === "put" ? `put of ${request.key} = ${request.value}` : `delete of ${request.key}`;
  return `client ${client}'s ${what} was answered with rev ${revision} by ${place}`;
}

/** What a read showed of a key: "k12 = v9 (rev 812, version 3)" or "no k12". */
export function content(key: string, kv: ObservedKeyValue | null): string {
  return kv === null ? `no ${key}` : `${key} = ${kv.value} (rev ${kv.modRevision}, version ${kv.version})`;
}
