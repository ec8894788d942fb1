/** The star of networks, and whose something in an engine is: without an engine. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readDeath } from "../../../../src/harness/cluster/docker/deaths.ts";
import { abandoned, LABEL, labelsOf, type Owner, ownerOf } from "../../../../src/harness/cluster/docker/labels.ts";
import { exitOf } from "../../../../src/harness/cluster/docker/member-container.ts";
import { peerUrl, proxyAliases, proxySpecs, topologyOf } from "../../../../src/harness/cluster/docker/topology.ts";
import { clientProxy, peerProxy } from "../../../../src/harness/cluster/network.ts";

test("what a member dials for a peer arrives at the proxy of exactly that pair", () => {
  for (const count of [1, 2, 3, 5, 7]) {
    const topology = topologyOf("0123456789ab", count);
    const addressIn = ({ name }: { readonly name: string }): string => `10.0.${name.slice(1)}.2`;
    const specs = proxySpecs(topology, addressIn);
    assert.equal(specs.length, count * count, "one for each member's clients, one for each ordered pair");
    assert.equal(new Set(specs.map(({ name }) => name)).size, specs.length);
    assert.equal(new Set(specs.map(({ listen }) => listen)).size, specs.length);
    for (const from of topology.members) {
      assert.ok(!proxyAliases(from, topology).includes(from.peerName), "its own name is not the proxy's");
      for (const to of topology.members) {
        if (to === from) continue;
        const { hostname, port } = new URL(peerUrl(to));
        assert.ok(proxyAliases(from, topology).includes(hostname), "in its network the peer's name is the proxy's");
        const arrives = specs.filter(({ listen }) => listen === `${addressIn(from)}:${port}`);
        assert.deepEqual(
          arrives.map(({ name, upstream }) => ({ name, upstream })),
          [{ name: peerProxy(from.name, to.name), upstream: `${to.alias}:${to.peerPort}` }],
        );
      }
      const client = specs.find(({ name }) => name === clientProxy(from.name));
      assert.deepEqual([client?.listen, client?.upstream], [`0.0.0.0:${from.proxiedClientPort}`, `${from.alias}:2379`]);
    }
  }
});

test("two clusters have no name in common", () => {
  const names = (id: string): string[] => {
    const { proxyContainer, members } = topologyOf(id, 7);
    return [proxyContainer, ...members.map(({ object }) => object)];
  };
  const all = [...names("0123456789ab"), ...names("ba9876543210")];
  assert.equal(new Set(all).size, all.length);
});

const OWNER: Owner = {
  cluster: "0123456789ab",
  run: "20261122-170212-quickstart-7",
  host: "here",
  harness: { pid: 4711, start: "99@boot" },
};

test("labels say whose something is; what lacks one of them, or has it broken, is nobody's", () => {
  const labels = labelsOf(OWNER, "n1");
  assert.deepEqual(ownerOf({ ...labels, other: "label" }), OWNER);
  for (const label of [LABEL.cluster, LABEL.run, LABEL.host, LABEL.pid, LABEL.start]) {
    const { [label]: _, ...rest } = labels;
    assert.equal(ownerOf(rest), null, label);
    assert.equal(ownerOf({ ...labels, [label]: "" }), null, label);
  }
  assert.equal(ownerOf({ ...labels, [LABEL.cluster]: "a=b, c" }), null);
  assert.equal(ownerOf({ ...labels, [LABEL.pid]: "-1" }), null);
  assert.equal(ownerOf({}), null);
});

test("only what a harness of this machine left that runs no more is swept up, each cluster once", () => {
  const other = { ...OWNER, cluster: "ba9876543210", harness: { pid: 1, start: "1@boot" } };
  const foreign = { ...OWNER, cluster: "aaaaaaaaaaaa", host: "elsewhere" };
  const found = [
    labelsOf(OWNER, "n1"),
    labelsOf(OWNER, "n2"),
    labelsOf(other, "n1"),
    labelsOf(foreign, "n1"),
    { "org.testcontainers": "true" },
    { [LABEL.cluster]: "0123456789ab" },
  ];
  const dead = abandoned(found, "here", ({ pid }) => pid === 1);
  assert.deepEqual([...dead], [[OWNER.cluster, OWNER.run]]);
  assert.equal(abandoned(found, "here", () => true).size, 0);
  assert.equal(abandoned(found, "nowhere", () => false).size, 0);
});

test("a container's exit code says what ended its process", () => {
  assert.deepEqual(exitOf(0), { code: 0, signal: null });
  assert.deepEqual(exitOf(7), { code: 7, signal: null });
  assert.deepEqual(exitOf(137), { code: null, signal: "SIGKILL" });
  assert.deepEqual(exitOf(143), { code: null, signal: "SIGTERM" });
  assert.deepEqual(exitOf(134), { code: null, signal: "SIGABRT" });
  assert.deepEqual(exitOf(255), { code: 255, signal: null });
});

test("of the engine's events only the end of a container of ours is one", () => {
  const event = (Action: string, Attributes: object): string => JSON.stringify({ Action, Actor: { Attributes } });
  assert.deepEqual(readDeath(event("die", { [LABEL.part]: "n2", exitCode: "137" })), { part: "n2", exitCode: 137 });
  assert.equal(readDeath(event("start", { [LABEL.part]: "n2" })), null);
  assert.equal(readDeath(event("die", { exitCode: "1" })), null);
  assert.equal(readDeath(event("die", { [LABEL.part]: "n2", exitCode: "x" })), null);
  assert.equal(readDeath("{}"), null);
  assert.equal(readDeath("not json"), null);
});
