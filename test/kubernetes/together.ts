/** What no schema sees: whether the manifests fit each other, etcd-ts and faultline. */
import { Command } from "commander";
import { loadPlan } from "../../src/commands/plan-file.ts";
import { addRun } from "../../src/commands/run.ts";
import { type AccessOptions, accessOf } from "../../src/commands/run-endpoints.ts";
import { parseConfig } from "../../src/etcd/config/config.ts";
import { parseTarget } from "../../src/harness/plan/target.ts";
import { at, type Fields, type Json, type Manifest } from "./manifests.ts";

const POD = "/spec/template/spec";
const CONTAINER = `${POD}/containers/0`;
const PROBES = ["startupProbe", "livenessProbe", "readinessProbe"] as const;

type Say = (text: string) => void;

/** Every problem in a sentence; none for manifests that fit. */
export function togetherProblems(manifests: readonly Manifest[]): string[] {
  const problems: string[] = [];
  const say: Say = (text) => problems.push(text);
  const one = (kind: string): Manifest => {
    const found = manifests.filter((manifest) => manifest.kind === kind);
    if (found.length !== 1) say(`there is one ${kind}, not ${found.length}`);
    return found[0] ?? ({ apiVersion: "", kind, metadata: {} } as Manifest);
  };
  const members = one("StatefulSet");
  const services = manifests.filter(({ kind }) => kind === "Service");
  const job = one("Job");
  checkMembers(members, services, say);
  for (const service of services) checkService(service, members, say);
  checkSelector(members, "the budget", at(one("PodDisruptionBudget"), "/spec/selector/matchLabels"), say);
  if ((at(one("PodDisruptionBudget"), "/spec/maxUnavailable") ?? 0) !== 1) say("a drain takes one member at a time");
  checkMonitor(one("ServiceMonitor"), services, say);
  for (const pod of [members, job]) checkSafety(pod, say);
  checkJob(job, members, one("PersistentVolumeClaim"), say);
  return problems;
}

/** Of the members' probes. */
export function probedPaths(members: Manifest): string[] {
  return PROBES.map((probe) => String(at(members, `${CONTAINER}/${probe}/httpGet/path`)));
}

function checkMembers(members: Manifest, services: readonly Manifest[], say: Say): void {
  checkSelector(members, "the set", at(members, "/spec/selector/matchLabels"), say);
  const apart = `${POD}/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution/0`;
  checkSelector(members, "anti-affinity", at(members, `${apart}/labelSelector/matchLabels`), say);
  if (at(members, `${apart}/topologyKey`) !== "kubernetes.io/hostname") say("members keep to different nodes");
  if (at(members, "/spec/podManagementPolicy") !== "Parallel") say("members start together: none is ready alone");
  const governing = services.find((service) => service.metadata["name"] === at(members, "/spec/serviceName"));
  if (governing === undefined || at(governing, "/spec/clusterIP") !== "None")
    say("serviceName names a headless Service");
  else if (at(governing, "/spec/publishNotReadyAddresses") !== true)
    say("members find each other before they are ready");
  for (const probe of PROBES)
    if (portOf(members, at(members, `${CONTAINER}/${probe}/httpGet/port`)) === undefined)
      say(`${probe} asks a named port`);
  checkMounts(
    members,
    list(at(members, "/spec/volumeClaimTemplates")).map((claim) => at(claim, "/metadata/name")),
    say,
  );
  for (const pod of podNames(members)) checkArguments(members, pod, say);
}

