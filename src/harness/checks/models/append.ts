import { unreachable } from "../../../base/assert.ts";
import type { Model } from "../wgl.ts";

/** One key of a store whose values are strings that can be appended to; empty at first. */
export type AppendInput =
  | { readonly kind: "get"; readonly value: string }
  | { readonly kind: "put"; readonly value: string }
  | { readonly kind: "append"; readonly value: string };

/**
 * A value that no get of the history returned, nor any extension of it, can never be observed: all such values are one state,
 * null. Without this every order of concurrent appends would be a state of its own.
 */
export function appendModel(observed: ReadonlySet<string>): Model<string | null, AppendInput> {
  const values = [...observed].sort();
  const reachable = (state: string): string | null => {
    // The first observed value not below `state` has it as a prefix if any observed value has.
    let low = 0;
    let high = values.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((values[middle] as string) < state) low = middle + 1;
      else high = middle;
    }
    return values[low]?.startsWith(state) ? state : null;
  };
  return {
    initial: reachable(""),
    step(state: string | null, input: AppendInput): string | null | undefined {
      switch (input.kind) {
        case "get":
          return input.value === state ? state : undefined;
        case "put":
          return reachable(input.value);
        case "append":
          return state === null ? null : reachable(state + input.value);
        default:
          return unreachable(input);
      }
    },
    isPure: (input: AppendInput): boolean => input.kind === "get",
    stateKey: (state: string | null): string => (state === null ? "never observed" : `=${state}`),
    inputKey: (input: AppendInput): string => `${input.kind} ${input.value}`,
  };
}
