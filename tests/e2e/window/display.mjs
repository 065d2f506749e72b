// A display, a home and a bus of nobody: what a window needs to run without touching the machine it runs on.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { Program, freePort, insist, root, scratch, until, which } from "../program.mjs";

const PYTHON = "/usr/bin/python3";

/** The environment for everything that opens a window. */
export async function display(context) {
  const folder = scratch(context);
  const home = Object.fromEntries(
    ["DATA", "CONFIG", "CACHE", "RUNTIME"].map((what) => {
      const path = join(folder, what.toLowerCase());
      mkdirSync(path, { mode: 0o700 });
      return [what === "RUNTIME" ? "XDG_RUNTIME_DIR" : `XDG_${what}_HOME`, path];
    }),
  );
  // The server chooses a free display by itself and says which. It does not begin anew when a client was the last one: who comes
  // at that moment would be turned away.
  const server = new Program("Xvfb", ["-displayfd", "1", "-screen", "0", "1280x900x24", "-nolisten", "tcp", "-noreset"]);
  context.after(() => server.stop());
  const [number] = await server.says(/^\d+$/);
  return {
    folder,
    env: {
      ...home,
      HOME: folder,
      DISPLAY: `:${number}`,
      LANG: "C.UTF-8",
      LANGUAGE: "en",
      // Otherwise daemons are launched that outlive the test.
      DBUS_SESSION_BUS_ADDRESS: "disabled:",
      NO_AT_BRIDGE: "1",
      // Without a sound device the web process would hang on it.
      GST_PLUGIN_FEATURE_RANK: "openalsink:NONE",
      GDK_BACKEND: "x11",
    },
  };
}

/** tauri-driver, and the address to reach it at. */
export async function driver(context, program, env) {
  const [port, native] = [await freePort(), await freePort()];
  const process = new Program(program, ["--port", `${port}`, "--native-port", `${native}`], { env });
  context.after(() => process.stop("SIGKILL"));
  return `http://127.0.0.1:${port}/`;
}

/** What `desktop` needs and this machine lacks, or undefined. */
export function desktopLacks() {
  const missing = ["dbus-daemon", "openbox", "xdotool"].filter((name) => !which(name));
  if (spawnSync(PYTHON, ["-c", "import gi"]).status !== 0) missing.push("python3-gi");
  return missing.length ? `${missing.join(" and ")} cannot be had` : undefined;
}

