import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parse } from "yaml";

interface Service {
  readonly build: { readonly context: string; readonly dockerfile: string; readonly target: string };
  readonly networks: Readonly<Record<string, { readonly aliases: readonly string[] }>> | readonly string[];
  readonly volumes: readonly string[];
  readonly ports?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: object;
  readonly volumes: object;
}

interface Proxy {
  readonly name: string;
  readonly listen: string;
  readonly upstream: string;
}

const { services, networks, volumes } = parse(readFileSync("docker/compose.yaml", "utf8"), { merge: true }) as Compose;
const proxies = JSON.parse(readFileSync("docker/proxies.json", "utf8")) as readonly Proxy[];
const dockerfile = readFileSync("docker/Dockerfile", "utf8");
const MEMBERS = ["n1", "n2", "n3"];

function environment(member: string): Readonly<Record<string, string>> {
  return services[member]?.environment ?? {};
}

test("the compose file's services are stages of the Dockerfile, and only the proxy is open, on 127.0.0.1", () => {
  assert.deepEqual(Object.keys(services).sort(), [...MEMBERS, "toxiproxy"]);
  for (const [name, { build, ports = [] }] of Object.entries(services)) {
    assert.deepEqual([build.context, build.dockerfile], ["..", "docker/Dockerfile"]);
    assert.match(dockerfile, new RegExp(`^FROM programs AS ${build.target}$`, "m"));
    if (name !== "toxiproxy") assert.deepEqual(ports, [], name);
    for (const port of ports) assert.match(port, /^127\.0\.0\.1:\d+:\d+$/);
  }
});

test("each member has a network and a volume of its own, and the proxy is in every network", () => {
  assert.deepEqual(Object.keys(networks), MEMBERS);
  assert.deepEqual(Object.keys(volumes), MEMBERS);
  assert.deepEqual(services["toxiproxy"]?.networks, MEMBERS);
  for (const member of MEMBERS) {
    assert.deepEqual(services[member]?.networks, { [member]: { aliases: [`${member}.member.test`] } });
    assert.deepEqual(services[member]?.volumes, [`${member}:/data`]);
    assert.equal(environment(member)["ETCD_DATA_DIR"], `/data/${member}`);
  }
});

test("each ordered pair of members and each member's clients have a proxy, and nothing else passes", () => {
  const pairs = MEMBERS.flatMap((from) => MEMBERS.filter((to) => to !== from).map((to) => ({ from, to })));
  const names = [...MEMBERS.map((member) => `client-${member}`), ...pairs.map(({ from, to }) => `peer-${from}-${to}`)];
  assert.deepEqual(proxies.map(({ name }) => name).sort(), names.sort());
  assert.equal(new Set(proxies.map(({ listen }) => listen)).size, proxies.length, "every proxy has a port of its own");
  const portOf = (name: string): string => proxies.find((proxy) => proxy.name === name)?.listen.split(":")[1] as string;
  const upstreamOf = (name: string): string | undefined => proxies.find((proxy) => proxy.name === name)?.upstream;
  const published = new Map(
    services["toxiproxy"]?.ports?.map((port) => port.split(":").slice(1).reverse() as [string, string]),
  );
  for (const member of MEMBERS) {
    const others = MEMBERS.filter((each) => each !== member);
    const dials = others.map((to) => `${to}=http://toxiproxy:${portOf(`peer-${member}-${to}`)}`);
    assert.equal(environment(member)["ETCD_PEER_DIAL_OVERRIDE"], dials.join(","));
    for (const to of others) assert.equal(upstreamOf(`peer-${member}-${to}`), `${to}.member.test:2380`);
    assert.equal(upstreamOf(`client-${member}`), `${member}.member.test:2379`);
    const advertised = environment(member)["ETCD_ADVERTISE_CLIENT_URLS"];
    assert.equal(advertised, `http://127.0.0.1:${published.get(portOf(`client-${member}`))}`);
  }
});

test("all members found the same cluster, each under its own name", () => {
  const cluster = MEMBERS.map((member) => `${member}=http://${member}.member.test:2380`).join(",");
  for (const member of MEMBERS) {
    assert.equal(environment(member)["ETCD_INITIAL_CLUSTER"], cluster);
    assert.equal(environment(member)["ETCD_NAME"], member);
    assert.equal(environment(member)["ETCD_INITIAL_ADVERTISE_PEER_URLS"], `http://${member}.member.test:2380`);
  }
});
