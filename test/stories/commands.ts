import assert from "node:assert/strict";
import type { LogIndex, Term } from "../../src/base/ids.ts";
import type { Change } from "../../src/etcd/model.ts";
import { formatConfiguration, formatEntry } from "../../src/etcd/raft/format.ts";
import { ROOMY, type TestMember } from "../raft/test-member.ts";
import { nameOf, type Shown, World } from "./world.ts";

/** One line of a story: a word, further words, and `key=value` options. */
export interface Command {
  readonly name: string;
  readonly words: readonly string[];
  readonly options: ReadonlyMap<string, string>;
}

export class Story {
  #world: World | null = null;
  #proposals = 0;
  #changes = 0;

  get world(): World {
    assert.ok(this.#world !== null, "a story begins with nodes");
    return this.#world;
  }

  begin(world: World): void {
    assert.ok(this.#world === null, "a story has one cluster");
    this.#world = world;
  }

  nextProposal(): number {
    this.#proposals++;
    return this.#proposals;
  }

  nextChange(): number {
    this.#changes++;
    return this.#changes;
  }
}

type Handler = (story: Story, command: Command) => void;

/**
 * `nodes 3 [leader=n1] [learners=1] [joining=1] [window=2] [bytes=8] [uncommitted=20]`: a fresh cluster, at rest. Its last members are
 * learners; behind them come nodes that are to join.
 */
const nodes: Handler = (story, { words, options }) => {
  const limits = {
    ...ROOMY,
    windowAppends: numberOf(options, "window", ROOMY.windowAppends),
    appendBytes: numberOf(options, "bytes", ROOMY.appendBytes),
    uncommittedBytes: numberOf(options, "uncommitted", ROOMY.uncommittedBytes),
  };
  const founders = Number(words[0]);
  const count = founders + numberOf(options, "joining", 0);
  const world = new World({ count, founders, learners: numberOf(options, "learners", 0) }, limits);
  story.begin(world);
  world.shown = "nothing";
  const leader = options.get("leader");
  if (leader !== undefined) elect(world, leader);
  world.settle();
  world.shown = "results";
};

/** `show nothing|results|everything`: how much the following commands write down. */
const show: Handler = ({ world }, { words }) => {
  const shown = words[0];
  assert.ok(shown === "nothing" || shown === "results" || shown === "everything", "show says how much");
  world.shown = shown satisfies Shown;
};

/** `tick n1 n2 [times=5]`: time passes for some nodes; `tick` alone: for all that run. */
const tick: Handler = ({ world }, { words, options }) => {
  const members = words.length > 0 ? words.map((name) => world.member(name)) : world.members;
  for (let i = 0; i < numberOf(options, "times", 1); i++) {
    for (const member of members) if (member.core !== null) member.step({ kind: "tick" });
    world.settle();
  }
};

/** `campaign n1 [n2]`: time passes for these nodes until their election time is over; they campaign in the same moment. */
const campaign: Handler = ({ world }, { words }) => {
  for (const name of words) becomeRestless(world.member(name));
  world.settle();
};

/** `elect n1`: n1 campaigns after all others have lost sight of their leader, and must win. */
const electCommand: Handler = ({ world }, { words }) => {
  for (const name of words) elect(world, name);
};

/** `cut n1 | n2 n3`: nothing passes between the two sides. `cut n1 > n2`: nothing passes in that direction. */
const cut: Handler = ({ world }, { words }) => {
  for (const [from, to] of links(words)) world.cut(from, to);
};

/** `hold n1 > n2`, `hold n1 | n2 n3`: from now on these messages wait until they are delivered by hand. */
const hold: Handler = ({ world }, { words }) => {
  for (const [from, to] of links(words)) world.hold(from, to);
};

const heal: Handler = ({ world }) => world.heal();

/** `propose n1 [term=1] a b`: proposals with this text, handed over in one turn; with a term, to its leader alone. */
const propose: Handler = (story, { words, options }) => {
  const [name = "", ...texts] = words;
  const member = story.world.member(name);
  const number = numberOf(options, "term", 0);
  const term = number === 0 ? null : (number as Term);
  for (const text of texts) member.step({ kind: "propose", id: story.nextProposal(), data: Buffer.from(text), term });
  story.world.settle();
};

/** `read-index n1 id=7 [to=9]`: reads with these ids, handed over in one turn. */
const readIndex: Handler = ({ world }, { words, options }) => {
  const member = world.member(words[0] ?? "");
  const first = numberOf(options, "id", 1);
  for (let id = first; id <= numberOf(options, "to", first); id++) member.step({ kind: "read-index", id });
  world.settle();
};

const CHANGES: readonly string[] = [
  "add-voter",
  "add-learner",
  "promote",
  "remove",
  "update",
] satisfies Change["kind"][];

/** `change n1 add-voter|add-learner|promote|remove|update n4`: numbered from 1. */
const change: Handler = (story, { words }) => {
  const [name = "", kind, target = ""] = words;
  assert.ok(kind !== undefined && CHANGES.includes(kind), "a change");
  const { world } = story;
  const wanted: Change = { kind: kind as Change["kind"], member: world.member(target).id };
  world.step(world.member(name), {
    kind: "change",
    id: story.nextChange(),
    change: wanted,
    context: new Uint8Array(0),
  });
};

/** `transfer n1 n2`: n1 is asked to hand leadership to n2. */
const transfer: Handler = ({ world }, { words }) =>
  world.step(world.member(words[0] ?? ""), { kind: "transfer", target: world.member(words[1] ?? "").id });

/** `compact n1 5`: n1 forgets its log up to entry 5. */
const compact: Handler = ({ world }, { words }) => {
  world.member(words[0] ?? "").compact(Number(words[1]) as LogIndex);
  world.settle();
};

/**
 * `stream n1 n3`: the file of a snapshot arrives; `stream n1 n3 breaks`: it does not. `stream by-hand|at-once`: from now on, files
 * arrive when they are told to, or at once.
 */
const stream: Handler = ({ world }, { words }) => {
  if (words[0] === "by-hand" || words[0] === "at-once") world.streamsByHand = words[0] === "by-hand";
  else world.endStream(words[0] ?? "", words[1] ?? "", words[2] !== "breaks");
  world.settle();
};

/** `members [n1]`: the configuration in effect. */
const members: Handler = ({ world }, { words }) => {
  for (const { id, core } of chosen(world, words))
    if (core !== null)
      world.lines.push(`${nameOf(id)} follows ${formatConfiguration(core.status.configuration, nameOf)}`);
};

/** `persist n1`: every sync of n1 that is waiting returns. `persist n1 by-hand|at-once`: from now on. */
const persist: Handler = ({ world }, { words }) => {
  const member = world.member(words[0] ?? "");
  if (words[1] === "by-hand") world.syncsByHand.add(member.id);
  else if (words[1] === "at-once") world.syncsByHand.delete(member.id);
  else world.sync(member);
  world.settle();
};

/** `deliver n1 n2 [count=1]`: by hand, the oldest messages between two nodes. `deliver by-hand|at-once`: from now on. */
const deliver: Handler = ({ world }, { words, options }) => {
  const names = world.members.map(({ id }) => nameOf(id));
  if (words[0] === "by-hand") for (const [from, to] of links([...names, "|", ...names])) world.hold(from, to);
  else if (words[0] === "at-once") world.release();
  else world.take(words[0] ?? "", words[1] ?? "", numberOf(options, "count", 1), "deliver");
  world.settle();
};

/** `duplicate n1 n2`: delivers a message that stays on its way. */
const duplicate: Handler = ({ world }, { words }) => world.take(words[0] ?? "", words[1] ?? "", 1, "duplicate");

/** `lose n1 n2 [count=1]`: messages that never arrive. */
const lose: Handler = ({ world }, { words, options }) =>
  world.take(words[0] ?? "", words[1] ?? "", numberOf(options, "count", 1), "lose");

/** `messages`: what is on its way. */
const messages: Handler = ({ world }) => {
  world.lines.push(...world.onTheWay());
};

/** `unreachable n1 n2`: n1 is told that its connection to n2 broke. */
const unreachable: Handler = ({ world }, { words }) =>
  world.step(world.member(words[0] ?? ""), { kind: "unreachable", peer: world.member(words[1] ?? "").id });

/** `crash n1`: power is lost, and with it whatever was not synced. */
const crash: Handler = ({ world }, { words }) => {
  for (const name of words) world.member(name).crash(0);
};

const restart: Handler = ({ world }, { words }) => {
  for (const name of words) world.member(name).start();
  world.settle();
};

/** `status [n1]`: role, term, vote and marks. */
const status: Handler = ({ world }, { words }) => {
  for (const member of chosen(world, words)) {
    if (member.core === null) world.lines.push(`${nameOf(member.id)} is down`);
    else {
      const { role, term, vote, lastIndex, committed, persisted, peers, transferee } = member.core.status;
      const handing = transferee === 0n ? "" : ` hands over to ${nameOf(transferee)}`;
      const marks = `last ${lastIndex} persisted ${persisted} committed ${committed}`;
      world.lines.push(
        `${nameOf(member.id)} ${role} term ${term} vote ${vote === 0n ? "none" : nameOf(vote)} ${marks}${handing}`,
      );
      for (const { id, match, next, state, inFlight } of peers) {
        world.lines.push(`  ${nameOf(id)} ${state} match ${match} next ${next} in flight ${inFlight}`);
      }
    }
  }
};

/** `log [n1]`: the entries, synced or not, and what they begin behind. */
const log: Handler = ({ world }, { words }) => {
  for (const member of chosen(world, words)) {
    const { base, entries } = member.view;
    const behind = base.index > 0 ? [`behind ${base.index}@${base.term}`] : [];
    const listed = [...behind, ...entries.map((entry) => formatEntry(entry, nameOf))];
    world.lines.push(`${nameOf(member.id)} ${listed.join(", ")}`);
  }
};

export const COMMANDS: Readonly<Record<string, Handler>> = {
  nodes,
  show,
  tick,
  campaign,
  elect: electCommand,
  cut,
  hold,
  heal,
  propose,
  "read-index": readIndex,
  persist,
  deliver,
  duplicate,
  lose,
  messages,
  unreachable,
  change,
  transfer,
  compact,
  stream,
  members,
  crash,
  restart,
  status,
  log,
};

/** The directed links that `a b > c` or, both ways, `a b | c` name. */
function links(words: readonly string[]): readonly (readonly [string, string])[] {
  const at = words.findIndex((word) => word === "|" || word === ">");
  assert.ok(at > 0 && at < words.length - 1, "links have two sides");
  const pairs = words.slice(0, at).flatMap((from) => words.slice(at + 1).map((to) => [from, to] as const));
  return words[at] === "|" ? [...pairs, ...pairs.map(([from, to]) => [to, from] as const)] : pairs;
}

function chosen(world: World, words: readonly string[]): readonly TestMember[] {
  return words.length > 0 ? words.map((name) => world.member(name)) : world.members;
}

function numberOf(options: ReadonlyMap<string, string>, key: string, otherwise: number): number {
  const text = options.get(key);
  if (text === undefined) return otherwise;
  const value = Number(text);
  assert.ok(Number.isInteger(value), `${key} is a whole number: ${text}`);
  return value;
}

/** Lets a member's election time pass without a turn in between; whoever campaigns already begins anew. */
function becomeRestless(member: TestMember): void {
  const wasFollower = member.running.status.role === "follower";
  for (let ticks = 0; ticks < 20; ticks++) {
    member.step({ kind: "tick" });
    if (wasFollower && member.running.status.role !== "follower") return;
  }
  assert.ok(!wasFollower, "an election time ends");
}

function elect(world: World, name: string): void {
  const chosenOne = world.member(name);
  for (let attempt = 0; attempt < 5 && chosenOne.running.status.role !== "leader"; attempt++) {
    // Ten ticks are the shortest election time: afterwards nobody clings to the old leader. Who campaigns already may split the vote.
    for (const member of world.members) {
      if (member.core === null || member === chosenOne) continue;
      for (let i = 0; i < 10 && member.core.status.role === "follower"; i++) member.step({ kind: "tick" });
    }
    becomeRestless(chosenOne);
    world.settle();
  }
  assert.equal(chosenOne.running.status.role, "leader", `${name} wins`);
}
