import { equal } from "node:assert/strict";
import { test } from "node:test";
import { tellsProgressInOrder } from "../../../src/harness/load/progress.ts";

test("progress is asked for only where its answer waits for events", () => {
  for (const version of ["3.4.31", "3.4.40", "3.5.13", "3.6.0", "3.7.1", "3.7.0-alpha.0", "4.0.0", "3.10.2"])
    equal(tellsProgressInOrder(version), true, version);
  for (const version of ["3.4.23", "3.4.30", "3.5.0", "3.5.12", "3.3.27", "2.3.8", "", "unknown"])
    equal(tellsProgressInOrder(version), false, version);
});
