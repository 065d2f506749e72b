// `npm start`: sets the machine up, builds, and opens Weir; without a display it serves the same UI to a browser.
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { spawn } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { Failure, main, must, root, say, title, windows } from "./step.mjs";
import { page } from "./page.mjs";
import { setup } from "./setup.mjs";

// Where the UI is served when there is no display, unless another program has the port.
const PORT = 8935;

main(async () => {
  const window = display();
  await setup({ needed: window ? ["build", "window"] : ["build"] });
  await page();
  if (window) {
    title("Building Weir", "4 minutes the first time, seconds after that");
    await must("cargo", ["build", "--locked", "--features", "custom-protocol"], { limit: 120 });
    title("Opening Weir. Close the window or press Ctrl+C to end it");
    return open("weir-desktop", process.argv.slice(2));
  }
  title("Building Weir without the window, since there is no display", "2 minutes the first time, seconds after that");
  await must("cargo", ["build", "--locked", "--package", "weir-cli"], { limit: 120 });
  title("Starting Weir. Open the address below in a browser; press Ctrl+C to end it");
  return open("weir", ["serve", "--http", `127.0.0.1:${await freePort()}`, ...process.argv.slice(2)]);
});

/** Whether a window can be opened here. */
function display() {
  if (process.platform !== "linux") return true;
  if (process.env.WAYLAND_DISPLAY) return true;
  const local = /^:(\d+)/.exec(process.env.DISPLAY ?? "");
  if (!local) return Boolean(process.env.DISPLAY);
  if (existsSync(`/tmp/.X11-unix/X${local[1]}`)) return true;
  say(`DISPLAY is ${process.env.DISPLAY}, but no display answers there.`);
  return false;
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.on("error", () => resolve(0));
    probe.listen(PORT, "127.0.0.1", () => probe.close(() => resolve(PORT)));
  });
}

function open(name, args) {
  const program = join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "debug", windows ? `${name}.exe` : name);
  // In a group of its own: a terminal sends Ctrl+C to every program of a group, and npm passes it on once more, but for
  // Weir a second one means "at once".
  const child = spawn(program, args, { stdio: "inherit", detached: !windows });
  let last = 0;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.removeAllListeners(signal);
    process.on(signal, () => {
      if (windows || Date.now() - last < 1000) return;
      last = Date.now();
      child.kill(signal === "SIGHUP" ? "SIGTERM" : signal);
    });
  }
  return new Promise((resolve, reject) => {
    child.on("error", (error) => reject(new Failure(`Weir could not be started: ${error.message}`)));
    child.on("close", (code) => resolve(code ?? 1));
  });
}
