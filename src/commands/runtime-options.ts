import { Option } from "commander";

/** Flags that say where a cluster lives, for the commands that launch one. */
export function runtimeOption(): Option {
  return new Option("--runtime <runtime>", "members as processes or as containers").choices(["process", "docker"]);
}

export function proxyOption(): Option {
  return new Option("--proxy <proxy>", "between the members: Shopify's Toxiproxy or the embedded one").choices([
    "auto",
    "toxiproxy",
    "embedded",
  ]);
}
