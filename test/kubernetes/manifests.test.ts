/** docker/kubernetes without a cluster: against Kubernetes' schemas, against each other, and against the programs they start. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { freePorts, ServerProcess } from "../support/etcd-server.ts";
import {
  at,
  type Fields,
  type Json,
  type Manifest,
  pathsOf,
  readManifests,
  schemaProblems,
  split,
} from "./manifests.ts";
import { probedPaths, togetherProblems } from "./together.ts";

/** A copy, with what `change` does to it. */
function changed(manifest: Manifest, change: (copy: Manifest) => void): Manifest {
  const copy = structuredClone(manifest);
  change(copy);
  return copy;
}

test("every manifest is what the schema of its kind says", () => {
  const manifests = readManifests();
  assert.deepEqual(manifests.map(({ kind }) => kind).sort(), [
    "Job",
    "PersistentVolumeClaim",
    "PodDisruptionBudget",
    "Service",
    "Service",
    "ServiceMonitor",
    "StatefulSet",
  ]);
  for (const manifest of manifests) assert.deepEqual(schemaProblems(manifest), [], manifest.kind);
});

/** Maps with keys of one's own choice. */
const FREE_KEYS = /\/(labels|matchLabels|selector|requests|limits)\/[^/]+$/;

test("a field that is misspelt is found, whichever it is", () => {
  let misspelt = 0;
  for (const manifest of readManifests()) {
    for (const path of pathsOf(manifest)) {
      const [folder, key] = split(path);
      const isChoice = FREE_KEYS.test(path) && typeof at(manifest, path) === "string";
      if (isChoice || Array.isArray(at(manifest, folder))) continue;
      const wrong = changed(manifest, (copy) => {
        const parent = at(copy, folder) as Fields;
        parent[`${key}s`] = parent[key] as Json;
        delete parent[key];
      });
      assert.notDeepEqual(schemaProblems(wrong), [], `${manifest.kind}: ${path}s`);
      misspelt++;
    }
  }
  assert.ok(misspelt > 150, `${misspelt} fields`);
});

test("a value of the wrong type is found, whichever it is", () => {
  for (const manifest of readManifests()) {
    for (const path of pathsOf(manifest)) {
      if (typeof at(manifest, path) === "object") continue;
      const [folder, key] = split(path);
      const wrong = changed(manifest, (copy) => {
        (at(copy, folder) as Fields)[key] = [];
      });
      assert.notDeepEqual(schemaProblems(wrong), [], `${manifest.kind}: ${path}`);
    }
  }
});

test("the manifests fit each other, etcd-ts' flags and faultline's command line", () => {
  assert.deepEqual(togetherProblems(readManifests()), []);
});

/** Values that fit whatever they are: how much, how long, which image, and what only people read. */
const FREE_VALUES = [
  /\/(image|imagePullPolicy|cpu|memory|storage|accessModes\/0|fsGroupChangePolicy|failureThreshold) /,
  /(Seconds|AfterFinished|\/interval|\/scrapeTimeout) /,
  /^StatefulSet\/spec\/(updateStrategy\/type|template\/spec\/containers\/0\/name) /,
  /^Job\/spec\/template\/metadata\/labels\//,
  /^[A-Z]\w+\/(metadata\/|apiVersion|kind)/,
  / --(initial-cluster-token|data-dir)=/,
  /\/httpGet\/path /,
];

test("a value that no longer fits is found, wherever one is not free to choose", () => {
  const manifests = readManifests();
  let checked = 0;
  for (const [i, manifest] of manifests.entries()) {
    for (const path of pathsOf(manifest)) {
      const value = at(manifest, path) as Json;
      const free = FREE_VALUES.some((pattern) => pattern.test(`${manifest.kind}${path} ${value}`));
      if (typeof value === "object" || free) continue;
      const [folder, key] = split(path);
      const wrong = changed(manifest, (copy) => {
        const other = typeof value === "number" ? value + 1 : typeof value === "boolean" ? !value : `${value}x`;
        (at(copy, folder) as Fields)[key] = other;
      });
      assert.notDeepEqual(togetherProblems(manifests.with(i, wrong)), [], `${manifest.kind}: ${path}`);
      checked++;
    }
  }
  assert.ok(checked > 80, `${checked} values`);
});

test("names and labels that others go by cannot be changed in one place", () => {
  const manifests = readManifests();
  const named = ["StatefulSet", "PersistentVolumeClaim", "Service"];
  for (const [i, manifest] of manifests.entries()) {
    // The Service for clients is only people's.
    if (!named.includes(manifest.kind) || (manifest.metadata["name"] === "etcd" && manifest.kind === "Service"))
      continue;
    const renamed = changed(manifest, (copy) => {
      copy.metadata["name"] = "other";
    });
    assert.notDeepEqual(togetherProblems(manifests.with(i, renamed)), [], `${manifest.kind}: name`);
  }
  const set = manifests.findIndex(({ kind }) => kind === "StatefulSet");
  const relabelled = changed(manifests[set] as Manifest, (copy) => {
    (at(copy, "/spec/template/metadata/labels") as Fields)["app.kubernetes.io/instance"] = "other";
  });
  assert.equal(togetherProblems(manifests.with(set, relabelled)).length, 5);
});

test("etcd-ts answers what its probes and Prometheus ask", async (t) => {
  const manifests = readManifests();
  const members = manifests.find(({ kind }) => kind === "StatefulSet") as Manifest;
  const [clientPort] = (await freePorts(t, 1)) as [number];
  const server = new ServerProcess(t, { clientPort });
  server.start();
  await server.ready();
  for (const path of [...probedPaths(members), "/metrics"]) assert.equal(await server.health(path), 200, path);
  assert.equal(await server.health("/nowhere"), 404);
});
