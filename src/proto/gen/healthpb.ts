// Generated from src/proto/healthpb.proto by `npm run generate`: change that, not this.
import { type Reader } from "../reader.ts";
import { type MessageCodec, messageCodec } from "../wire.ts";
import type { Writer } from "../writer.ts";
export const ServingStatus: {
  readonly UNKNOWN: 0;
  readonly SERVING: 1;
  readonly NOT_SERVING: 2;
  readonly SERVICE_UNKNOWN: 3;
} = { UNKNOWN: 0, SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 };
export type ServingStatus = (typeof ServingStatus)[keyof typeof ServingStatus];

export interface HealthCheckRequest {
  readonly service: string;
}

export const HealthCheckRequest: MessageCodec<HealthCheckRequest> = messageCodec(
  readHealthCheckRequest,
  writeHealthCheckRequest,
  createHealthCheckRequest,
  () => [{ name: "service", key: "service", type: "string" }],
);

function createHealthCheckRequest(partial: Partial<HealthCheckRequest> = {}): HealthCheckRequest {
  return { service: partial.service ?? "" };
}

export function readHealthCheckRequest(r: Reader): HealthCheckRequest {
  let service: HealthCheckRequest["service"] = "";
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10:
        service = r.string();
        break;
      default:
        r.skip(tag);
    }
  }
  return { service };
}

export function writeHealthCheckRequest(w: Writer, m: HealthCheckRequest): void {
  if (m.service.length !== 0) {
    w.string(10, m.service);
  }
}

export interface HealthCheckResponse {
  readonly status: ServingStatus;
}

export const HealthCheckResponse: MessageCodec<HealthCheckResponse> = messageCodec(
  readHealthCheckResponse,
  writeHealthCheckResponse,
  createHealthCheckResponse,
  () => [{ name: "status", key: "status", type: "enum", values: ServingStatus }],
);

function createHealthCheckResponse(partial: Partial<HealthCheckResponse> = {}): HealthCheckResponse {
  return { status: partial.status ?? 0 };
}

export function readHealthCheckResponse(r: Reader): HealthCheckResponse {
  let status: HealthCheckResponse["status"] = 0;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        status = r.enumeration();
        break;
      default:
        r.skip(tag);
    }
  }
  return { status };
}

export function writeHealthCheckResponse(w: Writer, m: HealthCheckResponse): void {
  if (m.status !== 0) {
    w.enumeration(8, m.status);
  }
}
