/**
 * Keeps the books on every machine's log, from what it hands to its disk and what the disk says is done, and asserts after every
 * event what must never be otherwise:
 *
 *   one leader a term, elected by the durable votes of a quorum; a durable vote stays
 *   the same entry at each committed index everywhere, and every log begins behind a committed one, with the members of then
 *   committed and acknowledged means synced on a quorum of the configuration; applied is never past synced
 *   the configuration changes one member at a time, each change committed before the next; who is to take over lacks nothing
 *   a restart finds all that was durable and nothing that was not written
 *
 * Feeds the twin with what is committed.
 */
import { type MemberId, NO_MEMBER } from "../base/ids.ts";
import type { BucketReader } from "../etcd/backend/backend.ts";
import type { Member } from "../etcd/member.ts";
import type { Configuration, Entry, HardState, LogBase, MemberStatus, Message } from "../etcd/model.ts";
import { type Batch, BookedLog, isSameConfiguration, isSameEntry, isSameLog, NOTHING } from "./books.ts";
import { keysDifference } from "./contents.ts";
import type { Twin } from "./twin.ts";
import { machineName, machineOf, nameOf, type World } from "./world.ts";

class Book {
  /** All it has handed to its disk. */
  written: BookedLog;
  /** What its disk has synced. */
  durable: BookedLog;
  hardState: HardState | null = null;
  /** Handed over and not synced, oldest first. */
  pending: Batch[] = [];
  readonly votes = new Map<number, MemberId>();
  /** Compared with the cluster's log up to here, in this life. */
  compared = 0;
  /** What the store was known to hold durably. */
  stored = 0;
  /** The state is being loaded: it counts from this index on. */
  loadedAt = 0;
  /** The members that it goes by, and those of its log, when they were last compared. */
  agreed: readonly [Configuration, Configuration] | null = null;
  /** As it last showed itself, in this life. */
  last: MemberStatus | null = null;

  constructor(base: LogBase) {
    this.written = new BookedLog(base);
    this.durable = new BookedLog(base);
  }
}

/** What a process found on its disk. */
export interface FoundLog {
  /** Null: where the machine began. */
  readonly base: LogBase | null;
  readonly hardState: HardState;
  readonly entries: readonly Entry[];
}

/** What only grows as long as a process lives. */
const MARKS = ["term", "commitIndex", "appliedIndex", "revision"] as const;

export class Ledger {
  readonly #world: World;
  readonly #twin: Twin;
  /** By index, as of when the entry was found committed: a quorum of any of them was enough. */
  readonly #deciders = new Map<number, readonly Configuration[]>();
  readonly #books: readonly Book[];
  readonly #leaders = new Map<number, MemberId>();
  /** By term: since when its leader leads, as far as was seen. */
  readonly #ledSinceUs = new Map<number, number>();
  /** The cluster's log as far as any member holds it committed. */
  readonly #committed: BookedLog;
  readonly #changesSeen = new WeakSet<Entry>();
  readonly #listeners: ((before: Configuration, after: Configuration) => void)[] = [];

