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

/** A signed number of 64 bits, read as Go's strconv.ParseInt does; its words when it is none. */
export function parseInt64(text: string, base: 10 | 16): bigint | string {
  const [, sign, digits] = (base === 10 ? /^([+-]?)(\d+)$/ : /^([+-]?)([\da-f]+)$/i).exec(text) ?? [];
  const problem = (what: string): string => `strconv.ParseInt: parsing ${JSON.stringify(text)}: ${what}`;
  if (digits === undefined) return problem("invalid syntax");
  const magnitude = BigInt(base === 10 ? digits : `0x${digits}`);
  const value = sign === "-" ? -magnitude : magnitude;
  return BigInt.asIntN(64, value) === value ? value : problem("value out of range");
}

/** A lease id in hex; `what` names the argument in the message. */
export function parseLease(text: string, what: string): bigint {
  const id = parseInt64(text, 16);
  if (typeof id === "string") throw badArguments(`bad ${what} (${id}), expecting ID in Hex`);
  return id;
}

/** A lease id as Go's %016x has it. */
export function leaseName(id: bigint): string {
  return id < 0n ? `-${(-id).toString(16).padStart(15, "0")}` : id.toString(16).padStart(16, "0");
}

/** A member's id in hexadecimal; text that is none comes back as Go's complaint about it. */
export function parseMemberId(text: string): bigint | string {
  if (!/^[0-9a-fA-F]+$/.test(text)) return `strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`;
  const id = BigInt(`0x${text}`);
  return id < 2n ** 64n ? id : `strconv.ParseUint: parsing ${JSON.stringify(text)}: value out of range`;
}
