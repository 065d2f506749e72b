// OBS Studio as a streamer has it: a profile, a service and a scene with a film, started with its own switch to go live.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Program, which } from "../program.mjs";
import { display } from "./display.mjs";

/** Why OBS cannot be part of a test here, or undefined. */
export function obsLacks() {
  const plugins = existsSync("/usr/lib") && readdirSync("/usr/lib").some((name) => existsSync(join("/usr/lib", name, "obs-plugins", "obs-ffmpeg.so")));
  return which("obs") && plugins ? undefined : "OBS Studio with its plugins is not installed (Debian: obs-studio and obs-plugins)";
}

const [WIDTH, HEIGHT, RATE] = [640, 360, 30];

const ini = (sections) =>
  Object.entries(sections)
    .map(([name, values]) => `[${name}]\n${Object.entries(values).map(([key, value]) => `${key}=${value}\n`).join("")}`)
    .join("\n");

/** Moving picture and a tone, for the scene. */
function film(file) {
  const args = ["-v", "error", "-f", "lavfi", "-i", `testsrc2=size=${WIDTH}x${HEIGHT}:rate=${RATE}:duration=10`];
  const tone = ["-f", "lavfi", "-i", "sine=frequency=330:sample_rate=48000:duration=10"];
  const { status, stderr } = spawnSync("ffmpeg", [...args, ...tone, "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", file]);
  if (status !== 0) throw new Error(`no film: ${stderr}`);
}

/** What OBS keeps in its folder once it was set up. */
function settle(folder, { server, key }) {
  const at = (...names) => join(folder, ...names);
  mkdirSync(at("basic", "profiles", "Weir"), { recursive: true });
  mkdirSync(at("basic", "scenes"), { recursive: true });
  film(at("film.mp4"));
  writeFileSync(
    at("global.ini"),
    ini({
      General: { FirstRun: true, LastVersion: 0x1d000002, EnableAutoUpdates: false, Language: "en-US" },
      Basic: { Profile: "Weir", ProfileDir: "Weir", SceneCollection: "Weir", SceneCollectionFile: "Weir" },
      BasicWindow: { WarnBeforeStartingStream: false, WarnBeforeStoppingStream: false, RecordWhenStreaming: false },
    }),
  );
  writeFileSync(
    at("basic", "profiles", "Weir", "basic.ini"),
    ini({
      General: { Name: "Weir" },
      Output: { Mode: "Simple", Reconnect: true },
      SimpleOutput: { VBitrate: 1500, ABitrate: 128, StreamEncoder: "x264", UseAdvanced: true, Preset: "ultrafast", x264Settings: `keyint=${2 * RATE}` },
      Video: { BaseCX: WIDTH, BaseCY: HEIGHT, OutputCX: WIDTH, OutputCY: HEIGHT, FPSType: 0, FPSCommon: RATE },
      Audio: { SampleRate: 48000, ChannelSetup: "Stereo" },
    }),
  );
  const service = { type: "rtmp_custom", settings: { server, key, use_auth: false, bwtest: false } };
  writeFileSync(at("basic", "profiles", "Weir", "service.json"), JSON.stringify(service));
  const picture = { name: "Film", id: 1, visible: true, locked: false, align: 5, rot: 0, pos: { x: 0, y: 0 }, scale: { x: 1, y: 1 }, bounds_type: 0, bounds_align: 0, bounds: { x: 0, y: 0 } };
  const sources = [
    { id: "ffmpeg_source", name: "Film", enabled: true, muted: false, volume: 1, mixers: 255, settings: { is_local_file: true, local_file: at("film.mp4"), looping: true, hw_decode: false } },
    { id: "scene", name: "Scene", enabled: true, settings: { custom_size: false, id_counter: 1, items: [picture] } },
  ];
  const collection = { name: "Weir", current_scene: "Scene", current_program_scene: "Scene", scene_order: [{ name: "Scene" }], sources };
  writeFileSync(at("basic", "scenes", "Weir.json"), JSON.stringify(collection));
}

/** OBS on a display of its own, streaming to `server` with `key`. */
export async function obs(context, service) {
  const { env } = await display(context);
  settle(join(env.XDG_CONFIG_HOME, "obs-studio"), service);
  const args = ["--multi", "--profile", "Weir", "--collection", "Weir", "--disable-updater", "--startstreaming"];
  const program = new Program("obs", args, { env: { ...env, QT_QPA_PLATFORM: "xcb", LIBGL_ALWAYS_SOFTWARE: "1" } });
  context.after(() => program.stop("SIGKILL"));
  return { program, env };
}
