/**
 * Responses of which watchers share all but the watch id. An event is encoded once for all who want it alike, and a list of events with
 * its header once for all who are sent just these; a watch id is encoded when its watch is created. So one more watcher costs no
 * encoding and hardly any memory: who sends its response copies the two pieces one behind the other.
 */
import { assert } from "../../base/assert.ts";
import { type ResponseHeader, WatchResponse } from "../../proto/gen/etcdserverpb.ts";
import { type Event, EventType } from "../../proto/gen/mvccpb.ts";
import type { StoredKeyValue } from "../model.ts";

/** Larger ones get memory of their own, so that keeping one keeps nothing else. */
const POOLED_MAX_BYTES = 2048;
/** Below this, a loop is faster than the call into the runtime. */
const COPY_LOOP_MAX_BYTES = 32;

/** A watch id, and how it stands in every response. */
export class WatchId {
  readonly value: bigint;
  readonly encoded: Uint8Array;

  constructor(value: bigint) {
    this.value = value;
    this.encoded = WatchResponse.encode(WatchResponse.create({ watchId: value }));
  }
}

/**
 * A response and its encoding: what is its watch's own, then what others are sent, too. Neither is ever changed. (A message's fields
 * may come in any order; the id comes first, so that the rest is one piece.)
 */
export interface OutgoingResponse extends WatchResponse {
  readonly own: Uint8Array;
  readonly shared: Uint8Array;
}

/** A response that answers a request, or ends a watch: without events. */
export function plainResponse(
  header: ResponseHeader,
  watchId: bigint,
  fields: Partial<Omit<WatchResponse, "events">>,
): OutgoingResponse {
  const response = WatchResponse.create({ ...fields, header, watchId });
  return { ...response, own: NOTHING, shared: WatchResponse.encode(response) };
}

/** A response that brings events: made for each watcher, so no more than what it is made of. */
class EventResponse implements OutgoingResponse {
  readonly fragment: boolean;
  readonly shared: Uint8Array;
  readonly #head: Head;
  readonly #watchId: WatchId;
  readonly #list: EventList;

  constructor(head: Head, watchId: WatchId, fragment: boolean, list: EventList) {
    this.fragment = fragment;
    this.shared = list.encoded(head, fragment);
    this.#head = head;
    this.#watchId = watchId;
    this.#list = list;
  }

  get own(): Uint8Array {
    return this.#watchId.encoded;
  }

  get header(): ResponseHeader {
    return this.#head.header;
  }

  get watchId(): bigint {
    return this.#watchId.value;
  }

  get created(): boolean {
    return false;
  }

  get canceled(): boolean {
    return false;
  }

  get compactRevision(): number {
    return 0;
  }

  get cancelReason(): string {
    return "";
  }

  get events(): readonly Event[] {
    return this.#list.events;
  }
}
const NOTHING = new Uint8Array(0);
const FRAGMENT: Uint8Array = WatchResponse.encode(WatchResponse.create({ fragment: true }));

/** The header of all responses of one turn, encoded once. */
export class Head {
  readonly header: ResponseHeader;
  readonly encoded: Uint8Array;

  constructor(header: ResponseHeader) {
    this.header = header;
    this.encoded = WatchResponse.encode(WatchResponse.create({ header }));
  }
}

/** One event as those see it who want what was before it, or as those do who do not. */
class EncodedEvent {
  readonly event: Event;
  #bytes: Uint8Array | null = null;

  constructor(event: Event) {
    this.event = event;
  }

  /** As it stands in a response, tag and length included. */
  get bytes(): Uint8Array {
    this.#bytes ??= WatchResponse.encode(WatchResponse.create({ events: [this.event] }));
    return this.#bytes;
  }
}

/** One change of the store, for all watchers that want it. */
export class SharedChange {
  readonly kv: StoredKeyValue;
  readonly #previousOf: () => StoredKeyValue | null;
  #bare: EncodedEvent | null = null;
  #full: EncodedEvent | null = null;

  /** `previousOf` is asked once, if anybody wants to know. */
  constructor(kv: StoredKeyValue, previousOf: () => StoredKeyValue | null) {
    this.kv = kv;
    this.#previousOf = previousOf;
  }

