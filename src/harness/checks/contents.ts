import type { ObservedKeyValue, OperationRecord } from "../model/history.ts";
import { type Answered, observedContent, type StoreFacts } from "./facts.ts";
import { answered, content, describe, type Findings, moment } from "./findings.ts";

/**
 * Judges what single reads show, whatever their read mode: a read answered at revision R shows its key as of R. Says only what
 * the history proves; the order of operations is not its business.
 */
export class ContentCheck {
  readonly #facts: StoreFacts;
  readonly #findings: Findings;
  /** The first sight of each revision: all later ones must be the same. */
  readonly #sights = new Map<
    number,
    { readonly key: string; readonly kv: ObservedKeyValue; readonly by: OperationRecord }
  >();

  constructor(facts: StoreFacts, findings: Findings) {
    this.#facts = facts;
    this.#findings = findings;
  }

  /** False when it was found wrong. */
  judge({ operation, response }: Answered): boolean {
    const kv = observedContent(response);
    if (kv === undefined) return true;
    const problem =
      kv === null
        ? this.#problemOfAbsence(operation, response.revision)
        : (problemOfNumbers(kv, response.revision) ??
          this.#problemOfAuthor(operation, kv) ??
          this.#problemOfAge(operation, kv, response.revision) ??
          this.#problemOfHistory(operation, kv) ??
          this.#problemOfSight(operation, kv));
    if (problem === null) return true;
    const { key } = operation.request;
    this.#findings.add(
      `${answered(operation, response.revision)} and was shown ${content(key, kv)}, but ${problem.text}`,
      [operation, ...problem.operations],
      operation.startNs,
    );
    return false;
  }

  #problemOfAuthor(operation: OperationRecord, kv: ObservedKeyValue): Problem | null {
    if (kv.modRevision <= this.#facts.initialRevision) {
      return { text: `nothing had been written by rev ${this.#facts.initialRevision}`, operations: [] };
    }
    const author = this.#facts.author(operation.request.key, kv.value, kv.modRevision);
    switch (author.kind) {
      case "nobody":
        return { text: "nobody ever wrote that value", operations: [] };
      case "conflict":
        return { text: `that revision is ${describe(author.operation)}`, operations: [author.operation] };
      case "failed":
        return { text: `${describe(author.operation)} had failed`, operations: [author.operation] };
      case "other-revision":
        return { text: `${describe(author.operation)} was given another revision`, operations: [author.operation] };
      default:
        if (author.operation.startNs <= operation.endNs) return null;
        return {
          text: `it is only ${describe(author.operation)}, after the read had ended at ${moment(operation.endNs)}`,
          operations: [author.operation],
        };
    }
  }

  #problemOfAge(operation: OperationRecord, kv: ObservedKeyValue, revision: number): Problem | null {
    const last = this.#facts.lastWrite(operation.request.key, revision);
    if (last === null || last.revision <= kv.modRevision) return null;
    return { text: `by then rev ${last.revision} was ${describe(last.operation)}`, operations: [last.operation] };
  }

  #problemOfAbsence(operation: OperationRecord, revision: number): Problem | null {
    const { key } = operation.request;
    const last = this.#facts.lastWrite(key, revision);
    if (last === null || last.kind === "delete") return null;
    const unknown = this.#facts.ofKey(key).unknownDeletes[0];
    if (unknown !== undefined && unknown.startNs <= operation.endNs) return null;
    return {
      text: `rev ${last.revision} was ${describe(last.operation)}, and nobody deleted it`,
      operations: [last.operation],
    };
  }

  /** Where no write of the key is of unknown outcome its versions can be counted. */
  #problemOfHistory(operation: OperationRecord, kv: ObservedKeyValue): Problem | null {
    const { unknownPuts, unknownDeletes } = this.#facts.ofKey(operation.request.key);
    if (unknownPuts.length > 0 || unknownDeletes.length > 0) return null;
    const write = this.#facts.byRevision.get(kv.modRevision);
    if (write === undefined || (write.version === kv.version && write.createRevision === kv.createRevision))
      return null;
    const { version, createRevision } = write;
    return { text: `that was version ${version} of the key created at rev ${createRevision}`, operations: [] };
  }

  #problemOfSight(operation: OperationRecord, kv: ObservedKeyValue): Problem | null {
    const { key } = operation.request;
    const first = this.#sights.get(kv.modRevision);
    if (first === undefined) {
      this.#sights.set(kv.modRevision, { key, kv, by: operation });
      return null;
    }
    const { createRevision, version, value } = first.kv;
    const same = createRevision === kv.createRevision && version === kv.version && value === kv.value;
    if (same && first.key === key) return null;
    return {
      text: `${describe(first.by)} was shown ${content(first.key, first.kv)}, created at rev ${createRevision}`,
      operations: [first.by],
    };
  }
}

interface Problem {
  readonly text: string;
  readonly operations: readonly OperationRecord[];
}

function problemOfNumbers(kv: ObservedKeyValue, revision: number): Problem | null {
  const { modRevision, createRevision, version } = kv;
  if (modRevision > revision) return { text: "that change is later than the read's own revision", operations: [] };
  if (createRevision > modRevision || version < 1 || (version === 1) !== (createRevision === modRevision)) {
    const text = `create revision ${createRevision}, mod revision ${modRevision} and version ${version} contradict each other`;
    return { text, operations: [] };
  }
  return null;
}
