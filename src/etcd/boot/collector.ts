/** How the collector of garbage is set: for short pauses. */
import { setFlagsFromString } from "node:v8";

/**
 * To be called before there is anything to serve. A collection of young objects stops the program for as long as it takes to copy
 * those that survive, and what is written survives for a while: with the 16 MiB that V8 would come to, 20 ms and more. So the young
 * generation stays as large as loading the program has made it, about 4 MiB: at most some 7 ms, more often, for about the same time
 * in all. And helpers are not waited for: on a busy machine they may get no core for long.
 * (V8 14 of Node 26 may still give all of a collection to one helper, and wait; it has no flag against that.)
 */
export function keepCollectionsShort(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
  setFlagsFromString("--no-parallel-scavenge");
}