/** The arguments as one pod gets them are a configuration of etcd-ts in which all pods are founders. */
function checkArguments(members: Manifest, pod: string, say: Say): void {
  const variable = at(members, `${CONTAINER}/env/0/name`);
  if (at(members, `${CONTAINER}/env/0/valueFrom/fieldRef/fieldPath`) !== "metadata.name")
    say("a member has its pod's name");
  const argv = texts(at(members, `${CONTAINER}/args`)).map((text) => text.replaceAll(`$(${variable})`, pod));
  const parsed = parseConfig(argv, {});
  if (parsed.kind !== "config") {
    say(`${pod}: ${parsed.kind === "error" ? parsed.message : parsed.kind}`);
    return;
  }
  const { config } = parsed;
  const peers = podNames(members).map((name) => [name, hostOf(members, name), portOf(members, "peer")]);
  const founders = [...config.initialCluster].map(([name, [url]]) => [name, url?.host, url?.port]);
  if (JSON.stringify(founders) !== JSON.stringify(peers))
    say(`${pod}: --initial-cluster names ${founders}, not ${peers}`);
  if (config.name !== pod) say(`${pod}: --name is ${config.name}`);
  const client = `http://${hostOf(members, pod)}:${portOf(members, "client")}`;
  if (config.advertiseClientUrls.join() !== client) say(`${pod}: clients reach it at ${client}`);
  const listening = [config.listenClientUrls, config.listenPeerUrls].map((urls) =>
    urls.map(({ port, host }) => `${host}:${port}`),
  );
  const wanted = ["client", "peer"].map((name) => [`0.0.0.0:${portOf(members, name)}`]);
  if (JSON.stringify(listening) !== JSON.stringify(wanted)) say(`${pod}: it listens on ${listening}, not on ${wanted}`);
  if (!isMounted(members, config.dataDir)) say(`${pod}: ${config.dataDir} is on no volume`);
  if (config.initialClusterState !== "new") say(`${pod}: the pods found the cluster`);
}

function checkService(service: Manifest, members: Manifest, say: Say): void {
  const name = String(service.metadata["name"]);
  checkSelector(members, `Service ${name}`, at(service, "/spec/selector"), say);
  for (const port of list(at(service, "/spec/ports"))) {
    const target = portOf(members, at(port, "/targetPort"));
    if (target === undefined || target !== at(port, "/port"))
      say(`Service ${name}: port ${at(port, "/port")} leads to ${target}`);
    if (at(port, "/name") !== at(port, "/targetPort")) say(`Service ${name}: a port has one name everywhere`);
  }
}

function checkMonitor(monitor: Manifest, services: readonly Manifest[], say: Say): void {
  const wanted = at(monitor, "/spec/selector/matchLabels");
  const watched = services.filter((service) => covers(service.metadata["labels"], wanted));
  const [service, ...more] = watched;
  if (service === undefined || more.length > 0) {
    say(`the monitor selects one Service, not ${watched.length}`);
    return;
  }
  if (at(service, "/spec/publishNotReadyAddresses") !== true) say("members that are not ready are watched, too");
  const names = list(at(service, "/spec/ports")).map((port) => at(port, "/name"));
  for (const endpoint of list(at(monitor, "/spec/endpoints"))) {
    if (!names.includes(at(endpoint, "/port") as Json)) say(`the monitor asks port ${at(endpoint, "/port")}`);
    if (at(endpoint, "/path") !== "/metrics") say(`the monitor asks for ${at(endpoint, "/path")}`);
  }
}

function checkJob(job: Manifest, members: Manifest, claim: Manifest, say: Say): void {
  const addresses = podNames(members).map((pod) => `http://${hostOf(members, pod)}:${portOf(members, "client")}`);
  checkCommand(texts(at(job, `${CONTAINER}/args`)), addresses, job, say);
  const volumes = list(at(job, `${POD}/volumes`));
  checkMounts(
    job,
    volumes.map((volume) => at(volume, "/name")),
    say,
  );
  if (at(job, `${POD}/volumes/0/persistentVolumeClaim/claimName`) !== claim.metadata["name"])
    say("the Job's claim is another");
  if (at(job, "/spec/backoffLimit") !== 0 || at(job, `${POD}/restartPolicy`) !== "Never")
    say("a verdict is not asked for twice");
  const [drained, failed] = list(at(job, "/spec/podFailurePolicy/rules")) as [Json, Json];
  if (at(drained, "/action") !== "Ignore" || at(drained, "/onPodConditions/0/type") !== "DisruptionTarget")
    say("a pod that was moved is tried again");
  if (at(drained, "/onPodConditions/0/status") !== "True") say("a pod that was moved says so");
  const codes = at(failed, "/onExitCodes") ?? null;
  if (at(codes, "/containerName") !== at(job, `${CONTAINER}/name`)) say("the exit code is faultline's");
  const passes = at(codes, "/operator") === "NotIn" && at(codes, "/values/0") === 0;
  if (at(failed, "/action") !== "FailJob" || !passes) say("only exit code 0 completes the Job");
}

