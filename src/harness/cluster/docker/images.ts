import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, delimiter, dirname, join, resolve } from "node:path";
import type { ProxyChoice } from "../../model/plan.ts";
import { CommandFailure, runCommand } from "../command.ts";
import { findProgram } from "../programs.ts";
import { type Program, programLabel } from "../targets.ts";
import { ImageError, type ImageOptions, type ProxyImage } from "./image.ts";
import { buildImage, builtImage, inspectImage, pullImage } from "./image-engine.ts";
import type { TarFile } from "./tar.ts";

const BASE_IMAGE = "node:20-bookworm-slim";
const ETCD_IMAGE = "gcr.io/etcd-development/etcd";
const TOXIPROXY_IMAGE = "ghcr.io/shopify/toxiproxy:2.12.0";
const LOCAL_BASE_LIMIT_MS = 2 * 60_000;
const LDD_LIMIT_MS = 10_000;
const DOCKERFILE = "docker/Dockerfile";
/** Beside an executable; where it lies in the image. */
const ETCD_ROOT = "/opt/etcd";
/** The folder that holds src/, as it was compiled: dist/ in a package. */
const BUILT: string = join(import.meta.dirname, "..", "..", "..", "..");

type Base = { readonly reference: string; readonly id: string };

export interface FoundImages {
  /** The target, for people. */
  readonly label: string;
  readonly member: string;
  readonly proxy: ProxyImage;
}

/**
 * Finds, pulls or builds what a cluster is made of. `proxy`: as in a plan; "auto" takes Shopify's where it can be had. Rejects with
 * TargetError, ImageError, or the signal's reason.
 */
export async function findImages(
  target: Parameters<typeof findProgram>[0],
  proxy: ProxyChoice,
  options: ImageOptions,
): Promise<FoundImages> {
  return { ...(await findMember(target, options)), proxy: await findProxy(proxy, options) };
}

/** A release of etcd is taken from its own image where that can be had; else its program is put into one. */
async function findMember(
  target: Parameters<typeof findProgram>[0],
  options: ImageOptions,
): Promise<{ readonly label: string; readonly member: string }> {
  if (target.kind === "etcd" && target.source.kind === "version") {
    const { version } = target.source;
    const official = await releaseImage(version, options);
    if (official !== null) return { label: `etcd ${version} (its own image)`, member: official };
  }
  const program = await findProgram(target, options);
  return { label: programLabel(program), member: await memberImage(program, options) };
}

/** `auto`: no fault needs what only the embedded one has (`stall`, chances drawn from the seed). */
async function findProxy(choice: ProxyChoice, options: ImageOptions): Promise<ProxyImage> {
  const shopify = choice === "embedded" ? null : await shopifyProxyImage(options);
  if (shopify !== null) return shopify;
  if (choice === "toxiproxy")
    throw new ImageError(
      "Shopify's Toxiproxy image is not in the Docker engine and cannot be pulled: name another with FAULTLINE_TOXIPROXY_IMAGE, or take the embedded one",
    );
  return await embeddedProxyImage(options);
}

/**
 * The image under all that are built here: the one the engine has, else the public one, else one made of this machine's own Node.
 * Rejects with ImageError.
 */
export async function ensureBase(options: ImageOptions): Promise<Base> {
  const { environment, say, signal } = options;
  const reference = setting(environment["FAULTLINE_BASE_IMAGE"], BASE_IMAGE);
  const found = await inspectImage(reference, options);
  if (found !== null) return { reference, id: found.id };
  const refused = await pullImage(reference, options);
  let advice = `pull it where you can and load it (docker save, docker load), or name another with FAULTLINE_BASE_IMAGE`;
  if (refused !== null) {
    say(`${reference} cannot be pulled (${refused}): making one from this machine's Node`);
    try {
      const command = ["sh", join(packageRoot(), "docker", "local-base"), reference];
      await runCommand(command, { environment, signal, limitMs: LOCAL_BASE_LIMIT_MS });
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof CommandFailure)) throw error;
      advice = `${error.message}; ${advice}`;
    }
  }
  const made = await inspectImage(reference, options);
  if (made === null) throw new ImageError(`${reference} is not in the Docker engine and cannot be had: ${advice}`);
  return { reference, id: made.id };
}