  event(withPrevious: boolean): EncodedEvent {
    const type = this.kv.version === 0 ? EventType.DELETE : EventType.PUT;
    if (withPrevious) {
      this.#full ??= new EncodedEvent({ type, kv: this.kv, prevKv: this.#previousOf() });
      return this.#full;
    }
    this.#bare ??= new EncodedEvent({ type, kv: this.kv, prevKv: null });
    return this.#bare;
  }
}

/**
 * A list of events as the last link of a chain: lists that begin alike share their beginning, and watchers that want the same
 * events end at the same link. The first link, `EventList.empty()`, holds none.
 */
export class EventList {
  readonly #before: EventList | null;
  readonly #last: EncodedEvent | null;
  /** Most lists go on in one way only. */
  #next: EventList | null = null;
  #others: Map<EncodedEvent, EventList> | null = null;
  #links: readonly EncodedEvent[] | null = null;
  #events: readonly Event[] | null = null;
  #encoded: Uint8Array | null = null;
  #head: Head | null = null;
  /** This list cut into fragments; all who allow that ask for the same size. */
  #pieces: readonly EventList[] | null = null;

  private constructor(before: EventList | null, last: EncodedEvent | null) {
    this.#before = before;
    this.#last = last;
  }

  static empty(): EventList {
    return new EventList(null, null);
  }

  /** This list and one event more. */
  with(event: EncodedEvent): EventList {
    const next = this.#next;
    if (next === null) {
      this.#next = new EventList(this, event);
      return this.#next;
    }
    if (next.#last === event) return next;
    this.#others ??= new Map();
    let other = this.#others.get(event);
    if (other === undefined) {
      other = new EventList(this, event);
      this.#others.set(event, other);
    }
    return other;
  }

  get events(): readonly Event[] {
    this.#events ??= this.#chain().map((each) => each.event);
    return this.#events;
  }

  /** Header, mark and events, encoded once: all who are sent a list are sent it under one header. */
  encoded(head: Head, fragment: boolean): Uint8Array {
    if (this.#encoded === null) {
      const mark = fragment ? FRAGMENT : NOTHING;
      this.#encoded = joined([head.encoded, mark, ...this.#chain().map(({ bytes }) => bytes)]);
      this.#head = head;
    }
    assert(this.#head === head, "a list of events is sent under one header");
    return this.#encoded;
  }

  /** The response with these events to a watch of this id. */
  response(head: Head, watchId: WatchId): OutgoingResponse {
    return new EventResponse(head, watchId, false, this);
  }

  /** The same over several responses near this size, all but the last marked; at least one event in each. */
  fragments(head: Head, watchId: WatchId, fragmentBytes: number): readonly OutgoingResponse[] {
    this.#pieces ??= this.#cut(fragmentBytes);
    const last = this.#pieces.length - 1;
    return this.#pieces.map((piece, i) => new EventResponse(head, watchId, i < last, piece));
  }

  #cut(fragmentBytes: number): readonly EventList[] {
    const pieces: EventList[] = [];
    let piece = EventList.empty();
    let bytes = 0;
    for (const each of this.#chain()) {
      if (bytes > 0 && bytes + each.bytes.length > fragmentBytes) {
        pieces.push(piece);
        piece = EventList.empty();
        bytes = 0;
      }
      piece = piece.with(each);
      bytes += each.bytes.length;
    }
    return pieces.length === 0 ? [this] : [...pieces, piece];
  }

  #chain(): readonly EncodedEvent[] {
    if (this.#links === null) {
      const links: EncodedEvent[] = [];
      for (let at: EventList = this; at.#before !== null; at = at.#before) links.push(at.#last as EncodedEvent);
      this.#links = links.reverse();
    }
    return this.#links;
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = length > POOLED_MAX_BYTES ? Buffer.allocUnsafeSlow(length) : Buffer.allocUnsafe(length);
  let at = 0;
  for (const part of parts) {
    if (part.length > COPY_LOOP_MAX_BYTES) whole.set(part, at);
    else for (let i = 0; i < part.length; i++) whole[at + i] = part[i] as number;
    at += part.length;
  }
  return whole;
}
