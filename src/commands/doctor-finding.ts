/** One thing that faultline looks for on a machine. Printed as JSON as it is. */
export interface Finding {
  readonly name: string;
  /** `poor`: there, but figures or features suffer. */
  readonly state: "ok" | "poor" | "missing";
  /** The quickstart cannot do without it. */
  readonly needed: boolean;
  /** What there is, or what was tried. */
  readonly found: string;
  /** What it is good for. */
  readonly enables: string;
  /** How to get it, or to get it better; null where it is well. */
  readonly remedy: string | null;
  /** The same for programs: bytes, nanoseconds, versions; null where it could not be told. */
  readonly figures: Readonly<Record<string, string | number | null>>;
}
