import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** A process for certain: ids are reused, but not together with the start time. */
export interface ProcessIdentity {
  readonly pid: number;
  /** See `processStart`. */
  readonly start: string;
}

const STATE_FIELD = 3;
const START_FIELD = 22;

/**
 * When process `pid` started, as text to compare only: Linux's clock ticks since boot with the boot's id, elsewhere what ps
 * says. Null when there is no such process, or only its remains (a zombie).
 */
export function processStart(pid: number): string | null {
  return process.platform === "linux" ? startFromProc(pid) : startFromPs(pid);
}

/** True while exactly this process runs. */
export function isRunning({ pid, start }: ProcessIdentity): boolean {
  return processStart(pid) === start;
}

function startFromProc(pid: number): string | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return null;
  }
  // Field 2, the command's name, stands in parentheses and may hold any character: count from behind it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const field = (number: number): string => fields[number - 3] ?? "";
  if (field(STATE_FIELD) === "Z" || field(START_FIELD) === "") return null;
  return `${field(START_FIELD)}@${bootId()}`;
}

function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  } catch {
    return "";
  }
}

function startFromPs(pid: number): string | null {
  try {
    const output = execFileSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      env: { ...process.env, LC_ALL: "C" },
    });
    const [state = "", ...start] = output.trim().split(/\s+/);
    return state === "" || state.startsWith("Z") ? null : start.join(" ");
  } catch {
    return null;
  }
}
