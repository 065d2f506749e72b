// `npm run bench:window`: how soon the window is there, what it keeps in memory, and how far its picture is behind the encoder.
// A release build, on a display of its own (Xvfb), steered through WebDriver. Options: --starts 10, --seconds 20, and
// --program PATH for one that is built already.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { Failure, main, must, root, say, title } from "./step.mjs";
import { page as buildPage } from "./page.mjs";
import { setup } from "./setup.mjs";
import { tauriDriver, windowTestsLack } from "./tools.mjs";

const { values: options } = parseArgs({
  options: { program: { type: "string" }, starts: { type: "string", default: "10" }, seconds: { type: "string", default: "20" } },
});
const program = options.program ?? join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "release", "weir-desktop");
const SETTINGS = '[rtmp]\nlisten = ["localhost:0"]\n';
const CANVAS = "article canvas[aria-label]";
/** Code for the page: where the encoder is to publish, and when that was shown. */
const ADDRESS = `const done = arguments[0];
  const look = () => {
    const [server, key] = Array.from(document.querySelectorAll("section code"), (it) => it.textContent);
    if (key) done({ server, key, shown: Date.now() });
    else requestAnimationFrame(look);
  };
  look();`;
const PICTURES = '//button[normalize-space()="Pictures"]';

main(async () => {
  const lack = windowTestsLack();
  if (lack) throw new Failure(lack);
  await setup({ needed: ["build", "window"], wanted: ["test"] });
  await buildPage();
  if (!options.program) {
    title("Building the window for speed", "8 minutes the first time");
    await must("cargo", ["build", "--locked", "--release", "--package", "weir-desktop", "--features", "custom-protocol"], { limit: 60 });
  }
  process.env.TAURI_DRIVER = await tauriDriver();
  if (!process.env.TAURI_DRIVER) throw new Failure("tauri-driver cannot be had, which steers the window.");
  const parts = [];
  for (const measure of [starts, memory, () => pictures(60), () => pictures(300)]) parts.push(await measure());
  say(`\n${parts.join("\n\n")}`);
});

/** Runs `body` with a window of its own, and ends it. */
async function withWindow(body) {
  const { display } = await import("../tests/e2e/window/display.mjs");
  const { open } = await import("../tests/e2e/window/steer.mjs");
  const after = [];
  const context = { after: (end) => after.unshift(end) };
  try {
    const screen = await display(context);
    // As a person has it: the program sets this by itself.
    delete screen.env.GST_PLUGIN_FEATURE_RANK;
    const opened = await open(context, screen, SETTINGS, program);
    await opened.window.manage().setTimeouts({ script: 120_000 });
    return await body({ ...opened, context });
  } finally {
    for (const end of after) await end();
  }
}

/** The processes of the window: the program itself, and those of its web view. */
function processes() {
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map((pid) => {
    try {
      return { pid, name: readFileSync(`/proc/${pid}/comm`, "utf8").trim(), parent: readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /, "").split(" ")[1] };
    } catch {
      return {};
    }
  });
  const own = all.find(({ name }) => name === "weir-desktop");
  const below = (pid) => all.filter(({ parent }) => parent === pid).flatMap((it) => [it, ...below(it.pid)]);
  return [own, ...below(own.pid)];
}

/** When a process was started, as the page's clock counts. */
function startOf(pid) {
  const ticks = Number(readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /, "").split(" ")[19]);
  const up = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
  return Date.now() - (up - ticks / 100) * 1000;
}

async function starts() {
  title(`Starting the window ${options.starts} times`);
  const [painted, ready] = [[], []];
  for (let run = 0; run < Number(options.starts); run += 1) {
    await withWindow(async ({ page }) => {
      const { shown } = await page.wait(ADDRESS);
      const began = startOf(processes()[0].pid);
      const paint = await page.run('return performance.timeOrigin + (performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN)');
      painted.push(paint - began);
      ready.push(shown - began);
    });
    say(`painted after ${Math.round(painted.at(-1))} ms, the address is there at the latest after ${Math.round(ready.at(-1))} ms`);
  }
  return `Start of the process to the first paint of the page, ms: ${spread(painted)}; to the address for the encoder: ${spread(ready)}`;
}

/** Proportional set size in MiB: what two processes share counts half for each. */
const size = (pid) => Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))[1]) / 1024;
const resident = (pid) => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024;
const rest = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

async function memory() {
  title("Memory of the window");
  const { clock } = await import("../tests/e2e/window/clock.mjs");
  return withWindow(async ({ page, context }) => {
    const lines = [];
    const count = (what) => {
      const all = processes().map(({ pid, name }) => ({ name, pss: size(pid), rss: resident(pid) }));
      const sum = all.reduce((sum, { pss }) => sum + pss, 0);
      lines.push(`${what}: ${sum.toFixed(0)} MiB (${all.map(({ name, pss, rss }) => `${name} ${pss.toFixed(0)} of ${rss.toFixed(0)} resident`).join(", ")})`);
      say(lines.at(-1));
    };
    const { server, key } = await page.wait(ADDRESS);
    await rest(10);
    count("nothing live");
    const encoder = clock(`${server}/${key}`, 60);
    context.after(() => encoder.stop());
    await page.click(PICTURES);
    await rest(20);
    count("one live stream, pictures off");
    await page.click(PICTURES);
    await rest(20);
    count("one live stream with its picture");
    return `Memory, proportional:\n${lines.join("\n")}`;
  });
}

async function pictures(keyFrames) {
  title(`The picture, with a key frame every ${keyFrames / 30} s`);
  const { AGES, OPENING, clock } = await import("../tests/e2e/window/clock.mjs");
  return withWindow(async ({ page, context }) => {
    const { server, key } = await page.wait(ADDRESS);
    const encoder = clock(`${server}/${key}`, keyFrames);
    context.after(() => encoder.stop());
    await page.click(PICTURES);
    const openings = [];
    for (let run = 0; run < 10; run += 1) {
      // At another place between two key frames each time.
      await rest(1 + (run * keyFrames) / 300);
      openings.push(await page.wait(OPENING, PICTURES, CANVAS));
      await page.click(PICTURES);
    }
    await page.click(PICTURES);
    await rest(2);
    const ages = await page.wait(AGES, CANVAS, Number(options.seconds) * 1000);
    const line = [
      `Key frames every ${keyFrames / 30} s: from the press to a picture, ms: ${spread(openings.map(({ picture }) => picture))}`,
      `to one at most 500 ms old: ${spread(openings.map(({ live }) => live))}`,
      `age of a picture when drawn, encoder included, ms: ${spread(ages)}, p99 ${percentile(ages, 0.99).toFixed(0)} (${ages.length} pictures)`,
    ].join("; ");
    say(line);
    return line;
  });
}

const percentile = (values, share) => values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))];
const spread = (values) => `${Math.min(...values).toFixed(0)} / ${percentile(values, 0.5).toFixed(0)} / ${Math.max(...values).toFixed(0)} (least, middle, most)`;
