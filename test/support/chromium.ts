import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

/** The browser that tests drive, or null where none is installed. */
export function chromiumPath(): string | null {
  return ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find((path) => existsSync(path)) ?? null;
}

interface Reply {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
  readonly sessionId?: string;
}

/** One page in headless Chromium, spoken to over the DevTools protocol's pipe. `close` ends the browser and removes its profile. */
export class Page {
  /** Everything the page complained about: console errors, exceptions, refused loads. */
  readonly complaints: string[] = [];
  readonly #browser: ChildProcess;
  readonly #profile: string;
  readonly #input: Writable;
  readonly #output: Readable;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #received = "";
  #lastId = 0;
  #session: string | null = null;

  constructor(path: string) {
    this.#profile = mkdtempSync(join(tmpdir(), "faultline-chromium-"));
    const flags = [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--remote-debugging-pipe",
      `--user-data-dir=${this.#profile}`,
      "about:blank",
    ];
    this.#browser = spawn(path, flags, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"], detached: true });
    this.#input = this.#browser.stdio[3] as Writable;
    this.#output = this.#browser.stdio[4] as Readable;
    this.#output.setEncoding("utf8");
    this.#output.on("data", (text: string) => this.#read(text));
  }

  /** Opens a file or URL and returns when it has loaded. */
  async open(
    url: string,
    size: { readonly width: number; readonly height: number; readonly dark: boolean },
  ): Promise<void> {
    const { targetInfos } = (await this.#call("Target.getTargets")) as {
      targetInfos: { targetId: string; type: string }[];
    };
    const target = targetInfos.find((info) => info.type === "page");
    const attached = await this.#call("Target.attachToTarget", { targetId: target?.targetId, flatten: true });
    this.#session = attached["sessionId"] as string;
    for (const domain of ["Page", "Runtime", "Log", "Network"]) await this.#call(`${domain}.enable`);
    await this.#call("Emulation.setDeviceMetricsOverride", { ...size, deviceScaleFactor: 1, mobile: false });
    await this.#call("Emulation.setEmulatedMedia", {
      features: [{ name: "prefers-color-scheme", value: size.dark ? "dark" : "light" }],
    });
    await this.#call("Page.navigate", { url });
    await this.until("document.readyState === 'complete' && location.href !== 'about:blank'");
  }

  /** The value of an expression, promises awaited. */
  async evaluate(expression: string): Promise<unknown> {
    const answer = await this.#call("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    return (answer["result"] as { value?: unknown }).value;
  }

  async until(condition: string): Promise<void> {
    while ((await this.evaluate(`Boolean(${condition})`)) !== true)
      await new Promise((resolve) => setTimeout(resolve, 20));
  }

  async movePointer(x: number, y: number): Promise<void> {
    await this.#call("Input.dispatchMouseEvent", { type: "mouseMoved", x, y });
  }

  /** A picture of the whole page, or of what the window shows of it. */
  async screenshot(of: "page" | "window" = "page", format: "png" | "webp" = "png"): Promise<Buffer> {
    const shot = await this.#call("Page.captureScreenshot", { format, captureBeyondViewport: of === "page" });
    return Buffer.from(shot["data"] as string, "base64");
  }

  async close(): Promise<void> {
    const exited = new Promise((resolve) => this.#browser.once("exit", resolve));
    // The browser is many processes in one group, and each holds the pipes.
    process.kill(-(this.#browser.pid as number), "SIGKILL");
    await exited;
    this.#input.destroy();
    this.#output.destroy();
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  #call(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = ++this.#lastId;
    const session = this.#session === null ? {} : { sessionId: this.#session };
    this.#input.write(`${JSON.stringify({ id, method, params, ...session })}\0`);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, (reply) =>
        reply.error === undefined
          ? resolve(reply.result ?? {})
          : reject(new Error(`${method}: ${reply.error.message}`)),
      );
    });
  }

  #read(text: string): void {
    const parts = (this.#received + text).split("\0");
    this.#received = parts.pop() as string;
    for (const part of parts) this.#dispatch(JSON.parse(part) as Reply);
  }

  #dispatch(reply: Reply): void {
    if (reply.id !== undefined) {
      this.#waiting.get(reply.id)?.(reply);
      this.#waiting.delete(reply.id);
      return;
    }
    const entry = reply.params?.["entry"] as { level?: string; text?: string } | undefined;
    if (reply.method === "Log.entryAdded" && (entry?.level === "error" || entry?.level === "warning"))
      this.complaints.push(entry.text ?? "");
    if (reply.method === "Runtime.exceptionThrown") this.complaints.push(JSON.stringify(reply.params));
    if (reply.method === "Runtime.consoleAPICalled" && reply.params?.["type"] !== "log")
      this.complaints.push(JSON.stringify(reply.params));
    if (reply.method === "Network.requestWillBeSent") {
      const url = (reply.params?.["request"] as { url?: string } | undefined)?.url ?? "";
      if (!/^(file|data|about):/.test(url)) this.complaints.push(`asked the network for ${url}`);
    }
  }
}
