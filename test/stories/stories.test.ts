import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { COMMANDS, type Command, Story } from "./commands.ts";

/**
 * Runs every story beside the source of this file. A story is text: comments, then blocks of commands, each followed by `----` and
 * by what must come of them. `UPDATE=1` writes down what does come of them, for a person to read before it is committed.
 */
const FOLDER = storiesAbove(import.meta.dirname);
const UPDATE = process.env["UPDATE"] === "1";

for (const file of readdirSync(FOLDER)
  .filter((name) => name.endsWith(".txt"))
  .sort()) {
  const path = join(FOLDER, file);
  const expected = readFileSync(path, "utf8");
  test(`${file}: ${expected.split("\n", 1)[0]?.replace("# ", "")}`, () => {
    const actual = tell(expected);
    if (UPDATE) writeFileSync(path, actual);
    else assert.equal(actual, expected, `${file} went otherwise (UPDATE=1 rewrites it)`);
  });
}

/** Runs a story and returns its text with the results that came. */
function tell(text: string): string {
  const story = new Story();
  const told: string[] = [];
  let inResults = false;
  let ran = false;
  const endBlock = (): void => {
    if (ran) told.push("----", ...(story.world.lines.length > 0 ? story.world.lines.splice(0) : ["ok"]));
    ran = false;
  };
  for (const line of text.trimEnd().split("\n")) {
    if (line === "----") inResults = true;
    else if (line === "") {
      endBlock();
      inResults = false;
      told.push("");
    } else if (!inResults) {
      told.push(line);
      if (line.startsWith("#")) continue;
      run(story, parse(line));
      ran = true;
    }
  }
  endBlock();
  return `${told.join("\n")}\n`;
}

function parse(line: string): Command {
  const [name = "", ...rest] = line.split(/\s+/);
  const options = new Map<string, string>();
  const words: string[] = [];
  for (const word of rest) {
    const [key, value] = word.split("=");
    if (key !== undefined && value !== undefined) options.set(key, value);
    else words.push(word);
  }
  return { name, words, options };
}

function run(story: Story, command: Command): void {
  const handler = COMMANDS[command.name];
  assert.ok(handler !== undefined, `a story knows the command ${command.name}`);
  handler(story, command);
}

/** The nearest folder above that has the stories: compiled tests lie somewhere below the repository's root, text is not compiled. */
function storiesAbove(from: string): string {
  assert.notEqual(from, dirname(from), "the tests lie inside the repository");
  const folder = join(from, "test", "stories");
  return existsSync(join(folder, "election.txt")) ? folder : storiesAbove(dirname(from));
}
