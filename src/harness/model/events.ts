/** By which a run is told to stop: it heals, stops and writes down what there is. */
export type StopSignal = "SIGHUP" | "SIGINT" | "SIGTERM";

export type RunEvent = { readonly atNs: number } & (
  | { readonly kind: "phase-started"; readonly phase: string }
  | { readonly kind: "phase-ended"; readonly phase: string }
  | { readonly kind: "member-started"; readonly member: string; readonly pid: number }
  /** `planned` false: nobody in the plan asked for it. `crashed`: nobody at all did, it ended by itself. */
  | {
      readonly kind: "member-exited";
      readonly member: string;
      readonly code: number | null;
      readonly signal: string | null;
      readonly planned: boolean;
      readonly crashed: boolean;
    }
  | { readonly kind: "leader"; readonly member: string; readonly term: number }
  | {
      readonly kind: "fault-injected";
      readonly fault: string;
      readonly members: readonly string[];
      readonly description: string;
    }
  /** Its effect was not seen, so having withstood it means nothing. */
  | { readonly kind: "fault-unproven"; readonly fault: string; readonly reason: string }
  | { readonly kind: "fault-healed"; readonly fault: string }
  | { readonly kind: "interrupted"; readonly signal: StopSignal }
  /**
   * After the load: every member shows the same revision, or did not within the limit; -1 for one that does not answer. Where
   * others write, too, revisions never stand still: there every member has reached `needed`, the newest change of the run's keys.
   */
  | {
      readonly kind: "converged";
      readonly converged: boolean;
      readonly revisions: Readonly<Record<string, number>>;
      readonly needed?: number;
    }
  /** After that: every watcher has delivered the newest change of the run's keys that any answer showed, or has not within the limit. */
  | { readonly kind: "watchers-waited"; readonly caughtUp: boolean }
  /**
   * After the phases: how many leases each member had revoked because they had run out, by its own counter, since the load began;
   * -1 for one that does not say.
   */
  | { readonly kind: "leases-revoked"; readonly counts: Readonly<Record<string, number>> }
  /** Something of ours failed: nothing follows from this run. */
  | { readonly kind: "harness-broke"; readonly reason: string }
  | { readonly kind: "note"; readonly text: string }
);
