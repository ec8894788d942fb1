import { existsSync, readFileSync } from "node:fs";
import type { AppendInput } from "../../../src/harness/checks/models/append.ts";
import type { RegisterInput } from "../../../src/harness/checks/models/register.ts";
import type { KnownOperation, SearchHistory, UncertainClass } from "../../../src/harness/checks/wgl.ts";

/** Recorded histories with known verdicts lie beside the repository; tests that need them skip where they are absent. */
export const RECORDED: URL = new URL("../shared/data/", `file://${process.cwd()}/`);
export const RECORDED_ABSENT: string | false = existsSync(RECORDED)
  ? false
  : "recorded histories are absent: no ../shared/data beside the repository";

export function readRecorded(path: string): string {
  return readFileSync(new URL(path, RECORDED), "utf8");
}

/** Groups operations of unknown outcome that differ in nothing but their start. */
export function uncertainClasses<Input>(
  operations: readonly { readonly id: number; readonly start: number; readonly input: Input }[],
): UncertainClass<Input>[] {
  const classes = new Map<string, { starts: number[]; ids: number[]; effects: Input[] }>();
  for (const { id, start, input } of [...operations].sort((a, b) => a.start - b.start)) {
    const key = JSON.stringify(input);
    const found = classes.get(key) ?? { starts: [], ids: [], effects: [input] };
    classes.set(key, found);
    found.starts.push(start);
    found.ids.push(id);
  }
  return [...classes.values()];
}

/** A Jepsen log of one compare-and-set register; the line number is the time. */
export function parseRegisterLog(text: string): SearchHistory<RegisterInput> {
  const known: KnownOperation<RegisterInput>[] = [];
  const uncertain: { id: number; start: number; input: RegisterInput }[] = [];
  const open = new Map<string, { start: number; kind: string; argument: string }>();
  const lines = text.split("\n").filter((line) => line.includes("jepsen.util"));
  for (const [time, line] of lines.entries()) {
    const [, process, type, kind, argument] = line.match(/- (\S+)\s+:(\S+)\s+:(\S+)\s+(.*)$/) as string[];
    if (type === "invoke") {
      open.set(process as string, { start: time, kind: kind as string, argument: argument as string });
      continue;
    }
    const call = open.get(process as string);
    if (call === undefined) throw new Error(`line ${time}: ${line} answers nothing`);
    open.delete(process as string);
    const [expected, value] = call.argument.replace(/[[\]]/g, "").split(" ") as [string, string];
    const base = { id: time, start: call.start, end: time };
    if (type === "info") {
      const input: RegisterInput | null =
        kind === "write" ? { kind, value: call.argument } : kind === "cas" ? { kind, expected, value } : null;
      if (input !== null) uncertain.push({ ...base, input });
    } else if (kind === "read" && type === "ok") {
      known.push({ ...base, input: { kind, value: argument === "nil" ? null : (argument as string) } });
    } else if (kind === "write" && type === "ok") {
      known.push({ ...base, input: { kind, value: call.argument } });
    } else if (kind === "cas") {
      known.push({ ...base, input: type === "ok" ? { kind, expected, value } : { kind: "cas-refused", expected } });
    }
  }
  return { known, uncertain: uncertainClasses(uncertain) };
}

/** A history of a key-value store with append, one history for each key. */
export function parseAppendLog(text: string): Map<string, SearchHistory<AppendInput>> {
  const histories = new Map<
    string,
    { known: KnownOperation<AppendInput>[]; uncertain: UncertainClass<AppendInput>[] }
  >();
  const open = new Map<string, { start: number; value: string }>();
  for (const [time, line] of text.split("\n").entries()) {
    const found = line.match(/:process (\d+), :type :(\w+), :f :(\w+), :key "(.*?)", :value (?:nil|"(.*)")\}/);
    if (found === null) continue;
    const [, process, type, kind, key, value] = found as [string, string, string, AppendInput["kind"], string, string];
    if (type === "invoke") {
      open.set(process, { start: time, value });
      continue;
    }
    const call = open.get(process) as { start: number; value: string };
    const history = histories.get(key) ?? { known: [], uncertain: [] };
    histories.set(key, history);
    const input: AppendInput = { kind, value: kind === "get" ? value : call.value };
    history.known.push({ id: time, start: call.start, end: time, input });
  }
  return histories;
}
