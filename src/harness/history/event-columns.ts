import type { ObservedKeyValue, WatchEventRecord } from "../model/history.ts";

/** One change as a watcher was sent it; keys and values are the recorder's codes. */
export interface DeliveredEvent extends Required<Pick<WatchEventRecord, "kind" | "createRevision" | "response">> {
  readonly key: number;
  readonly value: number;
  readonly revision: number;
  readonly version: number;
  /** As in `WatchEventRecord`: absent where it was not asked for. */
  readonly previous?: (Omit<ObservedKeyValue, "value"> & { readonly value: number }) | null;
}

const NOT_ASKED = 0;
const NONE = 1;
const PRESENT = 2;

/** Fixed columns for a stretch of watch events: no object is kept while load runs (D12). */
export class EventColumns {
  readonly atNs: Float64Array;
  readonly watcher: Uint16Array;
  readonly #revision: Float64Array;
  readonly #version: Float64Array;
  readonly #createRevision: Float64Array;
  readonly #response: Float64Array;
  readonly #key: Int32Array;
  readonly #value: Int32Array;
  readonly #deletion: Uint8Array;
  /** Few watches ask for it: null in a stretch without any. */
  #previous: PreviousColumns | null = null;

  constructor(rows: number) {
    this.atNs = new Float64Array(rows);
    this.watcher = new Uint16Array(rows);
    this.#revision = new Float64Array(rows);
    this.#version = new Float64Array(rows);
    this.#createRevision = new Float64Array(rows);
    this.#response = new Float64Array(rows);
    this.#key = new Int32Array(rows);
    this.#value = new Int32Array(rows);
    this.#deletion = new Uint8Array(rows);
  }

  write(row: number, watcher: number, atNs: number, event: DeliveredEvent): void {
    this.watcher[row] = watcher;
    this.atNs[row] = atNs;
    this.#deletion[row] = event.kind === "delete" ? 1 : 0;
    this.#key[row] = event.key;
    this.#value[row] = event.value;
    this.#revision[row] = event.revision;
    this.#version[row] = event.version;
    this.#createRevision[row] = event.createRevision;
    this.#response[row] = event.response;
    if (event.previous === undefined) return;
    this.#previous ??= new PreviousColumns(this.atNs.length);
    this.#previous.write(row, event.previous);
  }

  read(row: number): DeliveredEvent {
    const previous = this.#previous?.read(row);
    return {
      kind: this.#deletion[row] === 1 ? "delete" : "put",
      key: this.#key[row] as number,
      value: this.#value[row] as number,
      revision: this.#revision[row] as number,
      version: this.#version[row] as number,
      createRevision: this.#createRevision[row] as number,
      response: this.#response[row] as number,
      ...(previous === undefined ? {} : { previous }),
    };
  }
}

class PreviousColumns {
  readonly #state: Uint8Array;
  readonly #value: Int32Array;
  readonly #createRevision: Float64Array;
  readonly #modRevision: Float64Array;
  readonly #version: Float64Array;

  constructor(rows: number) {
    this.#state = new Uint8Array(rows);
    this.#value = new Int32Array(rows);
    this.#createRevision = new Float64Array(rows);
    this.#modRevision = new Float64Array(rows);
    this.#version = new Float64Array(rows);
  }

  write(row: number, previous: NonNullable<DeliveredEvent["previous"]> | null): void {
    this.#state[row] = previous === null ? NONE : PRESENT;
    if (previous === null) return;
    this.#value[row] = previous.value;
    this.#createRevision[row] = previous.createRevision;
    this.#modRevision[row] = previous.modRevision;
    this.#version[row] = previous.version;
  }

  read(row: number): DeliveredEvent["previous"] {
    const state = this.#state[row] ?? NOT_ASKED;
    if (state === NOT_ASKED) return undefined;
    if (state === NONE) return null;
    return {
      value: this.#value[row] as number,
      createRevision: this.#createRevision[row] as number,
      modRevision: this.#modRevision[row] as number,
      version: this.#version[row] as number,
    };
  }
}
