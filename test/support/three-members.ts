import type { TestContext } from "node:test";
import { freePorts, type ServerKind, ServerProcess } from "./etcd-server.ts";

/** A cluster of three, in order and serving; it ends with the test. */
export async function startThree(context: TestContext, kind: ServerKind): Promise<readonly ServerProcess[]> {
  const names = ["a", "b", "c"];
  const ports = await freePorts(context, 6);
  const cluster = names.map((name, i) => `${name}=http://127.0.0.1:${ports[3 + i]}`).join(",");
  const servers = names.map(
    (name, i) =>
      new ServerProcess(context, {
        ...{ kind, name, cluster },
        ...{ clientPort: ports[i] as number, peerPort: ports[3 + i] as number },
      }),
  );
  for (const server of servers) server.start();
  await Promise.all(servers.map((server) => server.ready()));
  return servers;
}
