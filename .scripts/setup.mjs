// Everything a machine needs before Weir can be built, run and tested: system packages, then the npm packages.
// Quick when all is there; says the exact command where it cannot act by itself.
import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { Failure, ask, npm, root, say, title, which } from "./step.mjs";

// `have` tells whether the machine already has it, from whatever source; without it the Debian package must be there.
const PACKAGES = {
  build: [
    { name: "build-essential", have: () => which("c++") && which("make") },
    { name: "pkg-config", have: () => which("pkg-config") },
  ],
  window: [
    { name: "libwebkit2gtk-4.1-dev", have: () => ask("pkg-config", ["--exists", "webkit2gtk-4.1"]) !== null },
    { name: "gstreamer1.0-libav" },
    { name: "gstreamer1.0-plugins-bad" },
    { name: "libayatana-appindicator3-1" },
  ],
  test: [
    { name: "ffmpeg", have: () => which("ffmpeg") && which("ffprobe") },
    { name: "chromium", have: () => chromium() },
    { name: "webkit2gtk-driver", have: () => which("WebKitWebDriver") },
    { name: "rtmpdump", have: () => which("rtmpdump") },
    { name: "srt-tools", have: () => which("srt-live-transmit") },
    { name: "dbus", have: () => which("dbus-run-session") && which("dbus-send") },
    { name: "gnome-keyring", have: () => which("gnome-keyring-daemon") },
    { name: "xvfb", have: () => which("Xvfb") },
    // With what is there already this is 25 MB more.
    { name: "obs-studio", have: () => which("obs") },
    { name: "obs-plugins" },
    { name: "openbox", have: () => which("openbox") },
    { name: "xdotool", have: () => which("xdotool") },
    { name: "dbus-daemon", have: () => which("dbus-daemon") },
    { name: "python3-gi" },
    { name: "python3-pip", have: () => ask("python3", ["-m", "pip", "--version"]) !== null },
  ],
};

const ELSEWHERE = {
  fedora: "sudo dnf install gcc-c++ make pkgconf webkit2gtk4.1-devel gstreamer1-plugin-libav gstreamer1-plugins-bad-free libayatana-appindicator-gtk3",
  arch: "sudo pacman -S --needed base-devel webkit2gtk-4.1 gst-libav gst-plugins-bad libayatana-appindicator",
};

/** A Chromium-like browser, for the tests of the UI. */
export function chromium() {
  const app = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";
  return which("chromium") ?? which("chromium-browser") ?? which("google-chrome") ?? (existsSync(app) ? app : null);
}

/** Makes the machine ready. `needed` must be there; without `wanted` the tests that use it are skipped, and say so. */
export async function setup({ needed, wanted = [], components = [] }) {
  toolchain();
  rust(components);
  if (process.platform === "linux") {
    install(needed, true);
    install(wanted, false);
  } else if (process.platform === "darwin") {
    if (ask("xcode-select", ["-p"]) === null) throw new Failure("Weir needs Apple's compiler. Run: xcode-select --install");
  } else if (!ask("rustc", ["--print", "host-tuple"])?.endsWith("-gnu") && !existsSync(vswhere())) {
    throw new Failure(
      "Weir needs Microsoft's C++ build tools. Run: winget install Microsoft.VisualStudio.2022.BuildTools " +
        '--override "--passive --add Microsoft.VisualStudio.Workload.VCTools --includeRecommended"',
    );
  }
  await packages();
}

function vswhere() {
  const base = process.env["ProgramFiles(x86)"] ?? "C:\\Program Files (x86)";
  return join(base, "Microsoft Visual Studio", "Installer", "vswhere.exe");
}

