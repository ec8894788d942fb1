import type { Http1Request, Http1Response } from "../../grpc/http1.ts";
import type { GrpcServer } from "../../grpc/server.ts";
import { answerHealth, JSON_HEADERS } from "./health.ts";
import type { Metrics } from "./metrics.ts";
import type { ServedMember, ServedRequests } from "./served.ts";
import { CLUSTER_VERSION, SERVER_VERSION, STORAGE_VERSION } from "./version.ts";

const VERSION = JSON.stringify({
  etcdserver: SERVER_VERSION,
  etcdcluster: CLUSTER_VERSION,
  storage: STORAGE_VERSION,
});
const TEXT_HEADERS = { "content-type": "text/plain; charset=utf-8" };

/** What is served to HTTP clients on the port of the gRPC services. */
export function serveHttp(server: GrpcServer, member: ServedMember, requests: ServedRequests, metrics: Metrics): void {
  server.http1((request) => {
    const page = pageOf(request.path);
    if (page === null) return { status: 404, headers: TEXT_HEADERS, body: "404 page not found\n" };
    if (request.method !== "GET" && request.method !== "HEAD") return notAllowed();
    return page(request);
  });

  function pageOf(path: string): ((request: Http1Request) => Http1Response | Promise<Http1Response>) | null {
    switch (path) {
      case "/health":
        return (request) => answerHealth(request, member, requests);
      case "/metrics":
        return async () => ({
          status: 200,
          headers: { "content-type": metrics.contentType },
          body: await metrics.text(),
        });
      case "/version":
        return () => ({ status: 200, headers: JSON_HEADERS, body: VERSION });
      default:
        return null;
    }
  }
}

function notAllowed(): Http1Response {
  return { status: 405, headers: { ...TEXT_HEADERS, allow: "GET" }, body: "Method Not Allowed\n" };
}
