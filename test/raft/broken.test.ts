import assert from "node:assert/strict";
import { test } from "node:test";
import type { RaftDecisions } from "../../src/etcd/raft/decisions.ts";
import { RandomCluster } from "./cluster.ts";

interface Broken {
  readonly what: string;
  readonly decisions: Partial<RaftDecisions>;
  /** A seed that finds it; the search goes on from there when the core has come to run otherwise. */
  readonly seed: number;
}

/**
 * Each decision of the core, taken wrongly: the random clusters must notice, or they would not notice a mistake either. Only the one
 * about entries of earlier terms (mayCommit) needs a chain of accidents that chance alone hardly brings: figure-8.txt tells it.
 */
const BROKEN: readonly Broken[] = [
  { what: "votes twice in a term", decisions: { mayVote: () => true }, seed: 1 },
  { what: "votes for any log", decisions: { logUpToDate: () => true }, seed: 1 },
  {
    what: "counts the votes of learners",
    decisions: { voteCounts: ({ voters, learners }, member) => voters.includes(member) || learners.includes(member) },
    seed: 89,
  },
  { what: "takes entries that do not fit", decisions: { matches: (own) => own !== null }, seed: 1 },
  { what: "cuts what agrees", decisions: { conflicts: () => true }, seed: 1 },
  { what: "answers reads without a quorum", decisions: { readConfirmed: () => true }, seed: 11 },
  { what: "changes members before the last change is committed", decisions: { mayChange: () => true }, seed: 143 },
  { what: "hands over to whoever lags", decisions: { transferReady: () => true }, seed: 2 },
  { what: "installs a snapshot without its members", decisions: { configurationOf: (_, before) => before }, seed: 5 },
];
const SEEDS = 300;

for (const { what, decisions, seed: first } of BROKEN) {
  test(`a server that ${what} is found out`, (t) => {
    for (let seed = first; seed < first + SEEDS; seed++) {
      const cluster = new RandomCluster(seed, decisions);
      try {
        for (let phase = 0; phase < 3; phase++) {
          cluster.run(1000);
          cluster.checkLogMatching();
          cluster.heal();
        }
      } catch (error) {
        t.diagnostic(`seed ${seed}: ${(error as Error).message.split("\n", 1)[0]}`);
        return;
      }
    }
    assert.fail(`${SEEDS} seeds passed`);
  });
}
