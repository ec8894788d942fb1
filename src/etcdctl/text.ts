import { badArguments } from "./errors.ts";

const encoder = new TextEncoder();

export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Keys and values as the simple format shows them: raw bytes, or each as \xNN. */
export function printable(bytes: Uint8Array, hex: boolean): Uint8Array {
  if (!hex) return bytes;
  return bytesOf(Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join(""));
}

/** The first key after all keys with this prefix; "\0" (every key) when there is none. */
export function prefixEnd(prefix: Uint8Array): Uint8Array {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const byte = prefix[i] as number;
    if (byte === 0xff) continue;
    const end = prefix.slice(0, i + 1);
    end[i] = byte + 1;
    return end;
  }
  return new Uint8Array(1);
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** A duration as Go writes it ("1m30s", "500ms") in milliseconds; null when it is none. */
export function parseDurationMs(text: string): number | null {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join("") !== text) return text === "0" ? 0 : null;
  return parts.reduce((sum, part) => sum + Number(part[1]) * (UNIT_MS[part[2] as string] as number), 0);
}

/** A short time as Go prints it. */
export function formatDuration(ms: number): string {
  const digits = (value: number): string => String(Number(value.toFixed(6)));
  if (ms < 1) return `${digits(ms * 1000)}µs`;
  return ms < 1000 ? `${digits(ms)}ms` : `${digits(ms / 1000)}s`;
}

/** Bytes in powers of 1000, the way etcdctl shows a database's size: "20 kB", "1.2 MB". */
export function formatSize(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let exponent = 0;
  while (exponent < units.length - 1 && bytes >= 1000 ** (exponent + 1)) exponent++;
  const scaled = Math.floor((bytes / 1000 ** exponent) * 10 + 0.5) / 10;
  if (exponent > 0 && scaled < 10) return `${scaled.toFixed(1)} ${units[exponent]}`;
  // Go rounds a half to the even neighbour: 20480 bytes are "20 kB".
  const whole = scaled % 1 === 0.5 ? 2 * Math.round(scaled / 2) : Math.round(scaled);
  return `${whole} ${units[exponent]}`;
}

/** A whole number as a flag gives it; `what` names the flag in the message. */
export function parseInteger(text: string, what: string): number {
  const value = Number(text);
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value))
    throw badArguments(`invalid argument "${text}" for "--${what}" flag: not a whole number`);
  return value;
}

/** A lease id in hex; its 64 bits are signed. */
export function parseLease(text: string): bigint {
  if (!/^[0-9a-f]{1,16}$/i.test(text) || BigInt(`0x${text}`) >= 2n ** 63n)
    throw badArguments(`bad lease ID (strconv.ParseInt: parsing "${text}": invalid syntax), expecting ID in Hex`);
  return BigInt(`0x${text}`);
}
