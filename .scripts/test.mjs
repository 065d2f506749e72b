// `npm test`: sets the machine up and passes every test there is. `npm test -- rust e2e` runs only the suites named.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { Failure, main, npm, root, run, say, which } from "./step.mjs";
import { COMPONENTS, check } from "./check.mjs";
import { page } from "./page.mjs";
import { chromium, setup } from "./setup.mjs";
import { Tally } from "./tally.mjs";
import { ffmpeg9, nginx, tauriDriver, windowTestsLack } from "./tools.mjs";

const SUITES = { check, rust, ui, e2e, fuzz };

main(async () => {
  const chosen = process.argv.slice(2);
  const unknown = chosen.filter((name) => !(name in SUITES));
  if (unknown.length) throw new Failure(`There is no suite called ${unknown.join(", ")}; there are ${Object.keys(SUITES).join(", ")}.`);
  say("Running every test of Weir: about 40 minutes on a new machine with two cores, about 20 once built.");
  await setup({ needed: ["build", "window"], wanted: ["test"], components: COMPONENTS });
  await page();
  const tally = new Tally();
  for (const [name, suite] of Object.entries(SUITES)) {
    if (chosen.length === 0 || chosen.includes(name)) await suite(tally);
  }
  return tally.close();
});

/** Builds everything but the window, with the programs that the tests start. */
const HEADLESS = ["test", "--locked", "--workspace", "--no-default-features", "--quiet"];

async function rust(tally) {
  await nginx();
  const env = { WEIR_FFMPEG_9: (await ffmpeg9()) ?? "" };
  const args = [...HEADLESS, "--no-fail-fast"];
  await tally.suite("Rust: units, vectors, engine, architecture, interoperability", "15 minutes the first time", "cargo",
    () => run("cargo", args, { env }),
    // By its whole name: not every test program takes more than one.
    (test) => run("cargo", [...args, "--lib", "--bins", "--tests", "--", "--exact", test], { env }));
}

async function ui(tally) {
  if (!chromium()) return tally.skip("UI components in a browser", "no Chromium on this machine");
  await tally.suite("UI components in a browser", "20 seconds", "vitest", () =>
    npm(["run", "--silent", "test:ui"], { env: { CHROMIUM: chromium(), NO_COLOR: "1" }, limit: 10 }));
}

async function e2e(tally) {
  // The program that the tests of Rust used: built anew with fewer features it would take a minute more.
  const headless = await tally.one("build: weir", null, () => run("cargo", [...HEADLESS, "--no-run"]));
  if (!chromium() || !which("ffmpeg")) tally.skip("the UI in Chromium", "Chromium or ffmpeg cannot be had");
  else if (!headless) tally.fail("the UI in Chromium", "weir could not be built");
  else await tally.suite("the UI in Chromium, served by weir", "1 minute", "node",
    () => node("browser", { CHROMIUM: chromium() }),
    (file) => nodeFiles([file], { CHROMIUM: chromium() }));

  // With the features of the window, which is built next: what both need is built once.
  const args = ["test", "--locked", "--package", "weir-desktop", "--package", "weir-tray", "--features", "custom-protocol,weir-tray/keychain", "--test", "keychain", "--quiet"];
  await tally.suite("the keychain of the system", "3 minutes the first time", "cargo", () => run("cargo", args));
  await realWindow(tally);
}

async function realWindow(tally) {
  const lack = windowTestsLack();
  if (lack) return tally.skip("the real window", lack);
  const args = ["build", "--locked", "--package", "weir-desktop", "--features", "custom-protocol", "--quiet"];
  const window = await tally.one("build: the window", "4 minutes the first time", () => run("cargo", args));
  if (!window) return tally.fail("the real window", "weir-desktop could not be built");
  await nginx();
  const driver = await tauriDriver();
  if (!driver) return tally.skip("the real window", "tauri-driver cannot be had");
  return tally.suite("the real window", "3 minutes", "node",
    () => node("window", { TAURI_DRIVER: driver }),
    (file) => nodeFiles([file], { TAURI_DRIVER: driver }));
}

function node(folder, env) {
  const at = join("tests", "e2e", folder);
  const files = readdirSync(join(root, at)).filter((name) => name.endsWith(".test.mjs")).map((name) => join(at, name));
  return nodeFiles(files, env);
}

function nodeFiles(files, env) {
  return run(process.execPath, ["--test", "--test-reporter=spec", "--test-concurrency=1", ...files], { env, limit: 10 });
}

async function fuzz(tally) {
  const { fuzz } = await import("./fuzz.mjs");
  await fuzz(tally);
}
