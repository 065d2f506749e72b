// Programs beside a test: started in a group of their own, and ended with all they started, whatever happens.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
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

  /** `input` is for a program that is fed: its bytes go to `stdin`. */
  constructor(command, args, { env = {}, cwd = root, input = false } = {}) {
    this.#name = command.split("/").at(-1);
    const stdio = [input ? "pipe" : "ignore", "pipe", "pipe"];
    this.#child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio, detached: true });
    // Its end is told by `ended`.
    this.#child.stdin?.on("error", () => undefined);
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

  /**
   * Ends the program and waits until it is gone. What it started is not asked with it: WebKit ends its whole program when a process
   * that it is just starting ends.
   */
  async stop(signal = "SIGTERM") {
    this.#child.kill(signal);
    const timer = setTimeout(() => this.kill(), 10_000);
    const how = await this.ended;
    clearTimeout(timer);
    // What it started may have outlived it.
    this.kill();
    return how;
  }

  get pid() {
    return this.#child.pid;
  }

  get stdin() {
    return this.#child.stdin;
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

/**
 * Does something, and again when it had no effect for a while: a key, a click or a menu's entry that comes before a program
 * listens is lost, and on a loaded machine nobody can tell when it does.
 */
export async function insist(what, act, look, pause = 10_000) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    let refused;
    await (async () => act())().catch((error) => (refused = error));
    try {
      return await until(what, look, pause);
    } catch (error) {
      if (Date.now() > end) throw new Error(error.message, { cause: refused });
    }
  }
}

/** The full path of a program that is installed, or undefined. */
export function which(name) {
  const folders = (process.env.PATH ?? "").split(delimiter);
  // Debian keeps servers where not everybody looks.
  return [...folders, "/usr/sbin"].map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** A folder that goes with the test. */
export function scratch(context) {
  const folder = mkdtempSync(join(tmpdir(), "weir-e2e-"));
  const remove = () => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  context.after(() => {
    try {
      remove();
    } catch {
      // A program that is ended later still writes.
      process.on("exit", remove);
    }
  });
  return folder;
}

const handed = new Set();

/** A port that is free, and that nobody gets by chance: below those that systems give to connections on their way out. */
export async function freePort() {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 20_000);
    if (handed.has(port) || !(await isFree(port))) continue;
    handed.add(port);
    return port;
  }
}

function isFree(port) {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.on("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
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