/** A display with a window manager, and a bus with the services of a desktop (desktop.py), which tells what reaches them. */
export async function desktop(context) {
  const { folder, env } = await display(context);
  const address = `unix:path=${join(folder, "runtime", "bus")}`;
  // No service is started by its name: a keyring or a portal of the machine's own would be met.
  const configuration = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
    <busconfig><type>session</type><listen>${address}</listen><auth>EXTERNAL</auth>
    <policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`;
  writeFileSync(join(folder, "bus.conf"), configuration);
  const bus = new Program("dbus-daemon", ["--config-file", join(folder, "bus.conf"), "--nofork", "--nopidfile", "--print-address"]);
  context.after(() => bus.stop());
  await bus.says(/^unix:/);
  Object.assign(env, { DBUS_SESSION_BUS_ADDRESS: address, DBUS_SYSTEM_BUS_ADDRESS: address });
  const services = new Program(PYTHON, [join(root, "tests", "e2e", "window", "desktop.py")], { env, input: true });
  context.after(() => services.stop());
  await services.says(/"ready"/);
  const manager = new Program("openbox", ["--sm-disable"], { env });
  context.after(() => manager.stop());
  const person = hands(env, { managed: true });
  // Keys that the manager knows, such as Alt+F4, are lost on everybody before it manages.
  await until("the window manager", () => person.isManaged());

  const heard = () => services.lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
  const ask = async (line) => {
    const before = heard().length;
    services.stdin.write(`${line}\n`);
    const answer = await until(`an answer to ${line}`, () => heard().slice(before).find((one) => one.tray || one.pressed || one.refused));
    if (answer.refused) throw new Error(`${line}: ${answer.why}`);
    return answer;
  };
  return {
    folder,
    env,
    hands: person,
    /** Everything that reached the services so far. */
    heard,
    /** Waits for a notification with these words, `before` ones not counted. */
    notified: (words, before = 0) => until(`the notification ${words}`, () => heard().slice(before).find((one) => one.notification?.includes(words))),
    tray: async () => (await ask("tray")).tray,
    /**
     * Chooses an entry of the tray's menu until it has its effect. The menu is made anew when what it says changes, and an
     * entry of the menu before is nobody's.
     */
    press: (label, look) => insist(`the effect of ${label}`, () => ask(`press ${label}`), look),
  };
}

/** The hands of a person: windows are found by their title, and keys are pressed. `managed`: there is a window manager. */
export function hands(env, { managed = false } = {}) {
  const run = (...args) => spawnSync("xdotool", args, { env: { ...process.env, ...env }, encoding: "utf8", timeout: 20_000 });
  const xdotool = (...args) => run(...args).stdout.trim();
  const windows = (title) => xdotool("search", "--onlyvisible", "--name", `^${title}$`).split("\n").filter(Boolean);
  const isShown = (title) => windows(title).length > 0;
  const shown = (title) => until(`the window ${title}`, () => windows(title)[0]);
  /** Gives the keyboard to a window; what is pressed before it has it goes elsewhere. */
  const focus = (title) =>
    until(`the keyboard to be with ${title}`, () => {
      const [window] = windows(title);
      if (!window) return undefined;
      // To the manager another window may be the active one still, and its keys act on that.
      const [give, whose] = managed ? [["windowactivate"], ["getactivewindow"]] : [["windowfocus"], ["getwindowfocus", "-f"]];
      if (xdotool(...whose) !== window) xdotool(...give, window);
      return xdotool(...whose) === window;
    });
  const geometry = async (title) => {
    const said = xdotool("getwindowgeometry", "--shell", await shown(title));
    return Object.fromEntries(Array.from(said.matchAll(/^(X|Y|WIDTH|HEIGHT)=(-?\d+)$/gm), ([, name, number]) => [name.toLowerCase(), Number(number)]));
  };
  const keys = async (title, ...names) => {
    await focus(title);
    xdotool("key", "--delay", "50", ...names);
  };
  return {
    /** Whether the window manager has begun. */
    isManaged: () => run("get_desktop").status === 0,
    isShown,
    shown,
    /** Presses keys in the window with this title. */
    keys,
    /** Presses keys in the window until `look` sees their effect, or until the window is gone. */
    insist: (title, names, what, look = () => !isShown(title)) => insist(what, () => (isShown(title) ? keys(title, ...names) : undefined), look),
    async types(title, text) {
      await focus(title);
      xdotool("type", "--delay", "10", text);
    },
    /** A click at a place given in parts of the window's width and height. */
    async click(title, [right, down]) {
      const { width, height } = await geometry(title);
      const at = [width * right, height * down].map((place) => `${Math.round(place)}`);
      xdotool("mousemove", "--sync", "--window", await shown(title), ...at, "click", "1");
    },
    place: geometry,
    /** Moves a window, and waits until it is there. */
    async move(title, [x, y], [width, height]) {
      const window = await shown(title);
      const move = () => xdotool("windowsize", window, `${width}`, `${height}`, "windowmove", window, `${x}`, `${y}`);
      let last;
      await insist(`${title} to be ${width} × ${height} large and to stand still`, move, async () => {
        const now = await geometry(title);
        const still = JSON.stringify(now) === JSON.stringify(last);
        last = now;
        return still && now.width === width && now.height === height;
      });
    },
    /** A picture of the whole screen. */
    picture(file) {
      const grab = ["-v", "error", "-y", "-f", "x11grab", "-video_size", "1280x900", "-i", env.DISPLAY, "-frames:v", "1", file];
      spawnSync("ffmpeg", grab, { env: { ...process.env, ...env } });
    },
  };
}
