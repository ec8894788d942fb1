/** The network between machines: packets are late, out of order, doubled or lost, links are cut in one direction or both. */
import type { Prng } from "../base/prng.ts";
import type { SnapshotSource } from "../env/transport.ts";
import type { Message } from "../etcd/model.ts";
import { formatMessage } from "../etcd/raft/format.ts";
import type { LostKind, NetworkPlan } from "./model.ts";
import { type NetworkPort, type NetworkProcess, Streams } from "./streams.ts";
import { machineName, machineOf, memberId, nameOf, type World } from "./world.ts";

/** What a cut link holds back, as connections do that outlive it. */
const HELD_MAX = 64;
const QUIET: NetworkPlan = {
  delayMs: 0.5,
  lateChance: 0,
  lateMs: 0,
  dropChance: 0,
  duplicateChance: 0,
  splitChance: 0,
  breakChance: 0,
};

/** Hears of every message, lost ones included. */
export interface NetworkListener {
  sent(message: Message): void;
  arrived(message: Message): void;
}

interface Link {
  /** How many faults block it. */
  blocks: number;
  /** Of those, how many hold back instead of losing. */
  holds: number;
  held: (readonly Message[])[];
}

export class Network {
  readonly #world: World;
  readonly #chance: Prng;
  readonly #ports: readonly NetworkPort[];
  readonly #links: readonly (readonly Link[])[];
  readonly #streams: Streams;
  #plan: NetworkPlan;
  #stormDropChance = 0;
  readonly #listeners = new Set<NetworkListener>();
  readonly #losses = new Set<{ readonly lost: LostKind; readonly chance: number }>();

