import type { KnownOperation, Model } from "../../../src/harness/checks/wgl.ts";

/**
 * The slow twin: tries every order of all known operations and of every subset of the unknown ones, with no memory and no
 * pruning but the definition of real time: whatever returned before another was called comes first.
 */
export function linearizableByTryingAll<State, Input>(
  model: Model<State, Input>,
  known: readonly KnownOperation<Input>[],
  unknown: readonly { readonly start: number; readonly input: Input }[],
): boolean {
  const pending = [
    ...known.map((operation) => ({ ...operation, optional: false })),
    ...unknown.map((operation) => ({ ...operation, end: Number.POSITIVE_INFINITY, optional: true })),
  ];
  const extend = (state: State, left: typeof pending): boolean => {
    if (left.every((operation) => operation.optional)) return true;
    return left.some((operation) => {
      const rest = left.filter((other) => other !== operation);
      if (rest.some((other) => other.end < operation.start)) return false;
      const next = model.step(state, operation.input);
      return next !== undefined && extend(next, rest);
    });
  };
  return extend(model.initial, pending);
}
