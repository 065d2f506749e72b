// What a streamer does on the first day, with the page as the only tool: the same in the window and in a browser.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect, publish, receive } from "./ffmpeg.mjs";
import { freePort, isListening, root, until } from "./program.mjs";

export const words = JSON.parse(readFileSync(join(root, "ui", "src", "i18n", "en.json"), "utf8"));

/** Settings of the program under test: short grace, so that the end of a stream shows soon. */
export const SETTINGS = '[rtmp]\nlisten = ["localhost:0"]\n\n[streams]\ngrace_seconds = 1.0\n';

const button = (word) => `//button[normalize-space()="${word}"]`;
const field = (label) => `//label[normalize-space()="${label}"]/following::input[1]`;
// Colours fade from one theme to the other, fonts load, and a picture shows what was drawn last. The mark may move for ever.
export const SETTLED = `return document.fonts.ready
  .then(() => Promise.race([
    Promise.all(document.getAnimations()
      .filter((it) => it.effect.getComputedTiming().endTime < 5000)
      .map((it) => it.finished.catch(() => {}))),
    // WebKit never finishes the transitions of what a closed disclosure hides.
    new Promise((resolve) => setTimeout(resolve, 2000)),
  ]))
  .then(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve(true)))))`;

/** Runs `body`; when it fails, a picture of what was there to be seen stays. */
export async function pictured(name, page, body) {
  try {
    await body();
  } catch (error) {
    const folder = join(root, "tests", "artifacts", name);
    mkdirSync(folder, { recursive: true });
    await Promise.resolve(page.picture()).then((picture) => writeFileSync(join(folder, "failed.png"), picture), () => {});
    throw error;
  }
}

const title = (word) => `Array.from(document.querySelectorAll("h1, h2, [role=heading]")).some((it) => it.textContent.trim() === ${JSON.stringify(word)})`;

/**
 * `page` has `run(expression)`, `click(xpath)`, `type(xpath, text)` and `picture()`. `name` is where it runs; `recordings`
 * the folder the files must appear in; `context` that of node:test.
 */
export async function journey({ name, page, recordings, context }) {
  const shown = (what, expression) => until(what, () => page.run(`return ${expression}`));
  const go = (id) => page.click(`//nav//a[@href="#/${id === "live" ? "" : id}"]`);
  const pictures = async (what) => {
    const folder = join(root, "tests", "artifacts", name);
    mkdirSync(folder, { recursive: true });
    const before = await page.run("return document.documentElement.dataset.theme");
    for (const theme of ["light", "dark"]) {
      await page.run(`document.documentElement.dataset.theme = "${theme}"`);
      await page.run(SETTLED);
      writeFileSync(join(folder, `${what}-${theme}.png`), await page.picture());
    }
    await page.run(`document.documentElement.dataset.theme = ${JSON.stringify(before)}`);
  };

  // The address waits to be copied.
  await shown("the address for the encoder", title(words["live.waiting.title"]));
  const [server, key] = await page.run('return Array.from(document.querySelectorAll("section code"), (it) => it.textContent)');
  assert.match(server, /^rtmp:\/\/[^/]+:\d+\/\w+$/);
  await pictures("waiting");

  // A destination is added before the stream comes.
  const port = await freePort();
  const platform = receive(`rtmp://127.0.0.1:${port}/live/relay`);
  context.after(() => platform.stop());
  await until("the platform to listen", () => isListening(port));
  await go("destinations");
  await shown("the destinations page", title(words["destinations.title"]));
  await page.click(button(words["destinations.add"]));
  await shown("the gallery", `document.querySelector('[data-preset="custom"]')`);
  await page.click(`//button[@data-preset="custom"]`);
  await shown("the form", `document.querySelector("[role=dialog] form")`);
  await page.type(field(words["form.url"]), `rtmp://127.0.0.1:${port}/live`);
  await page.type(field(words["form.key"]), "relay");
  await page.type(field(words["form.name"]), "Platform");
  await page.click(button(words.next));
  await shown("the last step", `Array.from(document.querySelectorAll("[role=dialog] button")).some((it) => it.textContent.trim() === ${JSON.stringify(words["form.add.do"])})`);
  await page.click(button(words["form.add.do"]));
  await shown("the destination in the list", `!${title(words["form.add.title"])} && document.querySelector("main").textContent.includes("Platform")`);

  // The encoder connects, and the stream appears by itself.
  await go("live");
  const encoder = publish(`${server}/${key}`);
  context.after(() => encoder.stop());
  const card = `document.querySelector('article[data-stream="${server.split("/").at(-1)}/${key}"]')`;
  await shown("the stream", card);
  await shown("its picture", `${card}.textContent.includes("1280 × 720") && ${card}.textContent.includes("H.264")`);
  await shown("its sound", `${card}.textContent.includes("AAC")`);
  await shown("its frame rate", `/\\b(29|30|31)(\\.\\d+)? fps/.test(${card}.textContent)`);
  await shown("its key frames", `/every 2(\\.0)? s/.test(${card}.textContent)`);
  await pictures("live");

  // The destination receives.
  const [, frames] = await platform.says(/^frame=\s*([1-9]\d*)/);
  assert.ok(Number(frames) > 0);
  await go("destinations");
  await shown("the destination to be live", `document.querySelector("main").textContent.includes(${JSON.stringify(words["destination.live"])})`);
  await pictures("destinations");
  await go("live");

  // A recording is started and stopped, and the file is there.
  await page.click(button(words["record.start"]));
  await shown("the recording", `${card}.querySelector("button[aria-pressed=true]")`);
  await shown("three seconds of it", `/\\b0?0:0?[3-9]\\b|\\b[3-9](\\.\\d)? s/.test(${card}.querySelector("button[aria-pressed=true]").parentElement.textContent)`);
  await pictures("recording");
  await page.click(button(words["record.stop"]));
  await shown("the end of the recording", `!${card}.querySelector("button[aria-pressed=true]")`);
  const files = readdirSync(recordings);
  assert.equal(files.length, 1, `one file: ${files}`);
  await go("recordings");
  await shown("the file in the list", `document.querySelector("main").textContent.includes(${JSON.stringify(files[0])})`);
  await shown("it to be finished", `!document.querySelector("main li.recording")`);
  await pictures("recordings");
  const about = inspect(join(recordings, files[0]));
  assert.equal(about.video.codec_name, "h264");
  assert.equal(about.audio.codec_name, "aac");
  assert.ok(about.duration > 2 && about.frames > 60, `${about.duration} s, ${about.frames} frames`);

  // The encoder goes, and the page waits for the next one.
  await go("live");
  await encoder.stop();
  await shown("the page to wait again", title(words["live.waiting.title"]));
  await go("settings");
  await shown("the settings", title(words["settings.title"] ?? "Settings"));
  await pictures("settings");
  await go("live");
}