  /** `founding`: where the founders' logs begin; all other machines know nothing. */
  constructor(world: World, twin: Twin, founding: LogBase, machines: number) {
    this.#world = world;
    this.#twin = twin;
    this.#committed = new BookedLog(founding);
    this.#books = Array.from({ length: machines }, (_, number) => {
      const isFounder = founding.configuration.voters.some((voter) => machineOf(voter) === number);
      return new Book(isFounder ? founding : NOTHING);
    });
  }

  get committedIndex(): number {
    return this.#committed.lastIndex;
  }

  /** As of the last entry that is committed. */
  get configuration(): Configuration {
    return this.#committed.configuration;
  }

  /** The newest in which anybody has led; 0: none. */
  get leadingTerm(): number {
    return [...this.#leaders.keys()].reduce((a, b) => Math.max(a, b), 0);
  }

  /** Infinity: nobody has led in that term. */
  ledSinceUs(term: number): number {
    return this.#ledSinceUs.get(term) ?? Number.POSITIVE_INFINITY;
  }

  isMember(id: MemberId): boolean {
    const { voters, learners } = this.configuration;
    return voters.includes(id) || learners.includes(id);
  }

  /** Calls `listener` whenever a change is committed. */
  onConfiguration(listener: (before: Configuration, after: Configuration) => void): void {
    this.#listeners.push(listener);
  }

  // ------------------------------------------------------------------------------------------------------------ disks

  handedOver(machine: number, batch: Batch): void {
    const book = this.#book(machine);
    book.pending.push(batch);
    const [first] = batch.entries;
    if (first !== undefined && first.index <= book.written.lastIndex) this.#world.count("entries replaced");
    if (batch.snapshot !== null) this.#expectCommitted(machine, batch.snapshot.base);
    book.written.take(batch);
  }

  synced(machine: number): void {
    const book = this.#book(machine);
    const batch = book.pending.shift();
    if (batch === undefined) {
      this.#world.fail("restart", `${machineName(machine)}: more syncs than batches`);
      return;
    }
    book.durable.take(batch);
    if (batch.hardState !== null) this.#save(machine, batch.hardState);
  }

  /** A process found this in its log. It must be what was durable, and maybe what was written after that, in order. */
  restarted(machine: number, { base, hardState, entries }: FoundLog): void {
    const book = this.#book(machine);
    const log = new BookedLog(base ?? book.durable.base, entries);
    const expected = book.durable.copy();
    let saved = book.hardState;
    let isFound = isSameLog(log, expected) && isSameVote(saved, hardState);
    for (const batch of book.pending) {
      if (isFound) break;
      expected.take(batch);
      saved = batch.hardState ?? saved;
      isFound = isSameLog(log, expected) && isSameVote(saved, hardState);
    }
    this.#world.check(isFound, "restart", () => {
      const durable = `${spanOf(book.durable)}, term ${book.hardState?.term ?? 0}`;
      const found = `${spanOf(log)}, term ${hardState.term}`;
      return `${machineName(machine)} had made ${durable} durable and found ${found}: not those, nor those and what it wrote after`;
    });
    book.durable = log.copy();
    book.written = log;
    book.pending = [];
    book.compared = 0;
    book.last = null;
    this.#save(machine, hardState);
  }

  /** The store that a process found must be what a prefix of the committed log says, and no less of it than was durable. */
  storeFound(machine: number, store: BucketReader, storedIndex: number): void {
    const book = this.#book(machine);
    const isEnough = storedIndex >= book.stored && storedIndex <= this.committedIndex;
    this.#world.check(isEnough || storedIndex <= NOTHING.index, "restart", () => {
      const text = `${machineName(machine)} had ${book.stored} entries durable in its store and found ${storedIndex}`;
      return `${text}, with ${this.committedIndex} committed`;
    });
    const difference = isEnough ? keysDifference(store, this.#twin, storedIndex) : null;
    this.#world.check(difference === null, "restart", () => {
      return `${machineName(machine)} found a store of entry ${storedIndex} that is not what the log says: ${difference}`;
    });
    book.stored = storedIndex;
    book.loadedAt = storedIndex;
  }

  /** A snapshot takes the place of its state. */
  installing(machine: number, base: LogBase): void {
    this.#book(machine).loadedAt = base.index;
  }

  // ---------------------------------------------------------------------------------------------------------- members

  /** After each event of a machine; its store holds what it applied up to `storedIndex` durably. */
  observe(machine: number, member: Pick<Member, "status" | "configuration">, storedIndex: number): void {
    const { status, configuration } = member;
    const { role, term, leader, identity, commitIndex, appliedIndex, revision } = status;
    const book = this.#book(machine);
    book.stored = Math.max(book.stored, storedIndex);
    if (role === "leader") this.#leads(machine, identity.member, term);
    for (let index = Math.max(book.compared, book.written.base.index) + 1; index <= commitIndex; index++)
      this.#compare(machine, index);
    book.compared = Math.max(book.compared, commitIndex);
    this.#expectSingleChanges(machine);
    const elected = this.#leaders.get(term) ?? NO_MEMBER;
    this.#world.check(leader === NO_MEMBER || leader === elected, "two leaders", () => {
      return `${machineName(machine)} takes ${nameOf(leader)} for the leader of term ${term}, which elected ${nameOf(elected)}`;
    });
    if (appliedIndex > book.durable.lastIndex || appliedIndex > this.committedIndex) {
      const far = `${book.durable.lastIndex} synced, ${this.committedIndex} committed`;
      this.#world.fail("applied before synced", `${machineName(machine)} has applied ${appliedIndex}, with ${far}`);
    } else if (appliedIndex >= book.loadedAt && revision !== this.#twin.revisionAt(appliedIndex)) {
      const twin = this.#twin.revisionAt(appliedIndex);
      const text = `${machineName(machine)} is at revision ${revision} at index ${appliedIndex}, the twin at ${twin}`;
      this.#world.fail("state differs from the twin", text);
    }
    this.#expectForward(machine, status);
    this.#expectConfiguration(machine, configuration);
    book.last = status;
  }

  /** Who decides is what the log says, also when a snapshot has taken the log's place. */
  #expectConfiguration(machine: number, configuration: Configuration): void {
    const book = this.#book(machine);
    const { configuration: booked } = book.written;
    // Both stay the same objects from event to event.
    if (book.agreed?.[0] === configuration && book.agreed[1] === booked) return;
    book.agreed = [configuration, booked];
    this.#world.check(isSameConfiguration(configuration, booked), "members disagree", () => {
      const text = `${machineName(machine)} goes by ${membersText(configuration)} as the members`;
      return `${text}, and its log says ${membersText(booked)}`;
    });
  }

  #expectForward(machine: number, status: MemberStatus): void {
    const { last, loadedAt } = this.#book(machine);
    if (last === null) return;
    for (const what of MARKS) {
      if (status[what] >= last[what] || (what === "revision" && status.appliedIndex < loadedAt)) continue;
      this.#world.fail("went back", `${machineName(machine)}: ${what} went back from ${last[what]} to ${status[what]}`);
    }
  }

  /** Whoever is asked to take over at once holds all that its leader has written (Raft dissertation, section 3.10). */
  sent(message: Message): void {
    if (message.kind !== "timeout-now") return;
    const { written } = this.#book(machineOf(message.from));
    const { durable } = this.#book(machineOf(message.to));
    const last = written.lastIndex;
    const isComplete = durable.base.index >= last || durable.termAt(last) === written.termAt(last);
    this.#world.check(isComplete, "stale transfer", () => {
      const lack = `whose log has ${spanOf(durable)}, its own ${spanOf(written)}`;
      return `${nameOf(message.from)} asks ${nameOf(message.to)} to take over, ${lack}`;
    });
  }

  /** Which quorum lacks the committed entry at `index` on its disks; null when none does: of whoever decided then or later. */
  lackAt(index: number): string | null {
    const later = this.#committed.configured.filter((each) => each.index > index);
    return this.#lack(index, [...(this.#deciders.get(index) ?? []), ...later.map((each) => each.configuration)]);
  }

  #lack(index: number, configurations: readonly Configuration[]): string | null {
    let text = "no member holds it committed";
    for (const { voters } of configurations) {
      const holders = voters.filter((voter) => this.#holds(voter, index)).length;
      if (2 * holders > voters.length) return null;
      text = `only ${holders} of ${voters.length} have synced it`;
    }
    return text;
  }

  #holds(voter: MemberId, index: number): boolean {
    const { durable } = this.#book(machineOf(voter));
    return durable.base.index >= index || isSameEntry(durable.at(index), this.#committed.at(index));
  }

  #leads(machine: number, member: MemberId, term: number): void {
    const known = this.#leaders.get(term);
    if (known === member) return;
    if (known !== undefined) {
      this.#world.fail("two leaders", `term ${term} has the leaders ${nameOf(known)} and ${nameOf(member)}`);
      return;
    }
    this.#leaders.set(term, member);
    this.#ledSinceUs.set(term, this.#world.scheduler.nowUs);
    this.#world.count("leaders elected");
    const { voters } = this.#book(machine).written.configuration;
    const votes = voters.filter((voter) => this.#book(machineOf(voter)).votes.get(term) === member).length;
    this.#world.check(2 * votes > voters.length, "not elected", () => {
      return `${nameOf(member)} leads in term ${term} with ${votes} durable votes of ${voters.length} voters`;
    });
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

  // --------------------------------------------------------------------------------------------------------- entries

  #compare(machine: number, index: number): void {
    const { written } = this.#book(machine);
    const entry = written.at(index);
    if (entry === undefined) {
      const text = `${machineName(machine)} holds ${index} committed, beyond its log`;
      this.#world.fail("committed entries differ", text);
      return;
    }
    if (index <= this.committedIndex) {
      const agreed = this.#committed.at(index);
      this.#world.check(isSameEntry(entry, agreed), "committed entries differ", () => {
        return `${machineName(machine)} holds ${sizeOf(entry)} committed at ${index}, another member ${sizeOf(agreed)}`;
      });
      return;
    }
    const before = this.#committed.configuration;
    this.#committed.take({ snapshot: null, entries: [entry] });
    if (entry.kind === "config") for (const tell of this.#listeners) tell(before, this.#committed.configuration);
    this.#world.stir(entry.term);
    const deciders = decidersAt(written, index);
    this.#deciders.set(index, deciders);
    const lack = this.#lack(index, deciders);
    this.#world.check(lack === null, "not on a quorum", () => {
      return `${machineName(machine)} holds entry ${index} of term ${entry.term} committed, but ${lack}`;
    });
    this.#twin.replay(entry);
  }

  /** A log may begin behind what is committed only, and must know who decided there. */
  #expectCommitted(machine: number, { index, term, configuration }: LogBase): void {
    const isKnown = index <= this.committedIndex && index >= this.#committed.base.index;
    const agreed = isKnown ? this.#committed.termAt(index) : undefined;
    this.#world.check(agreed === term, "committed entries differ", () => {
      const known = agreed === undefined ? "nobody has that committed" : `that entry is of term ${agreed}`;
      return `${machineName(machine)} lets its log begin behind entry ${index} of term ${term}, but ${known}`;
    });
    if (agreed !== term) return;
    const then = this.#committed.configurationAt(index);
    this.#world.check(isSameConfiguration(then, configuration), "members disagree", () => {
      const text = `as of entry ${index}, ${machineName(machine)} takes ${membersText(configuration)} for the members`;
      return `${text}, not ${membersText(then)}`;
    });
  }

  /** Each change begins when the one before is committed, and an entry of its leader's term is (dissertation, section 4.1). */
  #expectSingleChanges(machine: number): void {
    const { written } = this.#book(machine);
    for (const [i, { index }] of written.configured.entries()) {
      const entry = written.at(index) as Entry;
      if (this.#changesSeen.has(entry)) continue;
      this.#changesSeen.add(entry);
      const before = written.configured[i - 1]?.index ?? written.base.index;
      let known = Math.min(index - 1, this.committedIndex);
      while (known > this.#committed.base.index && (this.#committed.termAt(known) as number) > entry.term) known--;
      const isOfTerm = this.#committed.termAt(known) === entry.term;
      this.#world.check(before <= this.committedIndex && isOfTerm, "changes overlap", () => {
        const text = `${machineName(machine)} has written a change at ${index} in term ${entry.term}`;
        return `${text} after one at ${before}, with ${this.committedIndex} entries committed`;
      });
    }
  }

  #book(machine: number): Book {
    return this.#books[machine] as Book;
  }
}

function isSameVote(saved: HardState | null, found: HardState): boolean {
  const { term, vote } = saved ?? { term: 0, vote: NO_MEMBER };
  return term === found.term && vote === found.vote;
}

function spanOf({ base, lastIndex }: BookedLog): string {
  return `entries ${base.index + 1} to ${lastIndex}`;
}

function sizeOf(entry: Entry | undefined): string {
  return entry === undefined ? "nothing" : `${entry.data.length} bytes of term ${entry.term}`;
}

function membersText({ voters, learners }: Configuration): string {
  return [...voters.map(nameOf), ...learners.map((id) => `${nameOf(id)} (learner)`)].join(", ");
}

/**
 * Who may decide on an entry: the members it makes, or those of a change written behind it, since its leader counts by the newest
 * that it has written; a single voter decides alone that another decides with it from then on.
 */
function decidersAt(log: BookedLog, index: number): readonly Configuration[] {
  const before = log.configurationAt(index - 1);
  const later = log.configured.filter((each) => each.index > index).map((each) => each.configuration);
  return [...(before.voters.length === 1 ? [before] : []), log.configurationAt(index), ...later];
}
