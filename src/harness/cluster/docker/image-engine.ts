import { createHash } from "node:crypto";
import { ImageError, type ImageOptions } from "./image.ts";
import { packTar, type TarFile } from "./tar.ts";

/** What this program builds carries its kind, so that older ones can be found. */
const KIND_LABEL = "faultline.image";
const VERSION_LABEL = "faultline.version";
/** In docker/Dockerfile; the stage that installs packages stays behind as the builder's cache. */
const STAGE_LABEL = "faultline.stage";
/** Of each kind: the newest serve runs on other branches and versions. */
const KEPT = 4;
const INSPECT_LIMIT_MS = 30_000;
const BUILD_LIMIT_MS = 10 * 60_000;
/** A registry that says nothing for so long will not. */
const SILENCE_LIMIT_MS = 15_000;
const WORDS_KEPT = 4;

/** Null when the engine does not have it. */
export async function inspectImage(
  reference: string,
  { dockerode, signal }: ImageOptions,
): Promise<{ readonly id: string; readonly labels: Readonly<Record<string, string>> } | null> {
  try {
    const abortSignal = AbortSignal.any([signal, AbortSignal.timeout(INSPECT_LIMIT_MS)]);
    // Its types know no limits here.
    const limits: object = { abortSignal };
    const found = await dockerode.getImage(reference).inspect(limits);
    return { id: found.Id, labels: found.Config.Labels ?? {} };
  } catch (error) {
    signal.throwIfAborted();
    if ((error as { readonly statusCode?: number }).statusCode === 404) return null;
    throw new ImageError(`the Docker engine does not tell about ${reference}: ${(error as Error).message}`);
  }
}

/** Takes an image from its registry; answers why not when that is impossible. */
export async function pullImage(reference: string, options: ImageOptions): Promise<string | null> {
  const { dockerode, say, signal } = options;
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENCE_LIMIT_MS);
  try {
    say(`pulling ${reference}`);
    const abortSignal = AbortSignal.any([signal, silence.signal]);
    const stream = await dockerode.pull(reference, { abortSignal });
    const failure = await follow(stream, abortSignal, () => {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_LIMIT_MS);
    });
    return failure;
  } catch (error) {
    signal.throwIfAborted();
    return silence.signal.aborted ? "the registry does not answer" : engineWords(error);
  } finally {
    clearTimeout(timer);
  }
}

export interface Recipe {
  /** "etcd-ts": the image is faultline-etcd-ts:HASH. */
  readonly kind: string;
  readonly version: string;
  readonly files: readonly TarFile[];
  readonly dockerfile: string;
  /** Null: the last one. */
  readonly target: string | null;
  readonly base: { readonly reference: string; readonly id: string };
}

/** Builds the image unless the engine has it: its name holds a hash of all that goes in. Rejects with ImageError. */
export async function buildImage(recipe: Recipe, options: ImageOptions): Promise<string> {
  const { kind, version, files, dockerfile, target, base } = recipe;
  const { dockerode, say, signal } = options;
  const context = packTar(files);
  const hash = createHash("sha256")
    .update(context)
    .update(JSON.stringify([kind, version, dockerfile, target, base.id]));
  const reference = `faultline-${kind}:${hash.digest("hex").slice(0, 16)}`;
  if ((await inspectImage(reference, options)) !== null) return reference;
  say(`building the image ${reference}`);
  const abortSignal = AbortSignal.any([signal, AbortSignal.timeout(BUILD_LIMIT_MS)]);
  const words: string[] = [];
  let failure: string | null;
  try {
    const stream = await dockerode.buildImage(context as unknown as NodeJS.ReadableStream, {
      t: reference,
      dockerfile,
      ...(target === null ? {} : { target }),
      buildargs: { BASE: base.reference },
      labels: { [KIND_LABEL]: kind, [VERSION_LABEL]: version },
      version: "1",
      rm: true,
      forcerm: true,
      abortSignal,
    });
    failure = await follow(stream, abortSignal, (line) => {
      words.push(line);
      if (words.length > WORDS_KEPT) words.shift();
    });
  } catch (error) {
    signal.throwIfAborted();
    failure = abortSignal.aborted ? `it took longer than ${BUILD_LIMIT_MS / 60_000} minutes` : engineWords(error);
  }
  if (failure !== null) throw new ImageError(`${reference} cannot be built: ${failure}; ${words.join(" | ")}`);
  await removeOlder({ label: [`${KIND_LABEL}=${kind}`] }, reference, KEPT, options);
  await removeOlder({ label: [STAGE_LABEL], dangling: ["true"] }, reference, 1, options);
  return reference;
}

/** The newest image of a kind and version that was built here; null when there is none. */
export async function builtImage(
  kind: string,
  version: string,
  { dockerode, signal }: ImageOptions,
): Promise<string | null> {
  const filters = { label: [`${KIND_LABEL}=${kind}`, `${VERSION_LABEL}=${version}`] };
  const abortSignal = AbortSignal.any([signal, AbortSignal.timeout(INSPECT_LIMIT_MS)]);
  const found = await dockerode.listImages({ filters, abortSignal });
  return found.sort((a, b) => b.Created - a.Created)[0]?.RepoTags?.[0] ?? null;
}

/** What is in use stays: the engine refuses. */
async function removeOlder(
  filters: Record<string, string[]>,
  except: string,
  kept: number,
  { dockerode, signal }: ImageOptions,
): Promise<void> {
  const abortSignal = AbortSignal.any([signal, AbortSignal.timeout(INSPECT_LIMIT_MS)]);
  const found = await dockerode.listImages({ filters, abortSignal });
  for (const { Id, RepoTags } of found.sort((a, b) => b.Created - a.Created).slice(kept)) {
    // One that came out of the builder's cache is as old as it was then.
    if (RepoTags?.includes(except)) continue;
    await dockerode
      .getImage(Id)
      .remove({ abortSignal })
      .catch(() => undefined);
  }
}

/** Reads what the engine tells about its work to the end: a JSON object a line. Answers its error, or null. */
async function follow(
  stream: NodeJS.ReadableStream,
  abortSignal: AbortSignal,
  heard: (line: string) => void,
): Promise<string | null> {
  let rest = "";
  let failure: string | null = null;
  stream.setEncoding("utf8");
  // A stream that nobody reads any more keeps its connection, and a build goes on.
  const end = (): void => (stream as NodeJS.ReadableStream & { destroy(error?: Error): void }).destroy();
  abortSignal.addEventListener("abort", end, { once: true });
  try {
    for await (const part of stream) {
      const lines = (rest + (part as string)).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line.trim() === "") continue;
        const { stream: text = "", error } = JSON.parse(line) as { readonly stream?: string; readonly error?: string };
        if (error !== undefined) failure = error.trim();
        heard(text.trim());
      }
    }
  } finally {
    abortSignal.removeEventListener("abort", end);
  }
  abortSignal.throwIfAborted();
  return failure;
}

/** One line. */
function engineWords(error: unknown): string {
  const { json, message } = error as Error & { readonly json?: { readonly message?: string } };
  return (json?.message ?? message).trim().split("\n")[0] as string;
}
