// Programs the tests hold Weir against, kept in .cache and never installed on the machine.
// A tool that cannot be had is said here; the tests that need it are then skipped and counted.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { root, run, say, title, which, windows } from "./step.mjs";

const cache = join(root, ".cache");

/** FFmpeg 9: the binary inside the Python wheel imageio-ffmpeg, since no distribution has it yet. */
export async function ffmpeg9() {
  const home = join(cache, "ffmpeg-9");
  const binaries = join(home, "imageio_ffmpeg", "binaries");
  const found = () => (existsSync(binaries) ? readdirSync(binaries).find((name) => /^ffmpeg-.*-v9/.test(name)) : null);
  if (found()) return join(binaries, found());
  title("Fetching FFmpeg 9 for the interoperability tests", "10 seconds");
  const pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--target", home, "imageio-ffmpeg==0.8.1"];
  const result = await run(which("python3") ?? "python", pip, { limit: 5, quiet: true });
  if (found()) return join(binaries, found());
  say(`FFmpeg 9 cannot be had: ${result.problem ?? "the wheel for this machine holds another version"}`);
  return null;
}

/** nginx with its RTMP module: the one that is installed, or Debian's packages unpacked here, so that no web server starts. */
export async function nginx() {
  const module = "usr/lib/nginx/modules/ngx_rtmp_module.so";
  if (existsSync(`/${module}`) && existsSync("/usr/sbin/nginx")) return "/";
  const home = join(cache, "nginx");
  if (existsSync(join(home, module))) return home;
  if (!which("apt-get") || !which("dpkg")) return null;
  title("Fetching nginx and its RTMP module for the interoperability tests", "10 seconds");
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  const got = await run("apt-get", ["download", "--quiet=2", "nginx", "libnginx-mod-rtmp"], { cwd: home, limit: 5, quiet: true });
  for (const name of readdirSync(home).filter((name) => name.endsWith(".deb"))) spawnSync("dpkg", ["-x", name, "."], { cwd: home });
  if (existsSync(join(home, module))) return home;
  say(`nginx with its RTMP module cannot be had: ${got.problem ?? "the packages do not hold the module"}`);
  return null;
}

/** The WebDriver server for Tauri windows. */
export async function tauriDriver() {
  const home = join(cache, "tauri-driver");
  const program = join(home, "bin", windows ? "tauri-driver.exe" : "tauri-driver");
  if (existsSync(program)) return program;
  title("Building tauri-driver, which steers the window in the tests", "1 minute");
  const env = { CARGO_TARGET_DIR: join(cache, "tauri-driver-build") };
  const args = ["install", "tauri-driver", "--version", "2.1.0", "--locked", "--quiet", "--root", home];
  const result = await run("cargo", args, { env, quiet: true });
  rmSync(env.CARGO_TARGET_DIR, { recursive: true, force: true });
  if (result.ok) return program;
  say(`tauri-driver cannot be had: ${result.problem}`);
  return null;
}

/** What a window test needs on this machine and lacks; null when nothing. */
export function windowTestsLack() {
  if (process.platform !== "linux") return "the window is steered by WebKitWebDriver, which only Linux has";
  const missing = ["WebKitWebDriver", "Xvfb", "ffmpeg"].filter((name) => !which(name));
  return missing.length ? `${missing.join(" and ")} cannot be had` : null;
}
