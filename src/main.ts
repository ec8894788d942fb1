#!/usr/bin/env node
/** argv -> one command; the only caller of process.exit. Imports nothing before it knows that this Node can read the rest. */
const NODE_MIN: readonly [number, number] = [20, 19];
const BUG = 70;

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < NODE_MIN[0] || (major === NODE_MIN[0] && minor < NODE_MIN[1])) {
  console.error(
    `faultline needs Node ${NODE_MIN.join(".")} or newer, this is ${process.versions.node}: install a newer Node`,
  );
  process.exit(69);
}

const crash = (error: unknown): never => {
  console.error(`faultline has a bug: ${error instanceof Error ? error.stack : String(error)}`);
  process.exit(BUG);
};
process.on("uncaughtException", crash);
process.on("unhandledRejection", crash);
// Whoever read the progress has gone (`| head`, a terminal that was closed): a run is not ended by that.
process.stderr.on("error", () => undefined);

try {
  const { runProgram } = await import("./commands/program.ts");
  process.exit(await runProgram(process.argv.slice(2)));
} catch (error) {
  crash(error);
}

export {};
