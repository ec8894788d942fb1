import { ConnectionError, ErrorCode } from "./frames.ts";

/** What one end announces about itself (RFC 9113, section 6.5.2). Here: what the peer has announced. */
export interface PeerSettings {
  headerTableBytes: number;
  enablePush: boolean;
  maxConcurrentStreams: number;
  initialWindowBytes: number;
  maxFrameBytes: number;
  maxHeaderListBytes: number;
}

export const Setting = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
} as const;

export const WINDOW_MAX_BYTES: number = 2 ** 31 - 1;
const FRAME_MIN_BYTES = 16_384;
const FRAME_MAX_BYTES = 2 ** 24 - 1;
const ENTRY_BYTES = 6;

/** What holds before the first SETTINGS frame arrives. */
export function defaultSettings(): PeerSettings {
  return {
    headerTableBytes: 4_096,
    enablePush: true,
    maxConcurrentStreams: Number.POSITIVE_INFINITY,
    initialWindowBytes: 65_535,
    maxFrameBytes: FRAME_MIN_BYTES,
    maxHeaderListBytes: Number.POSITIVE_INFINITY,
  };
}

/** Takes over the entries in bytes[start, end), in order. Throws `ConnectionError` for values the RFC forbids. */
export function applySettings(settings: PeerSettings, bytes: Buffer, start: number, end: number): void {
  if ((end - start) % ENTRY_BYTES !== 0) {
    throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS of a length that is no multiple of 6");
  }
  for (let offset = start; offset < end; offset += ENTRY_BYTES) {
    applyOne(settings, bytes.readUInt16BE(offset), bytes.readUInt32BE(offset + 2));
  }
}

function applyOne(settings: PeerSettings, identifier: number, value: number): void {
  switch (identifier) {
    case Setting.HEADER_TABLE_SIZE:
      settings.headerTableBytes = value;
      return;
    case Setting.ENABLE_PUSH:
      if (value > 1) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "ENABLE_PUSH is neither 0 nor 1");
      settings.enablePush = value === 1;
      return;
    case Setting.MAX_CONCURRENT_STREAMS:
      settings.maxConcurrentStreams = value;
      return;
    case Setting.INITIAL_WINDOW_SIZE:
      if (value > WINDOW_MAX_BYTES) {
        throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "INITIAL_WINDOW_SIZE above 2^31 - 1");
      }
      settings.initialWindowBytes = value;
      return;
    case Setting.MAX_FRAME_SIZE:
      if (value < FRAME_MIN_BYTES || value > FRAME_MAX_BYTES) {
        throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "MAX_FRAME_SIZE out of its range");
      }
      settings.maxFrameBytes = value;
      return;
    case Setting.MAX_HEADER_LIST_SIZE:
      settings.maxHeaderListBytes = value;
      return;
    default: // unknown settings are ignored (RFC 9113, section 6.5.2)
  }
}

/** The payload of a SETTINGS frame. */
export function encodeSettings(entries: readonly (readonly [identifier: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(entries.length * ENTRY_BYTES);
  let offset = 0;
  for (const [identifier, value] of entries) {
    payload.writeUInt16BE(identifier, offset);
    payload.writeUInt32BE(value, offset + 2);
    offset += ENTRY_BYTES;
  }
  return payload;
}
