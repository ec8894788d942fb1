/**
 * Whom the transport is to know: the members of the configuration in effect, which counts from its entry's append on, and those that
 * the state still names, so that whoever leaves hears of it.
 */
import type { MemberId } from "../base/ids.ts";
import type { ClusterTransport } from "../env/transport.ts";
import { decodeMember } from "./cluster/member-codec.ts";
import type { MembersView } from "./cluster/members.ts";
import type { Configuration, Entry, Message } from "./model.ts";
import { decodeConfigEntry } from "./raft/configuration.ts";

export class PeerBook {
  readonly #transport: ClusterTransport<Message>;
  readonly #members: MembersView;
  /** Where those are found whose entry is appended and not applied. */
  readonly #announced = new Map<MemberId, readonly string[]>();
  #told: { readonly configuration: Configuration; readonly list: ReturnType<MembersView["list"]> } | null = null;

  constructor(transport: ClusterTransport<Message>, members: MembersView) {
    this.#transport = transport;
    this.#members = members;
  }

  appended(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.kind !== "config") continue;
      const { context } = decodeConfigEntry(entry);
      if (context.length === 0) continue;
      const { id, peerUrls } = decodeMember(context);
      this.#announced.set(id, peerUrls);
    }
  }

  /** Once a turn. Nothing when all is as it was. */
  update(configuration: Configuration): void {
    const list = this.#members.list();
    if (this.#told?.configuration === configuration && this.#told.list === list) return;
    this.#told = { configuration, list };
    const peers = new Map<MemberId, readonly string[]>();
    for (const id of [...configuration.voters, ...configuration.learners]) {
      const peerUrls = this.#announced.get(id);
      if (peerUrls !== undefined) peers.set(id, peerUrls);
    }
    for (const { id, peerUrls } of list) {
      peers.set(id, peerUrls);
      this.#announced.delete(id);
    }
    peers.delete(this.#members.identity.member);
    this.#transport.setPeers(peers, this.#members.removed);
  }
}
