/** Makes a sequence that shows something shorter and plainer for as long as it still shows it. */
import { type Step, short } from "./step.ts";

/** `shows` runs a sequence from an empty store. At most `attemptsMax` runs; the result always shows it. */
export async function shrink(
  steps: readonly Step[],
  shows: (steps: readonly Step[]) => Promise<boolean>,
  attemptsMax: number,
): Promise<readonly Step[]> {
  let left = attemptsMax;
  const attempt = async (candidate: readonly Step[]): Promise<boolean> => left-- > 0 && (await shows(candidate));
  const shorter = await withoutSteps(steps, attempt);
  return withPlainSteps(shorter, attempt, () => left > 0);
}

type Attempt = (candidate: readonly Step[]) => Promise<boolean>;

/** Leaves out ever smaller parts (delta debugging); the last step is the one that shows it. */
async function withoutSteps(steps: readonly Step[], attempt: Attempt): Promise<readonly Step[]> {
  let current = steps;
  for (let size = current.length >> 1; size >= 1; size >>= 1) {
    for (let end = current.length - 1; end > 0; end -= size) {
      const candidate = [...current.slice(0, Math.max(0, end - size)), ...current.slice(end)];
      if (await attempt(candidate)) current = candidate;
    }
  }
  return current;
}

async function withPlainSteps(steps: readonly Step[], attempt: Attempt, goOn: () => boolean): Promise<readonly Step[]> {
  let current = steps;
  for (let at = 0; at < current.length; at++) {
    for (let changed = true; changed && goOn(); ) {
      changed = false;
      const step = current[at] as Step;
      for (const request of plainer(step.request)) {
        const candidate = current.with(at, { ...step, request } as Step);
        if (!(await attempt(candidate))) continue;
        current = candidate;
        changed = true;
        break;
      }
    }
  }
  return current;
}

/** The same message with one thing less, in turn. */
function* plainer<Message>(message: Message): Generator<Message> {
  if (Array.isArray(message)) {
    for (const at of message.keys()) yield message.filter((_, i) => i !== at) as Message;
    for (const [at, item] of message.entries())
      for (const less of plainer(item)) yield message.with(at, less) as Message;
    return;
  }
  if (typeof message !== "object" || message === null || message instanceof Uint8Array) return;
  for (const [name, value] of Object.entries(message)) {
    if (name === "kind") continue;
    const none = emptyOf(value);
    if (none !== undefined && short(none) !== short(value)) yield { ...message, [name]: none };
    for (const less of plainer(value)) yield { ...message, [name]: less };
  }
}

function emptyOf(value: unknown): unknown {
  if (value instanceof Uint8Array) return new Uint8Array(0);
  if (typeof value === "number") return 0;
  if (typeof value === "bigint") return 0n;
  return typeof value === "boolean" ? false : undefined;
}