/**
 * An image of the target: its entry point takes etcd's flags, its user 1000 may write in /data. Built once for each content; within
 * milliseconds afterwards. Rejects with ImageError, or the signal's reason.
 */
export async function memberImage(program: Program, options: ImageOptions): Promise<string> {
  if (program.kind === "ts") return await serverImage("etcd-ts", options);
  const files = await etcdFiles(program.binary, options);
  const base = await ensureBase(options);
  const { kind, dockerfile } = { kind: "etcd", dockerfile: "Dockerfile" };
  return await buildImage({ kind, version: program.version, files, dockerfile, target: null, base }, options);
}

/**
 * An image as `memberImage` makes it, of etcd's own image of that version, where the engine has it or can pull it; null otherwise, and
 * where one was built of a program already.
 */
export async function releaseImage(version: string, options: ImageOptions): Promise<string | null> {
  const official = `${setting(options.environment["FAULTLINE_ETCD_IMAGE"], ETCD_IMAGE)}:v${version}`;
  let found = await inspectImage(official, options);
  if (found === null) {
    if ((await builtImage("etcd", version, options)) !== null) return null;
    const refused = await pullImage(official, options);
    if (refused !== null) options.say(`${official} cannot be pulled: ${refused}`);
    found = await inspectImage(official, options);
  }
  if (found === null) return null;
  const base = { reference: official, id: found.id };
  const files = [text("Dockerfile", officialDockerfile(official)), text("data/.keep", "")];
  const kind = "etcd-official";
  return await buildImage({ kind, version, files, dockerfile: "Dockerfile", target: null, base }, options);
}

/** The embedded Toxiproxy of this package. Rejects as `memberImage`. */
export async function embeddedProxyImage(options: ImageOptions): Promise<ProxyImage> {
  return {
    image: await serverImage("toxiproxy", options),
    name: "embedded toxiproxy",
    command: (port, seed) => ["-host", "0.0.0.0", "-port", String(port), "-seed", String(seed)],
  };
}

/** Shopify's own Toxiproxy, where the engine has it or can pull it; null otherwise. It draws its chances without our seed. */
export async function shopifyProxyImage(options: ImageOptions): Promise<ProxyImage | null> {
  const image = setting(options.environment["FAULTLINE_TOXIPROXY_IMAGE"], TOXIPROXY_IMAGE);
  if ((await inspectImage(image, options)) === null) {
    const refused = await pullImage(image, options);
    if (refused !== null) options.say(`${image} cannot be pulled: ${refused}`);
    if ((await inspectImage(image, options)) === null) return null;
  }
  return { image, name: "toxiproxy", command: (port) => ["-host=0.0.0.0", `-port=${port}`] };
}

async function serverImage(target: "etcd-ts" | "toxiproxy", options: ImageOptions): Promise<string> {
  const root = packageRoot();
  const dockerfile = readFileSync(join(root, DOCKERFILE), "utf8");
  const files = contextFiles(dockerfile, root, BUILT);
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { readonly version: string };
  const base = await ensureBase(options);
  return await buildImage({ kind: target, version, files, dockerfile: DOCKERFILE, target, base }, options);
}

/** The files that the Dockerfile copies, by its own word: of `root`, and of `built` what lies under dist/. */
export function contextFiles(dockerfile: string, root: string, built: string): readonly TarFile[] {
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+)$/gm)].flatMap((line) =>
    (line[1] as string).split(" ").slice(0, -1),
  );
  const files = [text(DOCKERFILE, dockerfile)];
  for (const name of copied) {
    const path = name.startsWith("dist/") ? join(built, name.slice("dist/".length)) : join(root, name);
    if (!existsSync(path)) throw new ImageError(`${path} is missing, which ${DOCKERFILE} needs: run npm run build`);
    for (const each of filesUnder(path)) {
      // Declarations serve compilers.
      if (!each.endsWith(".d.ts")) files.push(file(`${name}${each}`, `${path}${each}`, each.endsWith("/main.js")));
    }
  }
  return files;
}

