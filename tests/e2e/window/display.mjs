// A display, a home and a bus of nobody: what a window needs to run without touching the machine it runs on.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Program, freePort, scratch } from "../program.mjs";

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
  // The server chooses a free display by itself and says which.
  const server = new Program("Xvfb", ["-displayfd", "1", "-screen", "0", "1280x900x24", "-nolisten", "tcp"]);
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
