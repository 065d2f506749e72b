// Programs beside a test: started in a group of their own, and ended with all they started, whatever happens.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

export const root = join(import.meta.dirname, "..", "..");

/** Long enough for a loaded machine. */
export const PATIENCE = 60_000;

const running = new Set();
process.on("exit", () => running.forEach((program) => program.kill()));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

export class Program {
  #child;
  #lines = [];
  #watchers = new Set();
  #name;
  ended;

  constructor(command, args, { env = {}, cwd = root } = {}) {
    this.#name = command.split("/").at(-1);
    this.#child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"], detached: true });
    running.add(this);
    for (const pipe of [this.#child.stdout, this.#child.stderr]) {
      let rest = "";
      pipe.setEncoding("utf8").on("data", (text) => {
        const lines = (rest + text).split("\n");
        rest = lines.pop();
        this.#lines.push(...lines);
        this.#watchers.forEach((watcher) => watcher());
      });
    }
    this.ended = new Promise((resolve) => {
      this.#child.on("error", (error) => resolve(error.message));
      this.#child.on("close", (code, signal) => resolve(signal ?? code));
    });
    this.ended.then(() => running.delete(this));
  }

  /** The first match of `pattern` in what the program says. */
  async says(pattern) {
    return within(`${this.#name} to say ${pattern}`, (resolve, reject) => {
      const look = () => {
        const found = this.#lines.map((line) => pattern.exec(line)).find(Boolean);
        if (found) resolve(found);
      };
      this.#watchers.add(look);
      this.ended.then((how) => reject(new Error(`${this.#name} ended (${how}):\n${this.#lines.slice(-20).join("\n")}`)));
      look();
    });
  }

  kill(signal = "SIGKILL") {
    try {
      process.kill(-this.#child.pid, signal);
    } catch {
      // Already gone.
    }
  }

  /** Ends the program and waits until it is gone. */
  async stop(signal = "SIGTERM") {
    this.kill(signal);
    const timer = setTimeout(() => this.kill(), 10_000);
    const how = await this.ended;
    clearTimeout(timer);
    // What it started may have outlived it.
    this.kill();
    return how;
  }

  get lines() {
    return this.#lines;
  }
}

/** A promise that gives up after a while, saying what it waited for. */
export function within(what, body, time = PATIENCE) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), time);
    body((value) => (clearTimeout(timer), resolve(value)), (error) => (clearTimeout(timer), reject(error)));
  });
}

/** Looks again and again until `look` gives something. */
export async function until(what, look, time = PATIENCE) {
  const end = Date.now() + time;
  let seen;
  for (;;) {
    try {
      const found = await look();
      if (found) return found;
    } catch (error) {
      seen = error;
    }
    if (Date.now() > end) throw new Error(`waited in vain for ${what}${seen ? `: ${seen.message}` : ""}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A folder that goes with the test. */
export function scratch(context) {
  const folder = mkdtempSync(join(tmpdir(), "weir-e2e-"));
  context.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));
  return folder;
}

/** A port that was free a moment ago. */
export function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** Whether somebody listens on `port`: a connection would be taken for a client, and opening the port could take it away. */
export async function isListening(port) {
  if (process.platform === "linux") {
    const sockets = ["/proc/net/tcp", "/proc/net/tcp6"].filter((path) => existsSync(path)).map((path) => readFileSync(path, "utf8"));
    const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
    const rows = sockets.flatMap((table) => table.split("\n")).map((line) => line.trim().split(/\s+/));
    return rows.some(([, address, , state]) => address?.endsWith(local) && state === "0A");
  }
  return new Promise((resolve) => {
    const probe = createServer();
    probe.on("error", () => resolve(true));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(false)));
  });
}