function toolchain() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new Failure(`Weir needs Node 20.19 or newer; this is ${process.versions.node}. Get it from https://nodejs.org`);
  }
  if (!which("cargo")) {
    const bin = join(homedir(), ".cargo", "bin");
    if (!existsSync(bin)) throw new Failure("Weir needs Rust, and cargo is not on the path. Get it from https://rustup.rs");
    process.env.PATH = `${bin}${delimiter}${process.env.PATH}`;
  }
  const wanted = /^rust-version = "(.+)"$/m.exec(readFileSync(join(root, "Cargo.toml"), "utf8"))[1];
  const there = /^rustc (\S+)/.exec(ask("rustc", ["--version"]) ?? "")?.[1] ?? "one that does not start";
  if (there.localeCompare(wanted, "en", { numeric: true }) < 0 || !/^\d/.test(there)) {
    throw new Failure(`Weir needs Rust ${wanted} or newer; this is ${there}. Run: rustup update stable`);
  }
}

/** Rust's own tools that not every installation has (`rustup --profile minimal`). */
function rust(components) {
  const missing = components.filter((name) => ask("cargo", [name === "rustfmt" ? "fmt" : name, "--version"]) === null);
  if (missing.length === 0) return;
  const command = `rustup component add ${missing.join(" ")}`;
  if (!which("rustup")) throw new Failure(`Weir's tests need ${missing.join(" and ")}, which this Rust came without. With rustup: ${command}`);
  title(`Adding ${missing.join(" and ")} to Rust`, "half a minute");
  const { status } = spawnSync("rustup", ["component", "add", ...missing], { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) throw new Failure(`Rust lacks ${missing.join(" and ")}. Run: ${command}`);
}

function installed(names) {
  const { stdout } = spawnSync("dpkg-query", ["-W", "-f=${Package} ${db:Status-Status}\n", ...names], { encoding: "utf8" });
  return new Set((stdout ?? "").split("\n").filter((line) => line.endsWith(" installed")).map((line) => line.split(" ")[0]));
}

function install(groups, required) {
  const packages = groups.flatMap((group) => PACKAGES[group]);
  const debian = which("apt-get") !== null;
  const there = debian ? installed(packages.map(({ name }) => name)) : new Set();
  const missing = packages.filter(({ name, have }) => !there.has(name) && (have ? !have() : debian)).map(({ name }) => name);
  if (missing.length === 0) return;
  if (!debian) {
    const hint = Object.entries(ELSEWHERE).map(([os, command]) => `  ${os}: ${command}`).join("\n");
    return lack(`This machine lacks ${missing.join(", ")} (Debian's names). Install them with your package manager:\n${hint}`, required);
  }
  title(`Installing system packages: ${missing.join(" ")}`, "1 to 3 minutes");
  const root = process.getuid() === 0;
  const by = root ? "" : "sudo ";
  const command = `${by}apt-get install --yes --no-install-recommends ${missing.join(" ")}`;
  if (!root && !which("sudo")) return lack(`Weir needs system packages. As root, run: ${command.slice(by.length)}`, required);
  const apt = (...args) => {
    const env = ["DEBIAN_FRONTEND=noninteractive", "apt-get", ...args];
    // The terminal is handed on, so that sudo can ask for the password.
    // Its progress is thousands of lines; what goes wrong it says on standard error.
    const stdio = ["inherit", "ignore", "inherit"];
    return spawnSync(root ? "env" : "sudo", root ? env : ["env", ...env], { stdio }).status === 0;
  };
  const updated = apt("update", "--quiet=2");
  if (apt("install", "--quiet=2", "--yes", "--no-install-recommends", ...missing)) return;
  const why = updated ? "apt-get could not install them (its words are above)" : "the package lists could not be fetched; is this machine online?";
  lack(`System packages are missing: ${why}. When that is mended, run: ${command}`, required);
}

function lack(sentence, required) {
  if (required) throw new Failure(sentence);
  say(`${sentence}\nGoing on without: the tests that need them are skipped and counted as skipped.`);
}

async function packages() {
  const lock = readFileSync(join(root, "package-lock.json"));
  const want = createHash("sha256").update(lock).update(process.versions.node).digest("hex");
  const stamp = join(root, "node_modules", ".weir-installed");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === want) return;
  title("Fetching the npm packages", "half a minute");
  const result = await npm(["ci", "--no-audit", "--no-fund"]);
  if (!result.ok) throw new Failure(`The npm packages could not be fetched: ${result.problem}. Is this machine online?`);
  writeFileSync(stamp, want);
}