  constructor(world: World, ports: readonly NetworkPort[]) {
    this.#world = world;
    this.#chance = world.chance("network");
    this.#ports = ports;
    this.#plan = world.scenario.network;
    this.#links = ports.map(() => ports.map(() => ({ blocks: 0, holds: 0, held: [] })));
    const streamChance = world.chance("streams");
    this.#streams = new Streams(world, ports, {
      isOpen: (from, to) => this.#link(from, to).blocks === 0,
      delayUs: () => 50 + streamChance.exponential(this.#plan.delayMs * 1000),
      breaks: () => streamChance.float() < this.#plan.breakChance + this.#stormDropChance,
    });
  }

  send(from: number, to: number, messages: readonly Message[]): void {
    if (!this.#isKnown(from, to)) {
      this.#world.count("messages to an old address", messages.length);
      return;
    }
    for (const { sent } of this.#listeners) messages.forEach(sent);
    const split = messages.length > 1 && this.#chance.float() < this.#plan.splitChance;
    for (const packet of split ? messages.map((message) => [message]) : [messages]) this.#sendPacket(from, to, packet);
  }

  /** Whether the process there took it, as far as the sender hears. */
  async sendSnapshot(from: number, to: number, source: SnapshotSource): Promise<boolean> {
    if (this.#isKnown(from, to))
      return this.#streams.sendSnapshot(from, to, source, this.#world.scenario.snapshotPieces);
    await source.close();
    return false;
  }

  /** Whether a snapshot is on its way from there, or to there. */
  isStreaming(machine: number): boolean {
    return this.#streams.isStreaming(machine);
  }

  /** Null when there is no answer in time. */
  async request(from: number, to: number, request: Uint8Array, timeoutMs: number): Promise<Uint8Array | null> {
    return this.#isKnown(from, to) ? this.#streams.request(from, to, request, timeoutMs) : null;
  }

  /** Whether the sender would find the machine under an address that it knows. */
  #isKnown(from: number, to: number): boolean {
    const process = this.#ports[from]?.process ?? null;
    if (process === null || process.peers === null) return true;
    const { addresses } = this.#ports[to] as NetworkPort;
    const urls = process.peers.get(memberId(to));
    return urls === undefined ? process.heardOf.has(memberId(to)) : urls.some((url) => addresses.has(url));
  }

  block(from: number, to: number, holds: boolean): void {
    const link = this.#link(from, to);
    link.blocks++;
    if (holds) link.holds++;
    // The sender's connection breaks, sooner or later; or it does not notice.
    if (link.blocks === 1 && this.#chance.float() < 0.5) this.#breakConnection(from, to);
  }

  unblock(from: number, to: number, held: boolean): void {
    const link = this.#link(from, to);
    link.blocks--;
    if (held) link.holds--;
    if (link.blocks > 0) return;
    const waiting = link.held;
    link.held = [];
    for (const packet of waiting) this.#travel(from, to, packet);
  }

  storm(dropChance: number): void {
    this.#stormDropChance = dropChance;
  }

  /** Until the returned function is called. */
  listen(listener: NetworkListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Until the returned function is called. */
  lose(lost: LostKind, chance: number): () => void {
    const loss = { lost, chance };
    this.#losses.add(loss);
    return () => void this.#losses.delete(loss);
  }

  /** No more noise: for what comes after the faults. */
  calm(): void {
    this.#plan = QUIET;
    this.#stormDropChance = 0;
  }

  /** A process ended: whoever sends to it finds its connection closed. */
  closed(machine: number): void {
    for (const peer of this.#ports.keys()) if (peer !== machine) this.#breakConnection(peer, machine);
  }

  #breakConnection(from: number, to: number): void {
    this.#world.scheduler.after(this.#chance.exponential(200_000), () =>
      this.#at(from, ({ handler }) => handler?.unreachable(memberId(to))),
    );
  }

  #sendPacket(from: number, to: number, sent: readonly Message[]): void {
    const { dropChance, duplicateChance } = this.#plan;
    this.#world.count("messages", sent.length);
    const packet = this.#losses.size === 0 ? sent : sent.filter((message) => !this.#isPicked(message));
    if (packet.length === 0) return;
    if (this.#chance.float() < dropChance + this.#stormDropChance) {
      this.#world.count("messages dropped", packet.length);
      if (this.#world.tells) this.#tell(packet, "lost:");
      return;
    }
    this.#travel(from, to, packet);
    if (duplicateChance > 0 && this.#chance.float() < duplicateChance) {
      this.#world.count("messages duplicated", packet.length);
      this.#travel(from, to, packet);
    }
  }

  #isPicked(message: Message): boolean {
    const kind = kindOf(message);
    for (const { lost, chance } of this.#losses) {
      if (lost !== kind || this.#chance.float() >= chance) continue;
      this.#world.count("messages picked out");
      if (this.#world.tells) this.#tell([message], "lost:");
      return true;
    }
    return false;
  }

  #travel(from: number, to: number, packet: readonly Message[]): void {
    const { delayMs, lateChance, lateMs } = this.#plan;
    const isLate = lateChance > 0 && this.#chance.float() < lateChance;
    const delay = 0.05 + this.#chance.exponential(isLate ? lateMs : delayMs);
    if (isLate) this.#world.count("messages late", packet.length);
    this.#world.scheduler.after(delay * 1000, () => this.#arrive(from, to, packet));
  }

  #arrive(from: number, to: number, packet: readonly Message[]): void {
    const link = this.#link(from, to);
    if (link.blocks > 0) {
      if (link.holds === link.blocks && link.held.length < HELD_MAX) link.held.push(packet);
      else this.#world.count("messages cut off", packet.length);
      return;
    }
    if (this.#ports[to]?.process?.removed.has(memberId(from)) === true) {
      this.#world.count("messages of removed members", packet.length);
      this.#world.scheduler.after(this.#plan.delayMs * 1000, () => this.#at(from, ({ handler }) => handler?.removed()));
      return;
    }
    this.#ports[to]?.process?.heardOf.add(memberId(from));
    if (this.#world.tells) this.#tell(packet, "");
    for (const message of packet) this.#look(message);
    for (const { arrived } of this.#listeners) packet.forEach(arrived);
    this.#at(to, ({ handler }) => handler?.messages(memberId(from), packet));
  }

  /** As a step of whatever process the machine runs now. */
  #at(machine: number, action: (process: NetworkProcess) => void): void {
    const port = this.#ports[machine];
    const process = port?.process ?? null;
    if (process !== null) port?.run(process, () => action(process));
  }

  #look(message: Message): void {
    this.#world.stir(message.kind.length + message.term);
    if (message.kind === "vote-response") this.#world.count(message.granted ? "votes granted" : "votes refused");
    else if (message.kind === "pre-vote-response" && !message.granted) this.#world.count("pre-votes refused");
    else if (message.kind === "append-response" && message.rejected !== null) this.#world.count("appends rejected");
    else if (message.kind === "read-index-response" && message.index === null) this.#world.count("reads dropped");
    else if (message.kind === "read-index") this.#world.count("reads forwarded");
    else if (message.kind === "propose") this.#world.count("proposals forwarded", message.data.length);
  }

  #tell(packet: readonly Message[], what: string): void {
    for (const message of packet) {
      const from = machineName(machineOf(message.from));
      this.#world.tell(from, () => `${what === "" ? "" : `${what} `}${formatMessage(message, nameOf)}`);
    }
  }

  #link(from: number, to: number): Link {
    return this.#links[from]?.[to] as Link;
  }
}

function kindOf(message: Message): LostKind {
  if (message.kind !== "append") return message.kind;
  return message.entries.length > 0 ? "entries" : "empty-append";
}