/** "" for a file, else "/a/b.js" for each file in the folder. */
function filesUnder(path: string): readonly string[] {
  const isFile = (entry: { isFile(): boolean }): boolean => entry.isFile();
  try {
    return readdirSync(path, { recursive: true, withFileTypes: true })
      .filter(isFile)
      .map((entry) => join(entry.parentPath, entry.name).slice(path.length));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOTDIR") return [""];
    throw error;
  }
}

/** A program that needs libraries takes those it was found with along, and their loader: an older base would lack them. */
async function etcdFiles(binary: string, options: ImageOptions): Promise<readonly TarFile[]> {
  const path = onPath(binary, options.environment);
  const libraries = await librariesOf(path, options);
  const loader = libraries.find((library) => basename(library).startsWith("ld-"));
  const folder = `${ETCD_ROOT}/lib`;
  const start = loader === undefined ? [] : [`${folder}/${basename(loader)}`, "--library-path", folder];
  return [
    text("Dockerfile", etcdDockerfile([...start, `${ETCD_ROOT}/etcd`])),
    file("files/etcd", path, true),
    file("files/health.js", join(packageRoot(), "docker", "server", "health.js"), false),
    text("files/package.json", '{ "type": "module" }\n'),
    ...libraries.map((library) => file(`files/lib/${basename(library)}`, library, true)),
  ];
}

/** Starting it once, while the image is built, shows that it can run there. */
function etcdDockerfile(entrypoint: readonly string[]): string {
  const health = ["node", `${ETCD_ROOT}/health.js`, "http://127.0.0.1:2379/health"];
  return `ARG BASE
FROM \${BASE}
COPY files/ ${ETCD_ROOT}/
RUN mkdir /data && chown node:node /data
RUN ${JSON.stringify([...entrypoint, "--version"])}
USER node
EXPOSE 2379 2380
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s CMD ${JSON.stringify(health)}
ENTRYPOINT ${JSON.stringify(entrypoint)}
`;
}

/** etcd's own image holds no shell. */
function officialDockerfile(official: string): string {
  return `FROM ${official}
COPY --chown=1000:1000 data/ /data/
RUN ["/usr/local/bin/etcd", "--version"]
USER 1000:1000
ENTRYPOINT ["/usr/local/bin/etcd"]
`;
}

/** Empty for a program that is linked statically. */
async function librariesOf(path: string, { environment, signal }: ImageOptions): Promise<readonly string[]> {
  try {
    const output = await runCommand(["ldd", path], { environment, signal, limitMs: LDD_LIMIT_MS });
    return [...new Set([...(output ?? "").matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] as string))];
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof CommandFailure) return [];
    throw error;
  }
}

function onPath(program: string, environment: NodeJS.ProcessEnv): string {
  if (program.includes("/")) return resolve(program);
  const folders = (environment["PATH"] ?? "").split(delimiter);
  const found = folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
  if (found === undefined) throw new ImageError(`${program} is not on the PATH: name it with --target etcd=BINARY`);
  return found;
}

/** The nearest folder above this file that holds docker/: a clone, or the installed package. */
function packageRoot(): string {
  for (let folder = BUILT; ; folder = dirname(folder)) {
    if (existsSync(join(folder, DOCKERFILE))) return folder;
    if (folder === dirname(folder)) throw new ImageError(`${DOCKERFILE} is missing: install this package again`);
  }
}

function setting(value: string | undefined, usual: string): string {
  return value === undefined || value === "" ? usual : value;
}

function text(name: string, content: string): TarFile {
  return { name, bytes: Buffer.from(content), executable: false };
}

function file(name: string, path: string, executable: boolean): TarFile {
  return { name, bytes: readFileSync(path), executable };
}
