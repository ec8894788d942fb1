/** Exit code 0 when the URL answers with 2xx in time. */
import { get } from "node:http";

get(process.argv[2], { timeout: 3000 }, (answer) => process.exit(answer.statusCode < 300 ? 0 : 1))
  .on("timeout", () => process.exit(1))
  .on("error", () => process.exit(1));