/** As faultline reads it, up to where it would begin. */
function checkCommand(argv: readonly string[], addresses: readonly string[], job: Manifest, say: Say): void {
  const program = new Command("faultline").exitOverride();
  addRun(program, () => undefined);
  const quiet = { writeErr: () => undefined, writeOut: () => undefined };
  for (const command of program.commands)
    command
      .exitOverride()
      .configureOutput(quiet)
      .action((plan: string, options: AccessOptions & { readonly target: string; readonly out: string }) => {
        const target = parseTarget(options.target);
        accessOf(loadPlan(plan, { target, seed: null }), options);
        const endpoints = target?.kind === "endpoints" ? target.endpoints : [];
        if (endpoints.join() !== addresses.join()) say(`the Job asks ${endpoints}, not ${addresses}`);
        if (!isMounted(job, options.out)) say(`${options.out} is on no volume`);
      });
  try {
    program.configureOutput(quiet).parse(argv, { from: "user" });
  } catch (error) {
    say(`the Job's command: ${(error as Error).message}`);
  }
}

/** Nobody is root, and nothing is written but to volumes. */
function checkSafety(pod: Manifest, say: Say): void {
  const rules: readonly (readonly [string, Json])[] = [
    [`${POD}/automountServiceAccountToken`, false],
    [`${POD}/enableServiceLinks`, false],
    [`${POD}/securityContext/runAsNonRoot`, true],
    [`${POD}/securityContext/runAsUser`, 1000],
    [`${POD}/securityContext/runAsGroup`, 1000],
    [`${POD}/securityContext/fsGroup`, 1000],
    [`${POD}/securityContext/seccompProfile/type`, "RuntimeDefault"],
    [`${CONTAINER}/securityContext/allowPrivilegeEscalation`, false],
    [`${CONTAINER}/securityContext/readOnlyRootFilesystem`, true],
    [`${CONTAINER}/securityContext/capabilities/drop/0`, "ALL"],
  ];
  for (const [path, wanted] of rules) if (at(pod, path) !== wanted) say(`${pod.kind}: ${path} is ${wanted}`);
}

function checkSelector(members: Manifest, who: string, selector: Json | undefined, say: Say): void {
  const size = Object.keys((selector ?? {}) as Fields).length;
  if (size !== 2 || !covers(at(members, "/spec/template/metadata/labels"), selector)) say(`${who} selects the members`);
}

function checkMounts(pod: Manifest, volumes: readonly (Json | undefined)[], say: Say): void {
  for (const mount of list(at(pod, `${CONTAINER}/volumeMounts`)))
    if (!volumes.includes(at(mount, "/name"))) say(`${pod.kind}: no volume is named ${at(mount, "/name")}`);
}

function isMounted(pod: Manifest, folder: string): boolean {
  const mounts = list(at(pod, `${CONTAINER}/volumeMounts`)).map((mount) => at(mount, "/mountPath"));
  return mounts.some((path) => folder === path || folder.startsWith(`${path}/`));
}

function covers(labels: Json | undefined, wanted: Json | undefined): boolean {
  const given = (labels ?? {}) as Fields;
  return Object.entries((wanted ?? {}) as Fields).every(([name, value]) => given[name] === value);
}

function podNames(members: Manifest): string[] {
  const replicas = Number(at(members, "/spec/replicas"));
  return Array.from({ length: replicas }, (_, i) => `${members.metadata["name"]}-${i}`);
}

function hostOf(members: Manifest, pod: string): string {
  return `${pod}.${at(members, "/spec/serviceName")}`;
}

function portOf(pod: Manifest, name: Json | undefined): number | undefined {
  const port = list(at(pod, `${CONTAINER}/ports`)).find((each) => at(each, "/name") === name);
  return port === undefined ? undefined : Number(at(port, "/containerPort"));
}

function list(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

function texts(value: Json | undefined): readonly string[] {
  return list(value).map(String);
}
