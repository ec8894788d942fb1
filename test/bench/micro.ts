/** Small hot things on their own: `npm run bench:micro`. `--smoke` runs each for a moment only, to see that it runs. */
import { Bench } from "tinybench";
import { addTasks as addFrameTasks } from "./tasks/frames.ts";
import { addTasks as addHpackTasks } from "./tasks/hpack.ts";
import { addTasks as addWalTasks } from "./tasks/wal.ts";

const smoke = process.argv.includes("--smoke");
const bench = new Bench({ time: smoke ? 10 : 500, warmupTime: smoke ? 5 : 200 });

addHpackTasks(bench);
addFrameTasks(bench);
addWalTasks(bench);

await bench.run();

let failed = false;
for (const task of bench.tasks) {
  const { result } = task;
  if (result.state !== "completed") {
    console.log(`${task.name.padEnd(60)} ${result.state}`);
    failed = true;
    continue;
  }
  const nanoseconds = result.latency.p50 * 1e6;
  const spread = (result.latency.rme ?? 0).toFixed(1);
  console.log(`${task.name.padEnd(60)} ${nanoseconds.toFixed(0).padStart(10)} ns  ±${spread} %`);
}
if (failed) process.exitCode = 1;
