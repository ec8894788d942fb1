/**
 * Keeps the books on every machine's log, from what it hands to its disk and what the disk says is done, and asserts after every
 * event what must never be otherwise: one leader a term; a durable vote stays; the same entry at each committed index
 * everywhere; committed and acknowledged means synced on a quorum; applied is never past synced; a restart finds all that
 * was durable and nothing that was not written. Feeds the twin with what is committed.
 */
import { equalBytes } from "../base/bytes.ts";
import { type MemberId, NO_MEMBER } from "../base/ids.ts";
import type { Entry, HardState, MemberStatus } from "../etcd/model.ts";
import type { Twin } from "./twin.ts";
import { machineName, nameOf, type World } from "./world.ts";

interface Batch {
  readonly hardState: HardState | null;
  readonly entries: readonly Entry[];
}

class Book {
  /** All it has handed to its disk. */
  written: Entry[] = [];
  /** What its disk has synced. */
  durable: Entry[] = [];
  hardState: HardState | null = null;
  /** Handed over and not synced, oldest first. */
  pending: Batch[] = [];
  readonly votes = new Map<number, MemberId>();
  /** Compared with the cluster's log up to here, in this life. */
  compared = 0;
}

export class Ledger {
  readonly #world: World;
  readonly #twin: Twin;
  readonly #books: readonly Book[];
  readonly #leaders = new Map<number, MemberId>();
  /** The cluster's log as far as any member holds it committed. */
  readonly #committed: Entry[] = [];

  constructor(world: World, twin: Twin) {
    this.#world = world;
    this.#twin = twin;
    this.#books = Array.from({ length: world.scenario.members }, () => new Book());
  }

  get committedIndex(): number {
    return this.#committed.length;
  }

  handedOver(machine: number, batch: Batch): void {
    const book = this.#book(machine);
    book.pending.push(batch);
    const first = batch.entries[0];
    if (first === undefined) return;
    if (first.index <= book.written.length) this.#world.count("entries replaced");
    write(book.written, batch.entries);
  }

  synced(machine: number): void {
    const book = this.#book(machine);
    const batch = book.pending.shift();
    if (batch === undefined) {
      this.#world.fail("restart", `${machineName(machine)}: more syncs than batches`);
      return;
    }
    write(book.durable, batch.entries);
    if (batch.hardState !== null) this.#save(machine, batch.hardState);
  }

  /** A process found this in its log. It must be what was durable, and maybe what was written after that, in order. */
  restarted(machine: number, hardState: HardState, entries: readonly Entry[]): void {
    const book = this.#book(machine);
    const expected = [...book.durable];
    let saved = book.hardState;
    let found = matches(expected, saved, entries, hardState);
    for (const batch of book.pending) {
      if (found) break;
      write(expected, batch.entries);
      saved = batch.hardState ?? saved;
      found = matches(expected, saved, entries, hardState);
    }
    this.#world.check(found, "restart", () => {
      const durable = `${book.durable.length} entries, term ${book.hardState?.term ?? 0}`;
      const name = machineName(machine);
      return `${name} had made ${durable} durable and found ${entries.length}, term ${hardState.term}: not those, nor those and what it wrote after`;
    });
    book.durable = [...entries];
    book.written = [...entries];
    book.pending = [];
    book.compared = 0;
    this.#save(machine, hardState);
  }

  /** After each event of a machine. */
  observe(machine: number, status: MemberStatus): void {
    const { role, term, identity, commitIndex, appliedIndex, revision } = status;
    const book = this.#book(machine);
    if (role === "leader") this.#leads(identity.member, term);
    for (let index = book.compared + 1; index <= commitIndex; index++) this.#compare(machine, index);
    book.compared = Math.max(book.compared, commitIndex);
    if (appliedIndex > book.durable.length || appliedIndex > this.#committed.length) {
      const { length } = book.durable;
      const far = `${length} entries synced, ${this.#committed.length} committed`;
      this.#world.fail("applied before synced", `${machineName(machine)} has applied ${appliedIndex}, with ${far}`);
    } else if (revision !== this.#twin.revisionAt(appliedIndex)) {
      const twin = this.#twin.revisionAt(appliedIndex);
      const text = `${machineName(machine)} is at revision ${revision} at index ${appliedIndex}, the twin at ${twin}`;
      this.#world.fail("state differs from the twin", text);
    }
  }

  /** How many machines hold the committed entry at `index` on their disks. */
  holders(index: number): number {
    const entry = this.#committed[index - 1];
    return this.#books.filter((book) => isSameEntry(book.durable[index - 1], entry)).length;
  }

  #leads(member: MemberId, term: number): void {
    const known = this.#leaders.get(term);
    if (known === undefined) {
      this.#leaders.set(term, member);
      this.#world.count("leaders elected");
    } else if (known !== member)
      this.#world.fail("two leaders", `term ${term} has the leaders ${nameOf(known)} and ${nameOf(member)}`);
  }

  #save(machine: number, hardState: HardState): void {
    const book = this.#book(machine);
    book.hardState = hardState;
    const { term, vote } = hardState;
    const known = book.votes.get(term) ?? NO_MEMBER;
    if (known !== NO_MEMBER && known !== vote) {
      const now = vote === NO_MEMBER ? "nobody" : nameOf(vote);
      const text = `${machineName(machine)} had voted for ${nameOf(known)} in term ${term}, and now for ${now}`;
      this.#world.fail("vote changed", text);
    }
    book.votes.set(term, vote);
  }

  #compare(machine: number, index: number): void {
    const entry = this.#book(machine).written[index - 1];
    if (entry === undefined) {
      const text = `${machineName(machine)} holds ${index} committed, beyond its log`;
      this.#world.fail("committed entries differ", text);
      return;
    }
    const agreed = this.#committed[index - 1];
    if (agreed !== undefined) {
      this.#world.check(isSameEntry(entry, agreed), "committed entries differ", () => {
        const ours = `${entry.data.length} bytes of term ${entry.term}`;
        return `${machineName(machine)} holds ${ours} committed at ${index}, another member ${agreed.data.length} bytes of term ${agreed.term}`;
      });
      return;
    }
    this.#committed.push(entry);
    this.#world.stir(entry.term);
    const quorum = Math.floor(this.#books.length / 2) + 1;
    const holders = this.holders(index);
    this.#world.check(holders >= quorum, "not on a quorum", () => {
      return `${machineName(machine)} holds entry ${index} of term ${entry.term} committed, but only ${holders} of ${this.#books.length} have synced it`;
    });
    this.#twin.replay(entry);
  }

  #book(machine: number): Book {
    return this.#books[machine] as Book;
  }
}

function write(log: Entry[], entries: readonly Entry[]): void {
  const first = entries[0];
  if (first === undefined) return;
  log.length = first.index - 1;
  for (const entry of entries) log.push(entry);
}

/** By identity first: what travelled through memory is the same object. */
function isSameEntry(one: Entry | undefined, other: Entry | undefined): boolean {
  if (one === other) return true;
  if (one === undefined || other === undefined) return false;
  return one.term === other.term && one.kind === other.kind && equalBytes(one.data, other.data);
}

function matches(
  expected: readonly Entry[],
  saved: HardState | null,
  entries: readonly Entry[],
  hardState: HardState,
): boolean {
  if (expected.length !== entries.length) return false;
  const { term, vote } = saved ?? { term: 0, vote: NO_MEMBER };
  if (term !== hardState.term || vote !== hardState.vote) return false;
  return entries.every((entry, position) => isSameEntry(entry, expected[position]));
}
