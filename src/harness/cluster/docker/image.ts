import type { ContainerRuntimeClient } from "testcontainers";

/** The engine's API, on the connection that testcontainers owns. */
type Dockerode = ContainerRuntimeClient["container"]["dockerode"];

export interface ImageOptions {
  readonly dockerode: Dockerode;
  /** FAULTLINE_BASE_IMAGE, FAULTLINE_ETCD_IMAGE and FAULTLINE_TOXIPROXY_IMAGE name other images than the usual ones. */
  readonly environment: NodeJS.ProcessEnv;
  /** Told before something that takes long. */
  readonly say: (text: string) => void;
  readonly signal: AbortSignal;
}

/** Of a Toxiproxy, either kind. */
export interface ProxyImage {
  readonly image: string;
  /** For the report. */
  readonly name: string;
  /** Arguments of its entry point with which it serves its API at `port` of all addresses. */
  readonly command: (port: number, seed: number) => readonly string[];
}

/** No image can be had: why and what to do, in one line. Exit code 69. */
export class ImageError extends Error {
  override readonly name = "ImageError";
}
