// One step of a script: says what it does and about how long it takes, runs a program, and reports how it ended.
// Only Node's own modules: these files run before anything is installed.
import { spawn, spawnSync } from "node:child_process";
import { delimiter, join } from "node:path";
import { existsSync } from "node:fs";
import process from "node:process";

export const root = join(import.meta.dirname, "..");
export const windows = process.platform === "win32";

const running = new Set();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    for (const child of running) end(child, "SIGTERM");
    process.exit(signal === "SIGINT" ? 130 : 143);
  });
}

/** A failure whose message is all the reader needs: printed without a stack. */
export class Failure extends Error {}

export function say(line) {
  process.stdout.write(`${line}\n`);
}

export function title(what, about) {
  say(`\n==> ${what}${about ? ` (about ${about})` : ""}`);
}

/**
 * Runs a program in the repository, its output shown as it comes, and resolves to how it ended.
 * `limit` (minutes) ends a program that hangs, with all it started. `quiet` shows the output only when it fails.
 */
export function run(command, args, { env = {}, limit = 30, quiet = false, cwd = root } = {}) {
  return new Promise((resolve) => {
    const began = Date.now();
    // A group of its own, so that a hung grandchild (a browser, a web process) ends with it.
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: !windows,
      shell: windows && !/\.exe$/i.test(command),
    });
    running.add(child);
    let output = "";
    let problem = null;
    const take = (bytes) => {
      output += bytes;
      if (!quiet) process.stdout.write(bytes);
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    const timer = setTimeout(() => {
      problem = `it did not end within ${limit} minutes and was stopped`;
      end(child, "SIGKILL");
    }, limit * 60_000);
    child.on("error", (error) => (problem = error.code === "ENOENT" ? `${command} is not installed` : error.message));
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      running.delete(child);
      problem ??= code === 0 ? null : `${command} ended with ${signal ?? `exit code ${code}`}`;
      if (problem && quiet) process.stdout.write(output);
      // eslint-disable-next-line no-control-regex -- terminal colours
      resolve({ ok: !problem, problem, code, output: output.replace(/\x1b\[[0-9;]*m/g, ""), seconds: (Date.now() - began) / 1000 });
    });
  });
}

/** Runs a program that must succeed. */
export async function must(command, args, options) {
  const result = await run(command, args, options);
  if (!result.ok) throw new Failure(`${[command, ...args].join(" ")}: ${result.problem}`);
  return result;
}

/** npm as it was started, else the one on the path. */
export function npm(args, options) {
  const cli = process.env.npm_execpath;
  return cli?.endsWith(".js") ? run(process.execPath, [cli, ...args], options) : run("npm", args, options);
}

/** The full path of a program on the path, or null. */
export function which(command) {
  const names = windows ? [`${command}.exe`, `${command}.cmd`] : [command];
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const found = names.map((name) => join(folder, name)).find((path) => existsSync(path));
    if (found) return found;
  }
  return null;
}

/** What a short program prints, or null when it fails. */
export function ask(command, args) {
  const { status, stdout } = spawnSync(command, args, { cwd: root, encoding: "utf8" });
  return status === 0 ? stdout.trim() : null;
}

/** Runs a script's main function; a `Failure` is one sentence and exit code 1. */
export async function main(body) {
  try {
    process.exitCode = (await body()) ?? 0;
  } catch (error) {
    say(`\n${error instanceof Failure ? error.message : error.stack}`);
    process.exitCode = 1;
  }
}

function end(child, signal) {
  try {
    if (windows) spawnSync("taskkill", ["/pid", `${child.pid}`, "/t", "/f"]);
    else process.kill(-child.pid, signal);
  } catch {
    // Already gone.
  }
}
