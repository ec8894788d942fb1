/**
 * What is taken away from a seed's scenario: how a failure is shrunk, and how the short story is told again. As text, for one
 * line of a shell: "faults=2,5 heal=12000 clients=1 calm steady unwatched leaseless uncompacted".
 */
import type { PlannedFault, Scenario } from "./model.ts";

export interface Edit {
  /** Numbers of the faults that stay; null: all. */
  readonly faults: readonly number[] | null;
  /** The healing comes earlier; null: when the seed says. */
  readonly healMs: number | null;
  /** So many clients only; null: all. */
  readonly clients: number | null;
  /** The network does not drop, double, split or delay out of order. */
  readonly calm: boolean;
  /** Clocks run alike. */
  readonly steady: boolean;
  /** Nobody watches. */
  readonly unwatched: boolean;
  /** Nobody asks for leases. */
  readonly leaseless: boolean;
  /** Nobody compacts the store or reads its past. */
  readonly uncompacted: boolean;
}

export const NO_EDIT: Edit = {
  faults: null,
  healMs: null,
  clients: null,
  calm: false,
  steady: false,
  unwatched: false,
  leaseless: false,
  uncompacted: false,
};

/** What is there or not. */
export const EDIT_WORDS: readonly ("calm" | "steady" | "unwatched" | "leaseless" | "uncompacted")[] = [
  "calm",
  "steady",
  "unwatched",
  "leaseless",
  "uncompacted",
];

export function applyEdit(scenario: Scenario, edit: Edit): Scenario {
  const healMs = Math.min(edit.healMs ?? scenario.healMs, scenario.healMs);
  const earlierMs = scenario.healMs - healMs;
  return {
    ...scenario,
    healMs,
    endMs: scenario.endMs - earlierMs,
    faults: scenario.faults
      .filter(({ number, atMs }) => (edit.faults?.includes(number) ?? true) && atMs < healMs)
      .map((fault): PlannedFault => ({ ...fault, durationMs: Math.min(fault.durationMs, healMs - fault.atMs) })),
    clockRates: edit.steady ? scenario.clockRates.map(() => 1) : scenario.clockRates,
    network: edit.calm
      ? { ...scenario.network, lateChance: 0, dropChance: 0, duplicateChance: 0, splitChance: 0, breakChance: 0 }
      : scenario.network,
    load: {
      ...scenario.load,
      clients: Math.min(edit.clients ?? scenario.load.clients, scenario.load.clients),
      watchersPerMember: edit.unwatched ? 0 : scenario.load.watchersPerMember,
    },
    leases: edit.leaseless ? null : scenario.leases,
    history: edit.uncompacted ? null : scenario.history,
  };
}

/** Empty for the scenario as the seed makes it. */
export function formatEdit(edit: Edit): string {
  const parts: string[] = [];
  if (edit.faults !== null) parts.push(`faults=${edit.faults.join(",")}`);
  if (edit.healMs !== null) parts.push(`heal=${edit.healMs}`);
  if (edit.clients !== null) parts.push(`clients=${edit.clients}`);
  for (const word of EDIT_WORDS) if (edit[word]) parts.push(word);
  return parts.join(" ");
}

/** Null when the text is not an edit. */
export function parseEdit(text: string): Edit | null {
  let edit = NO_EDIT;
  for (const part of text.split(" ").filter((each) => each !== "")) {
    const [name, value = ""] = part.split("=") as [string, string?];
    const numbers = value === "" ? [] : value.split(",").map(Number);
    if (numbers.some((number) => !Number.isSafeInteger(number) || number < 0)) return null;
    if (name === "faults") edit = { ...edit, faults: numbers };
    else if (name === "heal" && numbers.length === 1) edit = { ...edit, healMs: numbers[0] as number };
    else if (name === "clients" && numbers.length === 1) edit = { ...edit, clients: numbers[0] as number };
    else if (EDIT_WORDS.some((word) => word === part)) edit = { ...edit, [part]: true };
    else return null;
  }
  return edit;
}
