import { unreachable } from "../../../base/assert.ts";
import type { Model } from "../wgl.ts";

/** A single register with compare-and-set, empty (null) at first. */
export type RegisterInput =
  | { readonly kind: "read"; readonly value: string | null }
  | { readonly kind: "write"; readonly value: string }
  | { readonly kind: "cas"; readonly expected: string; readonly value: string }
  /** A compare-and-set that answered "no": the register held something else. */
  | { readonly kind: "cas-refused"; readonly expected: string };

export const registerModel: Model<string | null, RegisterInput> = {
  initial: null,
  step(state: string | null, input: RegisterInput): string | null | undefined {
    switch (input.kind) {
      case "read":
        return input.value === state ? state : undefined;
      case "write":
        return input.value;
      case "cas":
        return input.expected === state ? input.value : undefined;
      case "cas-refused":
        return input.expected === state ? undefined : state;
      default:
        return unreachable(input);
    }
  },
  isPure: (input: RegisterInput): boolean => input.kind === "read" || input.kind === "cas-refused",
  stateKey: (state: string | null): string => JSON.stringify(state),
  inputKey: (input: RegisterInput): string => JSON.stringify(input),
};
