/**
 * Responses that watchers share. An event is encoded once for all who want it alike; a list of events once for all who are sent
 * just these; and a response once for all who go by the same watch id. Watchers of streams of their own, all with id 0, are
 * then sent the very same bytes.
 */
import { assert } from "../../base/assert.ts";
import { type ResponseHeader, WatchResponse } from "../../proto/gen/etcdserverpb.ts";
import { type Event, EventType } from "../../proto/gen/mvccpb.ts";
import type { StoredKeyValue } from "../model.ts";

const NO_EVENTS: readonly Event[] = [];
/** Larger ones get memory of their own, so that keeping one keeps nothing else. */
const POOLED_MAX_BYTES = 2048;

/** A response with its encoding, made when it is asked for and only once. */
export class OutgoingResponse implements WatchResponse {
  readonly header: ResponseHeader;
  readonly watchId: bigint;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly compactRevision: number;
  readonly cancelReason: string;
  readonly fragment: boolean;
  readonly #list: EventList | null;
  #encoded: Uint8Array | null = null;

  constructor(
    header: ResponseHeader,
    watchId: bigint,
    fields: Partial<Omit<WatchResponse, "events">> = {},
    list: EventList | null = null,
  ) {
    this.header = header;
    this.watchId = watchId;
    this.created = fields.created ?? false;
    this.canceled = fields.canceled ?? false;
    this.compactRevision = fields.compactRevision ?? 0;
    this.cancelReason = fields.cancelReason ?? "";
    this.fragment = fields.fragment ?? false;
    this.#list = list;
  }

  get events(): readonly Event[] {
    return this.#list === null ? NO_EVENTS : this.#list.events;
  }

  /** Shared between streams: never changed. */
  get encoded(): Uint8Array {
    this.#encoded ??= this.#encode();
    return this.#encoded;
  }

  #encode(): Uint8Array {
    const { header, watchId, created, canceled, compactRevision, cancelReason, fragment } = this;
    const fields = { header, watchId, created, canceled, compactRevision, cancelReason, fragment };
    const head = WatchResponse.encode({ ...fields, events: NO_EVENTS });
    // Events are the field with the highest number: they stand behind all others.
    return this.#list === null ? head : joined([head, this.#list.encoded]);
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
  readonly #responses = new Map<bigint, OutgoingResponse>();

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

  get encoded(): Uint8Array {
    this.#encoded ??= joined(this.#chain().map((each) => each.bytes));
    return this.#encoded;
  }

  /** The response with these events to a watch of this id. All of one list are asked for with one header. */
  response(header: ResponseHeader, watchId: bigint): OutgoingResponse {
    let response = this.#responses.get(watchId);
    if (response === undefined) {
      response = new OutgoingResponse(header, watchId, {}, this);
      this.#responses.set(watchId, response);
    }
    assert(response.header === header, "a list of events is sent under one header");
    return response;
  }

  /** The same over several responses near this size, all but the last marked; at least one event in each. */
  fragments(header: ResponseHeader, watchId: bigint, fragmentBytes: number): readonly OutgoingResponse[] {
    if (this.encoded.length <= fragmentBytes) return [this.response(header, watchId)];
    const lists: EventList[] = [];
    let list = EventList.empty();
    let bytes = 0;
    for (const each of this.#chain()) {
      if (bytes > 0 && bytes + each.bytes.length > fragmentBytes) {
        lists.push(list);
        list = EventList.empty();
        bytes = 0;
      }
      list = list.with(each);
      bytes += each.bytes.length;
    }
    lists.push(list);
    const last = lists.length - 1;
    return lists.map((part, i) => new OutgoingResponse(header, watchId, { fragment: i < last }, part));
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
  if (parts.length === 1) return parts[0] as Uint8Array;
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = length > POOLED_MAX_BYTES ? Buffer.allocUnsafeSlow(length) : Buffer.allocUnsafe(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
